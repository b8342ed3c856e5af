"""Any folder of pictures with a ``.pts`` file of the same name beside each, at any depth: what tools for 300-W write.

Every picture is a clip of one frame, named by its path below the folder, without the ending. ``val`` is what a file ``val.txt``
in the folder lists, a name a line; without that file it is cut by photo. Boxes of a face detector may lie in ``bbs/``, as in
300-W.
"""

from functools import partial

from srn_core.data.clip import Clip
from srn_core.data.problems import Problem, build_clips
from srn_core.data.readers.ibug_300w import BOXES, VAL_FRACTION, box_source, photo, read_photo
from srn_core.data.spec import DataSpec
from srn_core.data.splits import keep_split
from srn_core.errors import UserError
from srn_core.io.files import list_files, read_text

SPLITS = ("train", "val")
PATH = "folder"
VAL_LIST = "val.txt"


def read(spec: DataSpec, problems: list[Problem]) -> tuple[list[Clip], str, list[str]]:
    """All pictures of the split, ordered by name."""
    root = spec.root
    files = [file.relative_to(root) for file in list_files(root, ".pts", deep=True)]
    names = sorted(str(file.with_suffix("")) for file in files if file.parts[0] != BOXES)
    if (root / VAL_LIST).is_file() and spec.split is not None:
        listed = {line.strip() for line in read_text(root / VAL_LIST, "a list of names").splitlines() if line.strip()}
        if unknown := sorted(listed - set(names)):
            example = f", for example '{names[0]}'" if names else ""
            raise UserError(f"{root / VAL_LIST}: '{unknown[0]}': no such annotation; expected names of .pts files{example}")
        names = [name for name in names if (name in listed) == (spec.split == "val")]
    else:
        names = keep_split(names, spec.split, VAL_FRACTION, photo)
    return build_clips(names, partial(read_photo, root), problems), box_source(root, names), []

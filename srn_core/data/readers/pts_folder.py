"""Any folder of pictures with a ``.pts`` file of the same name beside each, at any depth: what tools for 300-W write.

Every picture is a clip of one frame, named by its path below the folder, without the ending. ``val`` is what a file ``val.txt``
in the folder lists, a name a line; without that file it is cut by photo.
"""

from pathlib import Path

from srn_core.data.clip import Clip, continuous
from srn_core.data.formats.pts import read_pts
from srn_core.data.readers.ibug_300w import VAL_FRACTION, photo
from srn_core.data.spec import DataSpec
from srn_core.data.splits import keep_split
from srn_core.errors import UserError
from srn_core.face.boxes import annotation_boxes
from srn_core.face.schemes import IBUG68
from srn_core.io.files import read_text
from srn_core.io.frames import ImageFiles
from srn_core.io.images import IMAGE_ENDINGS

SPLITS = ("train", "val")
PATH = "folder"
VAL_LIST = "val.txt"


def read(spec: DataSpec) -> tuple[list[Clip], str, list[str]]:
    """All pictures of the split, ordered by name."""
    root = spec.root
    names = sorted(str(file.relative_to(root).with_suffix("")) for file in root.rglob("*.pts"))
    if (root / VAL_LIST).is_file() and spec.split is not None:
        listed = set(read_text(root / VAL_LIST, "a list of names").split())
        if unknown := sorted(listed - set(names)):
            raise UserError(f"{root / VAL_LIST}: '{unknown[0]}': no such annotation; expected names as in '{names[0]}'")
        names = [name for name in names if (name in listed) == (spec.split == "val")]
    else:
        names = keep_split(names, spec.split, VAL_FRACTION, photo)
    return [_clip(root, name) for name in names], "annotation-derived box", []


def _clip(root: Path, name: str) -> Clip:
    points = read_pts(root / f"{name}.pts", IBUG68.num_landmarks)[None]
    for ending in IMAGE_ENDINGS:
        if (path := root / f"{name}{ending}").is_file():
            return Clip(name, points, annotation_boxes(points, [name]), ImageFiles((path,)), continuous(1), IBUG68)
    raise UserError(f"{root / name}.jpg: no such image, but {name}.pts exists; restore the image or remove the annotation")

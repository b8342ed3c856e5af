"""300-W in its own layout: ``afw/``, ``helen/trainset`` ... with ``NAME.jpg`` or ``.png`` beside ``NAME.pts``.

Every photo is a clip of one frame. A box is the detector's from ``bbs/<subset>/NAME.pts`` if that file exists, else it is
derived from the annotation. ``val`` is cut from the training part by photo, so that two faces of one photo stay together.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from srn_core.data.clip import Clip, continuous
from srn_core.data.formats.pts import read_pts
from srn_core.data.problems import Problem, build_clips
from srn_core.data.spec import DataSpec
from srn_core.data.splits import keep_split
from srn_core.errors import UserError
from srn_core.face.boxes import annotation_boxes
from srn_core.face.geometry import landmark_box
from srn_core.face.schemes import IBUG68
from srn_core.io.files import list_files, printable_name, with_ending
from srn_core.io.frames import ImageFiles
from srn_core.io.images import IMAGE_ENDINGS

TRAIN = ("afw", "lfpw/trainset", "helen/trainset")
COMMON = ("lfpw/testset", "helen/testset")
CHALLENGING = ("ibug",)
SUBSETS = {"train": TRAIN, "val": TRAIN, "common": COMMON, "challenging": CHALLENGING}
SUBSETS["test"] = SUBSETS["full"] = COMMON + CHALLENGING
SPLITS = tuple(SUBSETS)
PATH = "folder"
VAL_FRACTION = 0.1
BOXES = "bbs"


def read(spec: DataSpec, problems: list[Problem]) -> tuple[list[Clip], str, list[str]]:
    """All faces of the split's subsets; absent subsets become notes."""
    root = spec.root
    subsets = SUBSETS.get(spec.split or "", TRAIN + COMMON + CHALLENGING)
    present = [subset for subset in subsets if (root / subset).is_dir()]
    notes = [f"{root / subset}: absent" for subset in subsets if subset not in present]
    names = [f"{subset}/{file.stem}" for subset in present for file in list_files(root / subset, ".pts")]
    names = keep_split(names, spec.split, VAL_FRACTION, photo)
    return build_clips(names, partial(read_photo, root), problems), box_source(root, names), notes


def box_source(root: Path, names: Sequence[str]) -> str:
    """Where the boxes of photos come from, for reports."""
    boxed = sum(has_box(root, name) for name in names)
    if boxed == len(names):
        return "detector"
    return f"detector for {boxed} of {len(names)}, else annotation-derived box" if boxed else "annotation-derived box"


def photo(name: str) -> str:
    """``afw/1130084326_2`` -> ``afw/1130084326``: faces of one photo differ in the number after the underscore.

    That number has a digit or two. LFPW's photos have one face each and are named ``image_0001`` and so on.
    """
    stem, _, number = name.rpartition("_")
    return stem if stem and number.isdecimal() and len(number) < 3 else name


def read_photo(root: Path, name: str) -> Clip:
    """The clip of a photo: ``NAME.pts`` below ``root``, the picture beside it, and the detector's box if there is one.

    Raises:
        UserError: one of the files cannot be read, or the picture is missing.
    """
    points = read_pts(_annotation(root, name), IBUG68.num_landmarks)[None]
    shown, boxed = printable_name(name), has_box(root, name)
    boxes = landmark_box(read_pts(_annotation(root / BOXES, name), 4))[None] if boxed else annotation_boxes(points, [shown])
    path = with_ending(root / name, IMAGE_ENDINGS)
    if path is None:
        raise UserError(f"{root / name}.jpg: no such image, but {name}.pts exists; restore the image or remove the annotation")
    return Clip(shown, points, boxes, ImageFiles((path,)), continuous(1), IBUG68, None, photo(shown))


def has_box(root: Path, name: str) -> bool:
    """Whether there is a detector's box."""
    return _annotation(root / BOXES, name).is_file()


def _annotation(root: Path, name: str) -> Path:
    """``NAME.pts``, or ``NAME.PTS`` or ``NAME.Pts`` where that exists."""
    return with_ending(root / name, (".pts",)) or root / f"{name}.pts"

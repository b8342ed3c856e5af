"""300-W in its own layout: ``afw/``, ``helen/trainset`` ... with ``NAME.jpg`` or ``.png`` beside ``NAME.pts``.

Every photo is a clip of one frame. A box is the detector's from ``bbs/<subset>/NAME.pts`` if that file exists, else it is
derived from the annotation. ``val`` is cut from the training part by photo, so that two faces of one photo stay together.
"""

from pathlib import Path

from srn_core.data.clip import Clip, continuous
from srn_core.data.formats.pts import read_pts
from srn_core.data.spec import DataSpec
from srn_core.data.splits import keep_split
from srn_core.errors import UserError
from srn_core.face.boxes import annotation_boxes
from srn_core.face.geometry import landmark_box
from srn_core.face.schemes import IBUG68
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


def read(spec: DataSpec) -> tuple[list[Clip], str, list[str]]:
    """All faces of the split's subsets; absent subsets become notes."""
    root = spec.root
    subsets = SUBSETS.get(spec.split or "", TRAIN + COMMON + CHALLENGING)
    present = [subset for subset in subsets if (root / subset).is_dir()]
    notes = [f"{root / subset}: absent" for subset in subsets if subset not in present]
    names = [f"{subset}/{file.stem}" for subset in present for file in sorted((root / subset).glob("*.pts"))]
    names = keep_split(names, spec.split, VAL_FRACTION, photo)
    boxed = [(root / "bbs" / f"{name}.pts").is_file() for name in names]
    clips = [_clip(root, name, box) for name, box in zip(names, boxed, strict=True)]
    box_source = "detector" if all(boxed) else f"detector for {sum(boxed)} of {len(boxed)}, else annotation-derived box"
    return clips, box_source, notes


def photo(name: str) -> str:
    """``afw/1130084326_2`` -> ``afw/1130084326``: faces of one photo differ in the number after the underscore.

    That number has a digit or two. LFPW's photos have one face each and are named ``image_0001`` and so on.
    """
    stem, _, number = name.rpartition("_")
    return stem if stem and number.isdecimal() and len(number) < 3 else name


def _clip(root: Path, name: str, boxed: bool) -> Clip:
    points = read_pts(root / f"{name}.pts", IBUG68.num_landmarks)[None]
    boxes = landmark_box(read_pts(root / "bbs" / f"{name}.pts", 4))[None] if boxed else annotation_boxes(points, [name])
    for ending in IMAGE_ENDINGS:
        if (path := root / f"{name}{ending}").is_file():
            return Clip(name, points, boxes, ImageFiles((path,)), continuous(1), IBUG68, None, photo(name))
    raise UserError(f"{root / name}.jpg: no such image, but {name}.pts exists; restore the image or remove the annotation")

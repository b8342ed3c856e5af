"""300-W in its own layout: ``afw/``, ``helen/trainset`` ... with ``NAME.jpg`` or ``.png`` beside ``NAME.pts``.

Every photo is a clip of one frame. Boxes are the detector's from ``bbs/<subset>/NAME.pts`` where that file is there, else
derived from the annotation. ``val`` is cut from the training part by photo (two faces of one photo stay together).
"""

from __future__ import annotations

from pathlib import Path

from srn_core.data.clip import Clip, continuous
from srn_core.data.formats.pts import read_pts
from srn_core.data.spec import DataSpec, hold_out
from srn_core.errors import UserError
from srn_core.face.boxes import annotation_boxes
from srn_core.face.geometry import landmark_box
from srn_core.face.schemes import IBUG68
from srn_core.io.frames import ImageFiles

TRAIN = ("afw", "lfpw/trainset", "helen/trainset")
COMMON = ("lfpw/testset", "helen/testset")
CHALLENGING = ("ibug",)
SUBSETS = {"train": TRAIN, "val": TRAIN, "common": COMMON, "challenging": CHALLENGING}
SUBSETS["test"] = SUBSETS["full"] = COMMON + CHALLENGING
SPLITS = tuple(SUBSETS)
OPTIONS = ()
PATH = "folder"
VAL_FRACTION = 0.1


def read(spec: DataSpec) -> tuple[list[Clip], str, list[str]]:
    """All faces of the split's subsets; absent subsets become notes."""
    assert spec.path is not None
    root = spec.path
    subsets = SUBSETS.get(spec.split or "", TRAIN + COMMON + CHALLENGING)
    present = [subset for subset in subsets if (root / subset).is_dir()]
    notes = [f"{root / subset}: absent" for subset in subsets if subset not in present]
    names = [f"{subset}/{file.stem}" for subset in present for file in sorted((root / subset).glob("*.pts"))]
    if spec.split in ("train", "val"):
        held_out = hold_out([_photo(name) for name in names], VAL_FRACTION)
        names = [name for name in names if (_photo(name) in held_out) == (spec.split == "val")]
    boxed = [(root / "bbs" / f"{name}.pts").is_file() for name in names]
    clips = [_clip(root, name, box) for name, box in zip(names, boxed, strict=True)]
    box_source = "detector" if all(boxed) else f"detector for {sum(boxed)} of {len(boxed)}, else annotation-derived box"
    return clips, box_source, notes


def _photo(name: str) -> str:
    """``afw/1130084326_2`` -> ``afw/1130084326``: faces of one photo differ in the number behind the underscore.

    That number has a digit or two; LFPW's photos, a face each, are named ``image_0001`` and so on.
    """
    stem, _, number = name.rpartition("_")
    return stem if stem and number.isdecimal() and len(number) < 3 else name


def _clip(root: Path, name: str, boxed: bool) -> Clip:
    points = read_pts(root / f"{name}.pts", IBUG68.num_landmarks)[None]
    file = root / "bbs" / f"{name}.pts"
    boxes = landmark_box(read_pts(file, 4))[None] if boxed else annotation_boxes(points, [name])
    return Clip(name, points, boxes, ImageFiles((_image(root, name),)), continuous(1), IBUG68)


def _image(root: Path, name: str) -> Path:
    for ending in (".jpg", ".png", ".jpeg"):
        if (path := root / f"{name}{ending}").is_file():
            return path
    raise UserError(
        f"{root / name}.jpg: no such image, but the annotation {name}.pts is there; restore it or remove the annotation"
    )

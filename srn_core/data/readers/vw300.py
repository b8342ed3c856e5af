"""300VW and sets in its layout: ``NNN/vid.avi`` and ``NNN/annot/000001.pts`` ...; frames are decoded lazily.

In place of ``vid.avi`` there may be a folder ``NNN/frames`` with an image a frame, ``000001.png`` or ``.jpg`` ... A file
``NNN/excluded.txt`` lists the numbers of frames to leave out, from 1 on, with white space between: put the organisers' there.

The official test categories are known by clip number; every other clip belongs to the training part, from which ``val`` is
cut by clip. Source: https://ibug.doc.ic.ac.uk/resources/300-VW/.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from srn_core.data.clip import Clip, continuous
from srn_core.data.formats.pts import read_pts
from srn_core.data.spec import DataSpec, hold_out
from srn_core.errors import UserError
from srn_core.face.boxes import annotation_boxes
from srn_core.face.schemes import IBUG68
from srn_core.io.frames import FrameSource, ImageFiles, VideoFrames

CATEGORIES = {
    "1": "114 124 125 126 150 158 401 402 505 506 507 508 509 510 511 514 515 518 519 520 521 522 524 525 537 538 540 541 546 "
    "547 548",
    "2": "203 208 211 212 213 214 218 224 403 404 405 406 407 408 409 412 550 551 553",
    "3": "410 411 516 517 526 528 529 530 531 533 557 558 559 562",
}
SPLITS = ("train", "val", "test", "1", "2", "3")
OPTIONS = ()
PATH = "folder"
VAL_FRACTION = 0.25
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class KeptFrames:
    """Some of a source's frames."""

    source: FrameSource
    kept: tuple[int, ...]

    def __call__(self, t: int) -> np.ndarray:
        return self.source(self.kept[t])


def read(spec: DataSpec) -> tuple[list[Clip], str, list[str]]:
    """All videos of the split, ordered by number."""
    assert spec.path is not None
    folders = sorted(spec.path.iterdir())
    names = [folder.name for folder in folders if (folder / "annot").is_dir()]
    bare = [folder.name for folder in folders if (folder / "vid.avi").is_file() and folder.name not in names]
    official = {name: category for category, listed in CATEGORIES.items() for name in listed.split()}
    training = [name for name in names if name not in official]
    if spec.split in ("train", "val"):
        held_out = hold_out(training, VAL_FRACTION)
        names = [name for name in training if (name in held_out) == (spec.split == "val")]
    elif spec.split == "test":
        names = [name for name in names if name in official]
    elif spec.split is not None:
        names = [name for name in names if official.get(name) == spec.split]
    notes = [
        f"{spec.path}: no clip of category {c} is present"
        for c in CATEGORIES
        if spec.split in (c, "test") and c not in map(official.get, names)
    ]
    if bare:
        notes.append(f"{spec.path}: clips without a folder annot are left out: {', '.join(bare)}")
    return [_clip(spec.path / name) for name in names], "annotation-derived box", notes


def _clip(folder: Path) -> Clip:
    files = sorted((folder / "annot").glob("*.pts"), key=_number)
    if not files:
        raise UserError(f"{folder / 'annot'}: no .pts files; expected one a frame, 000001.pts ...")
    source, path = _frames(folder)
    if (count := source.count()) != len(files):
        raise UserError(f"{path}: {count} frames, but {len(files)} annotations beside it; expected one a frame")
    kept = _kept(folder / "excluded.txt", count)
    files = [files[t] for t in kept]
    points = np.stack([read_pts(file, IBUG68.num_landmarks) for file in files])
    boxes = annotation_boxes(points, [f"{folder.name}/{file.stem}" for file in files])
    if len(kept) == count:
        return Clip(folder.name, points, boxes, source, continuous(count), IBUG68)
    return Clip(folder.name, points, boxes, KeptFrames(source, tuple(kept)), np.diff(kept, prepend=-2) > 1, IBUG68)


def _kept(path: Path, count: int) -> list[int]:
    """The frames, counted from 0, that a list of excluded ones leaves of a clip of ``count``; all where there is no list."""
    words = path.read_text(encoding="utf-8", errors="replace").split() if path.is_file() else []
    for word in words:
        if not word.isdecimal() or not 1 <= int(word) <= count:
            raise UserError(f"{path}: '{word}' is no frame of the clip; expected whole numbers of 1 to {count}")
    kept = sorted(set(range(count)) - {int(word) - 1 for word in words})
    if not kept:
        raise UserError(f"{path}: leaves no frame of the clip; expected some of the {count} frames only")
    return kept


def _number(path: Path) -> tuple[int, str]:
    """In the order of the frames, also where their numbers are not padded: 2 before 10."""
    return int(path.stem) if path.stem.isdecimal() else 0, path.name


def _frames(folder: Path) -> tuple[VideoFrames | ImageFiles, Path]:
    """A clip's frames and where they lie."""
    images = folder / "frames"
    if not images.is_dir():
        return VideoFrames(folder / "vid.avi"), folder / "vid.avi"
    return ImageFiles(tuple(sorted((path for path in images.iterdir() if path.suffix in IMAGE_ENDINGS), key=_number))), images

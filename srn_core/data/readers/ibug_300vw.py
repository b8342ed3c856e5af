"""300-VW and sets in its layout: ``NNN/vid.avi`` and ``NNN/annot/000001.pts`` ...; frames are decoded on demand.

A folder ``NNN/frames`` with one image per frame, ``000001.png`` or ``.jpg`` ..., may stand in place of ``vid.avi``. A file
``NNN/excluded.txt`` lists frames to leave out: their numbers, from 1 on, separated by white space. Put the organisers' list
there.

The official test categories are known by clip number. Every other clip belongs to the training part, from which ``val`` is cut
by clip. Source: https://ibug.doc.ic.ac.uk/resources/300-VW/.
"""

from pathlib import Path

import numpy as np

from srn_core.data.clip import Clip, continuous
from srn_core.data.formats.pts import read_pts
from srn_core.data.spec import DataSpec
from srn_core.data.splits import keep_split
from srn_core.errors import UserError
from srn_core.face.boxes import annotation_boxes
from srn_core.face.schemes import IBUG68
from srn_core.io.frames import ChosenFrames, ImageFiles, VideoFrames
from srn_core.io.images import IMAGE_ENDINGS

CATEGORIES = {
    "1": "114 124 125 126 150 158 401 402 505 506 507 508 509 510 511 514 515 518 519 520 521 522 524 525 537 538 540 541 546 "
    "547 548",
    "2": "203 208 211 212 213 214 218 224 403 404 405 406 407 408 409 412 550 551 553",
    "3": "410 411 516 517 526 528 529 530 531 533 557 558 559 562",
}
SPLITS = ("train", "val", "test", "1", "2", "3")
PATH = "folder"
VAL_FRACTION = 0.25


def read(spec: DataSpec) -> tuple[list[Clip], str, list[str]]:
    """All videos of the split, ordered by number."""
    folders = sorted(spec.root.iterdir())
    names = [folder.name for folder in folders if (folder / "annot").is_dir()]
    bare = [folder.name for folder in folders if (folder / "vid.avi").is_file() and folder.name not in names]
    category = {name: number for number, listed in CATEGORIES.items() for name in listed.split()}
    notes = []
    if spec.split in ("train", "val"):
        names = keep_split([name for name in names if name not in category], spec.split, VAL_FRACTION, str)
    elif spec.split is not None:
        wanted = tuple(CATEGORIES) if spec.split == "test" else (spec.split,)
        names = [name for name in names if category.get(name) in wanted]
        absent = [number for number in wanted if number not in map(category.get, names)]
        notes = [f"{spec.root}: no clip of category {number} is present" for number in absent]
    if bare:
        notes.append(f"{spec.root}: clips without a folder annot are left out: {', '.join(bare)}")
    return [_clip(spec.root / name) for name in names], "annotation-derived box", notes


def _clip(folder: Path) -> Clip:
    files = sorted((folder / "annot").glob("*.pts"), key=_number)
    if not files:
        raise UserError(f"{folder / 'annot'}: no .pts files; expected one per frame, 000001.pts ...")
    images, path = folder / "frames", folder / "vid.avi"
    source: VideoFrames | ImageFiles = VideoFrames(path)
    if images.is_dir():
        path, found = images, (file for file in images.iterdir() if file.suffix in IMAGE_ENDINGS)
        source = ImageFiles(tuple(sorted(found, key=_number)))
    if (count := source.count()) != len(files):
        raise UserError(f"{path}: {count} frames, but {len(files)} annotations; expected one per frame")
    kept = _kept(folder / "excluded.txt", count)
    files = [files[t] for t in kept]
    points = np.stack([read_pts(file, IBUG68.num_landmarks) for file in files])
    boxes = annotation_boxes(points, [f"{folder.name}/{file.stem}" for file in files])
    if len(kept) == count:
        return Clip(folder.name, points, boxes, source, continuous(count), IBUG68)
    cuts = np.diff(kept, prepend=-2) > 1
    return Clip(folder.name, points, boxes, ChosenFrames(source, tuple(kept)), cuts, IBUG68)


def _kept(path: Path, count: int) -> list[int]:
    """The frames, counted from 0, that the list of excluded frames leaves; all ``count`` frames if there is no list."""
    words = path.read_text(encoding="utf-8", errors="replace").split() if path.is_file() else []
    for word in words:
        if not word.isdecimal() or not 1 <= int(word) <= count:
            raise UserError(f"{path}: '{word}' is not a frame of the clip; expected whole numbers from 1 to {count}")
    kept = sorted(set(range(count)) - {int(word) - 1 for word in words})
    if not kept:
        raise UserError(f"{path}: excludes all {count} frames of the clip; leave some of them out of the list")
    return kept


def _number(path: Path) -> tuple[int, str]:
    """Sorts by frame number also where numbers are not padded: 2 before 10."""
    return int(path.stem) if path.stem.isdecimal() else 0, path.name

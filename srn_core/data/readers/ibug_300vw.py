"""300-VW and sets in its layout: ``NNN/vid.avi`` and ``NNN/annot/000001.pts`` ...; frames are decoded on demand.

A folder ``NNN/frames`` with one image per frame, ``000001.png`` or ``.jpg`` ..., may stand in place of ``vid.avi``. Frames and
annotations are paired by number; the first frame of a video has number 1. What has no partner is left out and noted. Where a
video has fewer frames than annotations, and gaps in its times, frames are numbered by time. A file
``NNN/excluded.txt`` lists frames to leave out: their numbers, separated by white space. Put the organisers' list there. A file
``people.txt`` beside the clips says who is seen in each: lines like ``001 t01``.

The official test categories are known by clip number. Every other clip belongs to the training part, from which ``val`` is cut
by person, or by clip where there is no ``people.txt``. Source: https://ibug.doc.ic.ac.uk/resources/300-VW/.
"""

from collections.abc import Collection, Iterable
from functools import partial
from pathlib import Path

import numpy as np

from srn_core.data.clip import Clip
from srn_core.data.formats.pts import read_pts
from srn_core.data.problems import Problem, build_clips
from srn_core.data.spec import DataSpec
from srn_core.data.splits import keep_split
from srn_core.errors import UserError
from srn_core.face.boxes import annotation_boxes
from srn_core.face.schemes import IBUG68
from srn_core.io.files import list_files, printable_name, read_text
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
PEOPLE = "people.txt"


def read(spec: DataSpec, problems: list[Problem]) -> tuple[list[Clip], str, list[str]]:
    """All videos of the split, ordered by number."""
    folders = sorted(folder for folder in spec.root.iterdir() if not folder.name.startswith("."))
    names = [folder.name for folder in folders if (folder / "annot").is_dir()]
    bare = [folder.name for folder in folders if folder.name not in names and list_files(folder, "vid.avi")]
    people = _people(spec.root / PEOPLE, names)
    category = {name: number for number, listed in CATEGORIES.items() for name in listed.split()}
    notes = []
    if spec.split in ("train", "val"):
        names = keep_split([name for name in names if name not in category], spec.split, VAL_FRACTION, people.__getitem__)
    elif spec.split is not None:
        wanted = tuple(CATEGORIES) if spec.split == "test" else (spec.split,)
        names = [name for name in names if category.get(name) in wanted]
        absent = [number for number in wanted if number not in map(category.get, names)]
        notes = [f"{spec.root}: no clip of category {number} is present" for number in absent]
    if bare:
        notes.append(f"{spec.root}: clips without a folder annot are left out: {', '.join(bare)}")
    clips = build_clips([spec.root / name for name in names], partial(_clip, people, notes, problems), problems)
    return clips, "annotation-derived box", notes


def _people(path: Path, names: Iterable[str]) -> dict[str, str]:
    """Whose clip each is; the clip's own name where the list does not say."""
    people = {name: printable_name(name) for name in names}
    listed: dict[str, str] = {}
    lines = read_text(path, "lines of a clip and a person").splitlines() if path.is_file() else []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        if len(words) != 2 or (words[0] not in people and not (path.parent / words[0]).is_dir()):
            raise UserError(f"{path}: line {number} is '{line[:40]}'; expected a clip beside this file and a person: 001 t01")
        if listed.setdefault(words[0], words[1]) != words[1]:
            raise UserError(
                f"{path}: line {number}: {words[0]} is {listed[words[0]]} and {words[1]}; expected one person a clip"
            )
    return {**people, **listed}


def _clip(people: dict[str, str], notes: list[str], problems: list[Problem], folder: Path) -> Clip:
    annotations = _numbered(list_files(folder / "annot", ".pts"), folder / "annot")
    source, frames = _frames(folder, max(annotations))
    numbers = [number for number in sorted(annotations) if number in frames]
    name = printable_name(folder.name)
    notes += _gaps(folder, annotations, frames)
    numbers = _included(folder / "excluded.txt", numbers, frames)
    points = {}
    for number in numbers:
        try:
            points[number] = read_pts(annotations[number], IBUG68.num_landmarks)
        except UserError as error:
            problems.append(Problem(name, str(error), (number,)))
    if not points:
        raise UserError(f"{folder}: no frame has an annotation that can be read; expected frames and annotations of one number")
    landmarks, numbers = np.stack(list(points.values())), list(points)
    boxes = annotation_boxes(landmarks, [f"{name}/{annotations[number].stem}" for number in numbers])
    cuts = np.diff(numbers, prepend=-2) > 1
    kept = tuple(frames[number] for number in numbers)
    whole = kept == tuple(range(len(frames)))
    return Clip(
        name, landmarks, boxes, source if whole else ChosenFrames(source, kept), cuts, IBUG68, None, people[folder.name]
    )


def _frames(folder: Path, last: int) -> tuple[VideoFrames | ImageFiles, dict[int, int]]:
    """The pictures or the video, and number -> place of each frame; ``last`` is the highest number of an annotation."""
    images = folder / "frames"
    if images.is_dir():
        found = _numbered([path for ending in IMAGE_ENDINGS for path in list_files(images, ending)], images)
        return ImageFiles(tuple(found.values())), {number: place for place, number in enumerate(found)}
    videos = list_files(folder, "vid.avi")
    source = VideoFrames(videos[0] if videos else folder / "vid.avi")
    if source.begins_late():
        raise UserError(
            f"{source.path}: its first frames cannot be decoded, so the number of the others is not known; restore the file"
        )
    # Players hold the frame before a gap, and may have counted it again.
    numbers = source.places() if source.count() < last else range(source.count())
    return source, {number + 1: place for place, number in enumerate(numbers)}


def _numbered(paths: Iterable[Path], folder: Path) -> dict[int, Path]:
    """Number -> file, in rising order."""
    found: dict[int, Path] = {}
    for path in paths:
        if not path.stem.isdecimal():
            raise UserError(f"{path}: its name is no number; expected 000001{path.suffix} and so on")
        if other := found.get(int(path.stem)):
            raise UserError(f"{path}: has the number of {other.name}; remove one of the two")
        found[int(path.stem)] = path
    if not found:
        raise UserError(f"{folder}: no files of frames; expected one per frame, 000001 ...")
    return dict(sorted(found.items()))


def _gaps(folder: Path, annotations: Collection[int], frames: Collection[int]) -> list[str]:
    """A note on frames without annotation, and one on annotations without frame.

    Raises:
        UserError: one of the two counts from 0 and the other from 1: all would be shifted.
    """
    bare, lost = sorted(set(frames) - set(annotations)), sorted(set(annotations) - set(frames))
    if 0 in lost:
        raise UserError(f"{folder / 'annot'}: has a number 0; the first frame of a video has number 1; rename the files")
    if 0 in bare and max(annotations) > max(frames):
        raise UserError(
            f"{folder}: its frames are numbered from 0 to {max(frames)}, its annotations from {min(annotations)} to "
            f"{max(annotations)}; expected the same number for what belongs together; rename the files"
        )
    notes = [f"{folder}: frames without an annotation are left out: {_spans(bare)}"] if bare else []
    return notes + ([f"{folder}: annotations without a frame are left out: {_spans(lost)}"] if lost else [])


def _spans(numbers: list[int]) -> str:
    """Rising numbers as text: ``2, 5 to 9``."""
    starts = [i for i in range(len(numbers)) if i == 0 or numbers[i] - numbers[i - 1] > 1]
    parts = [numbers[i:j] for i, j in zip(starts, [*starts[1:], len(numbers)], strict=True)]
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]} to {part[-1]}" for part in parts)


def _included(path: Path, numbers: list[int], frames: Collection[int]) -> list[int]:
    """The numbers that the list of excluded frames leaves; all if there is no list."""
    words = read_text(path, "a list of frames").split() if path.is_file() else []
    for word in words:
        if not word.isdecimal() or int(word) not in frames:
            known = f"{min(frames)} to {max(frames)}"
            raise UserError(f"{path}: '{word}' is not a frame of the clip; expected whole numbers from {known}")
    included = sorted(set(numbers) - set(map(int, words)))
    if numbers and not included:
        raise UserError(f"{path}: excludes all {len(numbers)} frames of the clip; leave some of them out of the list")
    return included

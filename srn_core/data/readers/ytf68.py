"""YouTube Faces stills with 68 points: ``frames/clipNNNN_VF.jpg`` and ``keypoints.csv`` (0-based pixels).

A clip is a person; each of the person's videos starts with a cut. ``val`` is cut by person.
"""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

from srn_core.data.clip import Clip
from srn_core.data.formats.numbers import parse_numbers
from srn_core.data.problems import Problem, build_clips
from srn_core.data.spec import DataSpec
from srn_core.data.splits import keep_split
from srn_core.errors import UserError
from srn_core.face.boxes import annotation_boxes
from srn_core.face.schemes import IBUG68
from srn_core.io.files import read_text
from srn_core.io.folders import below
from srn_core.io.frames import ImageFiles

SPLITS = ("train", "val")
PATH = "folder"
VAL_FRACTION = 0.15
ROW = "a file name and 136 coordinates"


def read(spec: DataSpec, problems: list[Problem]) -> tuple[list[Clip], str, list[str]]:
    """All people of the split, ordered by number."""
    people: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    table, frames = spec.root / "keypoints.csv", spec.root / "frames"
    for name, points in _rows(table, problems):
        path = below(frames, name, table)
        if not path.is_file():
            text = f"{path}: no such file, but keypoints.csv has a row for it; restore it or remove the row"
            problems.append(Problem(name, text))
            continue
        person = people[name.partition("_")[0]]
        if name in person:
            raise UserError(f"{table}: two rows for {name}; expected one per frame")
        person[name] = points
    wanted = keep_split(sorted(people), spec.split, VAL_FRACTION, str)
    clips = build_clips(wanted, lambda person: _clip(frames, person, people[person]), problems)
    return clips, "annotation-derived box", []


def _rows(path: Path, problems: list[Problem]) -> list[tuple[str, np.ndarray]]:
    """The frames' names and their points ``(68, 2)`` float32."""
    rows = []
    try:
        lines = list(csv.reader(read_text(path, f"a CSV file with {ROW} in each row").splitlines()))
    except csv.Error as error:
        raise UserError(f"{path}: not a CSV file ({error}); expected {ROW} in each row") from None
    for number, row in enumerate(lines, 1):
        if number == 1 and row and row[0] == "":
            continue  # The heads of the columns.
        if not any(cell.strip() for cell in row):
            continue
        try:
            points = parse_numbers(row[1:], 136, f"{path}: line {number}", ROW)
        except UserError as error:
            problems.append(Problem(row[0], str(error)))
            continue
        rows.append((row[0], points.reshape(68, 2).astype(np.float32)))
    return rows


def _clip(folder: Path, person: str, frames: dict[str, np.ndarray]) -> Clip:
    names = sorted(frames)
    points = np.stack([frames[name] for name in names])
    videos = [name.partition("_")[2][:1] for name in names]
    cuts = np.array([True, *(a != b for a, b in zip(videos, videos[1:], strict=False))])
    source = ImageFiles(tuple(folder / name for name in names))
    return Clip(person, points, annotation_boxes(points, names), source, cuts, IBUG68)

"""YouTube Faces stills with 68 points: ``frames/clipNNNN_VF.jpg`` and ``keypoints.csv`` (0-based pixels).

A clip is a person; each of the person's videos starts with a cut. ``val`` is cut by person.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

from srn_core.data.clip import Clip
from srn_core.data.spec import DataSpec, hold_out
from srn_core.errors import UserError
from srn_core.face.boxes import annotation_boxes
from srn_core.face.schemes import IBUG68
from srn_core.io.frames import ImageFiles

SPLITS = ("train", "val")
OPTIONS = ()
PATH = "folder"
VAL_FRACTION = 0.15


def read(spec: DataSpec) -> tuple[list[Clip], str, list[str]]:
    """All people of the split, ordered by number."""
    assert spec.path is not None
    people: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    for name, points in _rows(spec.path / "keypoints.csv"):
        if not (spec.path / "frames" / name).is_file():
            raise UserError(
                f"{spec.path / 'frames' / name}: no such file, but keypoints.csv has a row for it; restore it or remove the row"
            )
        person = people[name.partition("_")[0]]
        if name in person:
            raise UserError(f"{spec.path / 'keypoints.csv'}: two rows for {name}; expected one a frame")
        person[name] = points
    held_out = hold_out(list(people), VAL_FRACTION)
    wanted = [p for p in sorted(people) if spec.split is None or (p in held_out) == (spec.split == "val")]
    return [_clip(spec.path, person, people[person]) for person in wanted], "annotation-derived box", []


def _rows(path: Path) -> list[tuple[str, np.ndarray]]:
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected a CSV with a file name and 136 coordinates a row")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            table = list(csv.reader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: no CSV file ({error}); expected a file name and 136 coordinates a row") from None
    rows = []
    for number, row in enumerate(table, 1):
        if number == 1 and row and row[0] == "":
            continue
        try:
            points = np.array([float(value) for value in row[1:]], np.float32)
        except ValueError:
            raise UserError(
                f"{path}: line {number} holds something that is no number; expected a file name and 136 coordinates"
            ) from None
        if len(points) != 136 or not np.isfinite(points).all():
            raise UserError(
                f"{path}: line {number} has {len(points)} coordinates or a nan; expected a file name and 136 finite ones"
            )
        rows.append((row[0], points.reshape(68, 2)))
    return rows


def _clip(root: Path, person: str, frames: dict[str, np.ndarray]) -> Clip:
    names = sorted(frames)
    points = np.stack([frames[name] for name in names])
    videos = [name.partition("_")[2][:1] for name in names]
    cuts = np.array([True, *(a != b for a, b in zip(videos, videos[1:], strict=False))])
    source = ImageFiles(tuple(root / "frames" / name for name in names))
    return Clip(person, points, annotation_boxes(points, names), source, cuts, IBUG68)

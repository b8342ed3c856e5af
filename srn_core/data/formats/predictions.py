"""Published predictions in the format of the COFW68 benchmark: four lines a face, pixels count from 1.

The face's number, the x of its points, their y, and a flag for each that the method holds hidden.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from srn_core.errors import UserError

LINES = 4


def read_predictions(path: Path, num_points: int) -> dict[str, np.ndarray]:
    """The number of each face, as text -> its points ``(num_points, 2)`` float32, 0-based pixels.

    Raises:
        UserError: the file is missing, has another number of points, a face twice, or something that is no number.
    """
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); expected a file of predictions") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: no text; expected a file of predictions, four lines a face") from None
    if not lines or len(lines) % LINES:
        raise UserError(f"{path}: {len(lines)} lines; expected four a face: number, x's, y's, occlusion flags")
    faces: dict[str, np.ndarray] = {}
    for first in range(0, len(lines), LINES):
        (number, *more), *rows = lines[first : first + LINES]
        place = f"{path}: face {first // LINES + 1} of the file"
        if more or not number.isdecimal():
            raise UserError(f"{place}: '{' '.join([number, *more])[:40]}' in place of its number; expected one whole number")
        if number in faces:
            raise UserError(f"{place}: number {number} a second time; remove one of the two")
        faces[number] = _points(rows, num_points, f"{place} (number {number})")
    return faces


def _points(rows: list[list[str]], num_points: int, place: str) -> np.ndarray:
    if any(len(row) != num_points for row in rows):
        given = ", ".join(str(len(row)) for row in rows)
        raise UserError(f"{place}: {given} values in its lines; expected {num_points} x's, y's and flags")
    try:
        points = np.array(rows[:2], np.float64).T - 1
    except ValueError:
        raise UserError(f"{place}: holds something that is no number; expected {num_points} x's and y's") from None
    if not np.isfinite(points).all():
        raise UserError(f"{place}: holds nan or inf; expected {num_points} finite x's and y's")
    return points.astype(np.float32)

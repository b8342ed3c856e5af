"""Published predictions in the format of the COFW68 benchmark: four lines per face; pixels count from 1.

The lines are the face's number, the x of its points, their y, and a flag for each point that the method calls hidden.
"""

from pathlib import Path

import numpy as np

from srn_core.data.formats.numbers import parse_numbers
from srn_core.errors import UserError
from srn_core.io.files import read_text

LINES = 4


def read_predictions(path: Path, num_points: int) -> dict[str, np.ndarray]:
    """The number of each face, as text -> its points ``(num_points, 2)`` float32, 0-based pixels.

    Raises:
        UserError: the file is missing, has another number of points, a face twice, or something that is no number.
    """
    text = read_text(path, "a file of predictions, four lines per face")
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if not lines or len(lines) % LINES:
        raise UserError(f"{path}: {len(lines)} lines; expected four per face: number, x's, y's, occlusion flags")
    faces: dict[str, np.ndarray] = {}
    for first in range(0, len(lines), LINES):
        (number, *more), *rows = lines[first : first + LINES]
        place = f"{path}: face {first // LINES + 1} of the file"
        if more or not number.isdecimal():
            raise UserError(f"{place}: the line of its number is '{' '.join([number, *more])[:40]}'; expected one whole number")
        if number in faces:
            raise UserError(f"{place}: number {number} appears a second time; remove one of the two")
        x, y, _ = (
            parse_numbers(row, num_points, f"{place} (number {number})", f"{num_points} x's, y's and flags") for row in rows
        )
        faces[number] = (np.stack([x, y], 1) - 1).astype(np.float32)
    return faces

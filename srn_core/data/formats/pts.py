"""``.pts`` annotation files (1-based in the file, 0-based here)."""

from pathlib import Path

import numpy as np

from srn_core.data.formats.numbers import parse_numbers
from srn_core.errors import UserError
from srn_core.io.files import read_text


def read_pts(path: Path, num_points: int) -> np.ndarray:
    """Read ``num_points`` points: ``(num_points, 2)`` float32, 0-based pixels.

    Raises:
        UserError: the file is missing, has another number of points, or a value that is no finite number.
    """
    text = read_text(path, "a .pts file", errors="replace")
    if "{" not in text:
        raise UserError(f"{path}: has no {{ and }}; expected a .pts file: {num_points} lines 'x y' between {{ and }}")
    words = text.partition("{")[2].partition("}")[0].split()
    values = parse_numbers(words, 2 * num_points, path, f"{num_points} points, a line 'x y' each")
    return (values.reshape(-1, 2) - 1).astype(np.float32)


def write_pts(path: Path, points: np.ndarray) -> None:
    """Write points ``(N, 2)``, 0-based pixels."""
    lines = "\n".join(f"{x:.5f} {y:.5f}" for x, y in points.astype(np.float64) + 1)
    path.write_text(f"version: 1\nn_points: {len(points)}\n{{\n{lines}\n}}\n", encoding="utf-8")

"""``.pts`` annotation files (1-based in the file, 0-based here)."""

import re
from pathlib import Path

import numpy as np

from srn_core.data.formats.numbers import parse_numbers
from srn_core.errors import UserError
from srn_core.io.files import read_text

COMMENT = re.compile(r"(//|#).*")


def read_pts(path: Path, num_points: int) -> np.ndarray:
    """Read ``num_points`` points: ``(num_points, 2)`` float32, 0-based pixels. Comments begin with ``//`` or ``#``.

    Raises:
        UserError: the file is missing or cut short, has another number of points, or a value that is no finite number.
    """
    text = COMMENT.sub("", read_text(path, "a .pts file", errors="replace"))
    _, opened, after = text.partition("{")
    points, closed, _ = after.partition("}")
    if not closed:
        said = "ends before the }, so it is cut short" if opened else "has no { and }"
        raise UserError(f"{path}: {said}; expected a .pts file: {num_points} lines 'x y' between {{ and }}")
    words = points.split()
    values = parse_numbers(words, 2 * num_points, path, f"{num_points} points, a line 'x y' each")
    return (values.reshape(-1, 2) - 1).astype(np.float32)


def write_pts(path: Path, points: np.ndarray) -> None:
    """Write points ``(N, 2)``, 0-based pixels."""
    lines = "\n".join(f"{x:.5f} {y:.5f}" for x, y in points.astype(np.float64) + 1)
    path.write_text(f"version: 1\nn_points: {len(points)}\n{{\n{lines}\n}}\n", encoding="utf-8")

"""Checks that the parsers of annotation files share."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from srn_core.errors import UserError

LARGEST = 1e15


def parse_numbers(words: Sequence[str], count: int, place: str | Path, expected: str) -> np.ndarray:
    """``count`` finite numbers as ``(count,)`` float64.

    Args:
        words: the texts of the numbers.
        count: how many there must be.
        place: the file, and the line in it, for the message.
        expected: what belongs there, for the message.

    Raises:
        UserError: a word is no finite number, or their count is another.
    """
    values = np.array([_number(word, place, expected) for word in words], np.float64)
    if len(values) != count:
        raise UserError(f"{place}: {len(values)} numbers; expected {count} ({expected}); correct or remove it")
    if not _finite(values):
        raise UserError(f"{place}: holds nan, inf or a number too large; expected {expected}, all finite")
    return values


def check_array(place: Path, name: str, values: np.ndarray, shape: tuple[int, ...]) -> None:
    """Raise a :class:`UserError` unless an array of a file has this shape and holds finite numbers."""
    if values.shape != shape or values.dtype.kind not in "biuf" or not _finite(values):
        given = f"{values.dtype}, {' x '.join(map(str, values.shape))}"
        wanted = f"finite numbers, {' x '.join(map(str, shape))}"
        raise UserError(f"{place}: '{name}' is {given}; expected {wanted}; restore the file")


def _number(word: str, place: str | Path, expected: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise UserError(f"{place}: {word[:20]!r} is not a number; expected {expected}") from None


def _finite(values: np.ndarray) -> bool:
    """Whether all numbers are finite and small enough for clips, which hold float32 and square them."""
    return bool((np.abs(values.astype(np.float64)) <= LARGEST).all())

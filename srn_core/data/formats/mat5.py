"""Whether a MATLAB 5 file is sound. SciPy does not look at the kinds of numbers in it, and a wrong kind ends Python."""

import zlib
from collections.abc import Iterator

MATRIX, COMPRESSED = 14, 15
NUMBERS = {1, 2, 3, 4, 5, 6, 7, 9, 12, 13}
KINDS = {*NUMBERS, MATRIX, 16, 17, 18}
# Classes of arrays that hold numbers alone, and the flag of complex numbers.
NUMERIC_CLASSES, COMPLEX = range(6, 16), 0x800
DEEPEST, MOST_BYTES = 20, 1 << 28


def check_mat5(data: bytes) -> None:
    """Check the parts of a file; another version of the format is not looked at.

    Source: MATLAB's MAT-File Format, level 5.

    Raises:
        ValueError: a part is cut short, or of a kind that it cannot have.
    """
    if data[126:128] not in (b"IM", b"MI"):
        return
    order = "little" if data[126:128] == b"IM" else "big"
    for kind, part in _parts(data[128:], order):
        if kind == COMPRESSED:
            part = zlib.decompressobj().decompress(part, MOST_BYTES)
            for inner, matrix in _parts(part, order):
                _check_matrix(inner, matrix, order)
        else:
            _check_matrix(kind, part, order)


def _parts(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """The parts one after the other: kind and bytes. Each starts with its kind and length, and is padded to 8 bytes."""
    at = 0
    while at < len(data):
        tag = _number(data, at, order)
        short = tag >> 16
        kind, length, start = (tag & 0xFFFF, short, at + 4) if short else (tag, _number(data, at + 4, order), at + 8)
        if start + length > len(data) or (short > 4):
            raise ValueError("a part is cut short")
        yield kind, data[start : start + length]
        at = at + 8 if short else start + length + (-length % 8 if kind != COMPRESSED else 0)


def _number(data: bytes, at: int, order: str) -> int:
    if at + 4 > len(data):
        raise ValueError("a part is cut short")
    return int.from_bytes(data[at : at + 4], "little" if order == "little" else "big")


def _check_matrix(kind: int, data: bytes, order: str, depth: int = 0) -> None:
    if kind != MATRIX or depth > DEEPEST:
        raise ValueError(f"a part of kind {kind} instead of an array")
    if not data:
        return
    parts = list(_parts(data, order))
    if unknown := [kind for kind, _ in parts if kind not in KINDS]:
        raise ValueError(f"a part of the unknown kind {unknown[0]}")
    if len(parts) < 3 or [kind for kind, _ in parts[:3]] not in ([6, 5, 1], [6, 5, 2]) or len(parts[0][1]) != 8:
        raise ValueError("an array without class, size or name")
    flags = _number(parts[0][1], 0, order)
    numbers = [kind for kind, _ in parts[3:]]
    if flags & 0xFF in NUMERIC_CLASSES and (len(numbers) != 1 + bool(flags & COMPLEX) or set(numbers) - NUMBERS):
        raise ValueError("an array whose numbers are missing or of another kind")
    for inner, part in parts[3:]:
        if inner == MATRIX:
            _check_matrix(inner, part, order, depth + 1)

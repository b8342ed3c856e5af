"""Damage to files: bytes that are cut, flipped, repeated or exchanged, and fields of texts that are swapped or absurd."""

import re
from collections.abc import Callable

import numpy as np

ABSURD = [
    *(
        b"nan",
        b"inf",
        b"-inf",
        b"1e400",
        b"1e300",
        b"-1e38",
        b"1e-320",
        b"-0",
        b"0",
        b"-1",
        b"99999999999999999999",
        b"1" * 5000,
        b"1.5",
    ),
    *(b"", b"null", b"{}", b"[]", b'"', b"../../etc/passwd", b"/dev/zero", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", "٣".encode()),
]
FIELD = re.compile(rb"[^\s,;:{}\[\]\"]+")
Mutation = Callable[[bytes, np.random.Generator], bytes]


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """The data after one to three changes of random kinds."""
    for _ in range(rng.integers(1, 4)):
        data = MUTATIONS[rng.integers(len(MUTATIONS))](data, rng)
    return data


def _cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: rng.integers(len(data) + 1)]


def _random(data: bytes, rng: np.random.Generator) -> bytes:
    return bytes(rng.integers(0, 256, rng.integers(0, 300), np.uint8))


def _flip(data: bytes, rng: np.random.Generator) -> bytes:
    values = np.frombuffer(data, np.uint8).copy()
    if len(values):
        places = rng.integers(len(values), size=rng.integers(1, 9))
        values[places] ^= (1 << rng.integers(0, 8, len(places))).astype(np.uint8)
    return values.tobytes()


def _flip_early(data: bytes, rng: np.random.Generator) -> bytes:
    """In a binary file, the header is what matters."""
    return _flip(data[:200], rng) + data[200:]


def _repeat(data: bytes, rng: np.random.Generator) -> bytes:
    first, last = sorted(rng.integers(len(data) + 1, size=2))
    place = rng.integers(len(data) + 1)
    return data[:place] + data[first:last] + data[place:]


def _drop(data: bytes, rng: np.random.Generator) -> bytes:
    first, last = sorted(rng.integers(len(data) + 1, size=2))
    return data[:first] + data[last:]


def _absurd_field(data: bytes, rng: np.random.Generator) -> bytes:
    fields = list(FIELD.finditer(data[:100_000]))
    if not fields:
        return data
    chosen = fields[rng.integers(len(fields))]
    return data[: chosen.start()] + ABSURD[rng.integers(len(ABSURD))] + data[chosen.end() :]


def _swap_fields(data: bytes, rng: np.random.Generator) -> bytes:
    fields = list(FIELD.finditer(data[:100_000]))
    if len(fields) < 2:
        return data
    one, two = (fields[i] for i in sorted(rng.choice(len(fields), 2, replace=False)))
    return data[: one.start()] + two[0] + data[one.end() : two.start()] + one[0] + data[two.end() :]


def _swap_lines(data: bytes, rng: np.random.Generator) -> bytes:
    lines = data.split(b"\n")
    rng.shuffle(lines)
    return b"\n".join(lines)


MUTATIONS: list[Mutation] = [
    _cut, _random, _flip, _flip_early, _repeat, _drop, _absurd_field, _absurd_field, _swap_fields, _swap_lines,
]  # fmt: skip

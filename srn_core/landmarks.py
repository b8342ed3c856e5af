"""Landmark schemes as data: every index that the package knows stands in this table.

Indices are 0-based (``.pts`` files count from 1). "Right" is the subject's right, which is the left of the image.
Source of the 68-point scheme: https://ibug.doc.ic.ac.uk/resources/300-W/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np


def _span(first: int, last: int) -> tuple[int, ...]:
    return tuple(range(first, last + 1))


@dataclass(frozen=True)
class Scheme:
    """One way to place landmarks on a face.

    Attributes:
        name: what data specs, configs and checkpoints call it.
        num_landmarks: L.
        groups: facial component -> its landmarks; the components partition ``range(L)`` (SRN's six groups, eq. 6).
        neighbourhoods: coarser region -> the components it unites (SRN's three neighbourhood maps).
        adjacency: region -> the regions whose maps its components read (eq. 6).
        mirror_pairs: (right, left) landmarks that a horizontal flip swaps; all others lie on the midline.
        eye_corners: the two outer eye corners, whose distance is the inter-ocular normaliser.
        pupils: the landmarks whose mean is the right pupil, and those of the left.
        contours: polylines to draw; a contour that ends where it begins is closed.
    """

    name: str
    num_landmarks: int
    groups: Mapping[str, tuple[int, ...]]
    neighbourhoods: Mapping[str, tuple[str, ...]]
    adjacency: Mapping[str, tuple[str, ...]]
    mirror_pairs: tuple[tuple[int, int], ...]
    eye_corners: tuple[int, int]
    pupils: tuple[tuple[int, ...], tuple[int, ...]]
    contours: tuple[tuple[int, ...], ...]

    @cached_property
    def mirror(self) -> np.ndarray:
        """``(L,)`` permutation: landmark ``i`` of a flipped face is landmark ``mirror[i]`` of the original."""
        order = np.arange(self.num_landmarks)
        for right, left in self.mirror_pairs:
            order[right], order[left] = left, right
        return order


IBUG68 = Scheme(
    name="68",
    num_landmarks=68,
    groups={
        "right_cheek": _span(0, 8),
        "left_cheek": _span(9, 16),
        "brow": _span(17, 26),
        "nose": _span(27, 35),
        "eye": _span(36, 47),
        "mouth": _span(48, 67),
    },
    neighbourhoods={
        "ocular": ("brow", "eye"),
        "snout": ("nose", "mouth"),
        "cheek": ("right_cheek", "left_cheek"),
    },
    adjacency={"ocular": ("ocular", "snout"), "snout": ("ocular", "snout", "cheek"), "cheek": ("snout", "cheek")},
    mirror_pairs=(
        *((i, 16 - i) for i in range(8)),
        *((17 + i, 26 - i) for i in range(5)),
        *((31 + i, 35 - i) for i in range(2)),
        *((36 + i, 45 - i) for i in range(4)),
        *((40 + i, 47 - i) for i in range(2)),
        *((48 + i, 54 - i) for i in range(3)),
        *((55 + i, 59 - i) for i in range(2)),
        *((60 + i, 64 - i) for i in range(2)),
        (65, 67),
    ),
    eye_corners=(36, 45),
    pupils=(_span(36, 41), _span(42, 47)),
    contours=(
        _span(0, 16),
        _span(17, 21),
        _span(22, 26),
        _span(27, 30),
        _span(31, 35),
        (*_span(36, 41), 36),
        (*_span(42, 47), 42),
        (*_span(48, 59), 48),
        (*_span(60, 67), 60),
    ),
)

SCHEMES: Mapping[str, Scheme] = {IBUG68.name: IBUG68}

"""Landmark schemes as data: every index that the package knows stands in this table.

Indices are 0-based (``.pts`` files count from 1). "Right" is the subject's right, which is the left of the image.
Sources: 68 points https://ibug.doc.ic.ac.uk/resources/300-W/; 29 points (COFW) Burgos-Artizzu et al., ICCV 2013; 98 points
(WFLW) https://wywu.github.io/projects/LAB/WFLW.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

Normaliser = Literal["inter-ocular", "inter-pupil", "box"]


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
        contours: polylines to draw, no landmark in two of them; a contour that ends where it begins is closed.
        normaliser: what the errors of its benchmark are divided by.
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
    normaliser: Normaliser = "inter-ocular"

    @cached_property
    def mirror(self) -> np.ndarray:
        """``(L,)`` permutation: landmark ``i`` of a flipped face is landmark ``mirror[i]`` of the original."""
        order = np.arange(self.num_landmarks)
        for right, left in self.mirror_pairs:
            order[right], order[left] = left, right
        return order


_ADJACENCY = {"ocular": ("ocular", "snout"), "snout": ("ocular", "snout", "cheek"), "cheek": ("snout", "cheek")}

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
    adjacency=_ADJACENCY,
    mirror_pairs=(
        *((i, 16 - i) for i in range(8)),
        *((17 + i, 26 - i) for i in range(5)),
        *((31 + i, 35 - i) for i in range(2)),
        *((36 + i, 45 - i) for i in range(4)),
        *((40 + i, 47 - i) for i in range(2)),
        *((48 + i, 54 - i) for i in range(3)),
        *((58 + i, 56 - i) for i in range(2)),
        *((60 + i, 64 - i) for i in range(2)),
        (67, 65),
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

COFW29 = Scheme(
    name="29",
    num_landmarks=29,
    groups={
        "brow": _span(0, 7),
        "eye": _span(8, 17),
        "nose": _span(18, 21),
        "mouth": _span(22, 27),
        "chin": (28,),
    },
    neighbourhoods={"ocular": ("brow", "eye"), "snout": ("nose", "mouth"), "cheek": ("chin",)},
    adjacency=_ADJACENCY,
    mirror_pairs=(
        *((i, i + 1) for i in (0, 2, 8, 10, 16, 18, 22)),
        *((i, i + 2) for i in (4, 5, 12, 13)),
    ),
    eye_corners=(8, 9),
    pupils=((16,), (17,)),
    contours=(
        (0, 4, 2, 5, 0),
        (1, 6, 3, 7, 1),
        (8, 12, 10, 13, 8),
        (9, 14, 11, 15, 9),
        (18, 21, 19),
        (22, 24, 23, 27, 22),
    ),
    normaliser="inter-pupil",
)

WFLW98 = Scheme(
    name="98",
    num_landmarks=98,
    groups={
        "right_cheek": _span(0, 16),
        "left_cheek": _span(17, 32),
        "brow": _span(33, 50),
        "nose": _span(51, 59),
        "eye": (*_span(60, 75), 96, 97),
        "mouth": _span(76, 95),
    },
    neighbourhoods=IBUG68.neighbourhoods,
    adjacency=_ADJACENCY,
    mirror_pairs=(
        *((i, 32 - i) for i in range(16)),
        *((33 + i, 46 - i) for i in range(5)),
        *((38 + i, 50 - i) for i in range(4)),
        *((55 + i, 59 - i) for i in range(2)),
        *((60 + i, 72 - i) for i in range(5)),
        *((65 + i, 75 - i) for i in range(3)),
        *((76 + i, 82 - i) for i in range(3)),
        *((86 + i, 84 - i) for i in range(2)),
        *((88 + i, 92 - i) for i in range(2)),
        (95, 93),
        (96, 97),
    ),
    eye_corners=(60, 72),
    pupils=((96,), (97,)),
    contours=(
        _span(0, 32),
        (*_span(33, 41), 33),
        (*_span(42, 50), 42),
        _span(51, 54),
        _span(55, 59),
        (*_span(60, 67), 60),
        (*_span(68, 75), 68),
        (*_span(76, 87), 76),
        (*_span(88, 95), 88),
    ),
)

SCHEMES: Mapping[str, Scheme] = {scheme.name: scheme for scheme in (IBUG68, COFW29, WFLW98)}

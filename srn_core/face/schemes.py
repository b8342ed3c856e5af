"""Landmark schemes as data: all landmark indices of the package are in this table.

Indices are 0-based (``.pts`` files count from 1). "Right" is the subject's right, which is the left of the image.
Sources: 68 points https://ibug.doc.ic.ac.uk/resources/300-W/; 29 points (COFW) Burgos-Artizzu et al., ICCV 2013; 98 points
(WFLW) https://wywu.github.io/projects/LAB/WFLW.html.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

Normaliser = Literal["inter-ocular", "inter-pupil", "box"]


def _span(first: int, last: int) -> tuple[int, ...]:
    return tuple(range(first, last + 1))


def _pairs(*runs: tuple[int, int, int]) -> tuple[tuple[int, int], ...]:
    """Runs (right, left, count) of mirror pairs: numbers go up on the right and down on the left."""
    return tuple((right + i, left - i) for right, left, count in runs for i in range(count))


def _contours(*spans: tuple[int, int], closed: tuple[tuple[int, int], ...]) -> tuple[tuple[int, ...], ...]:
    """Polylines through spans (first, last) of landmarks; the closed ones go back to their first."""
    return (*(_span(*span) for span in spans), *((*_span(*span), span[0]) for span in closed))


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
        pupils: the landmarks whose mean is the right pupil, and the landmarks of the left pupil.
        contours: polylines to draw; no landmark is in two of them. A contour that ends where it begins is closed.
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
    neighbourhoods={"ocular": ("brow", "eye"), "snout": ("nose", "mouth"), "cheek": ("right_cheek", "left_cheek")},
    adjacency=_ADJACENCY,
    mirror_pairs=_pairs(
        (0, 16, 8), (17, 26, 5), (31, 35, 2), (36, 45, 4), (40, 47, 2), (48, 54, 3), (58, 56, 2), (60, 64, 2), (67, 65, 1)
    ),
    eye_corners=(36, 45),
    pupils=(_span(36, 41), _span(42, 47)),
    contours=_contours((0, 16), (17, 21), (22, 26), (27, 30), (31, 35), closed=((36, 41), (42, 47), (48, 59), (60, 67))),
)  # fmt: skip

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
    mirror_pairs=(*((i, i + 1) for i in (0, 2, 8, 10, 16, 18, 22)), *((i, i + 2) for i in (4, 5, 12, 13))),
    eye_corners=(8, 9),
    pupils=((16,), (17,)),
    contours=(
        (0, 4, 2, 5, 0), (1, 6, 3, 7, 1), (8, 12, 10, 13, 8), (9, 14, 11, 15, 9), (18, 21, 19), (22, 24, 23, 27, 22)
    ),
    normaliser="inter-pupil",
)  # fmt: skip

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
    mirror_pairs=_pairs(
        (0, 32, 16), (33, 46, 5), (38, 50, 4), (55, 59, 2), (60, 72, 5), (65, 75, 3), (76, 82, 3), (86, 84, 2), (88, 92, 2),
        (95, 93, 1), (96, 97, 1),
    ),
    eye_corners=(60, 72),
    pupils=((96,), (97,)),
    contours=_contours((0, 32), closed=((33, 41), (42, 50)))
    + _contours((51, 54), (55, 59), closed=((60, 67), (68, 75), (76, 87), (88, 95))),
)  # fmt: skip

SCHEMES: Mapping[str, Scheme] = {scheme.name: scheme for scheme in (IBUG68, COFW29, WFLW98)}

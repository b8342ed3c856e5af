"""Which landmarks the three actions reach: a table of the previous, the same and the next landmark of each.

Both neighbourhoods are rings through all landmarks, so every landmark can be reached.
"""

from collections.abc import Sequence

import numpy as np

from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.face.schemes import Scheme


def neighbour_table(scheme: Scheme, neighbourhood: str) -> np.ndarray:
    """Previous, same and next landmark of each landmark: ``(L, 3)`` int64.

    ``index`` follows the scheme's numbers, as in the paper; ``graph`` follows :func:`contour_tour`. Both wrap round.
    """
    order = np.arange(scheme.num_landmarks)
    if neighbourhood == "graph":
        order = np.array(contour_tour(scheme, np.array(MEAN_SHAPES[scheme.name])))
    table = np.empty((scheme.num_landmarks, 3), np.int64)
    table[order] = np.stack([np.roll(order, 1), order, np.roll(order, -1)], 1)
    return table


def contour_tour(scheme: Scheme, shape: np.ndarray) -> list[int]:
    """All L landmarks in the order of a closed tour over a face: along one contour, then along the nearest other contour.

    The tour walks the scheme's first contour and jumps to the nearest landmark at which another contour may be entered. It
    walks that contour, and so on. An open contour is entered at an end. A closed one is entered anywhere and walked in the
    order of its landmarks. Of equally near landmarks, the lowest number is taken.

    Args:
        scheme: gives the contours; a landmark that is on no contour counts as a contour of one point.
        shape: ``(L, 2)`` the mean shape.
    """
    left = _contours(scheme)
    tour = _walk(left[0], left.pop(0)[0])
    while left:
        entries = sorted((point, i) for i, contour in enumerate(left) for point in _entries(contour))
        # Rounded, so that mirror images are equally near on every machine.
        distances = [round(float(np.linalg.norm(shape[point] - shape[tour[-1]])), 6) for point, _ in entries]
        point, i = entries[int(np.argmin(distances))]
        tour += _walk(left.pop(i), point)
    return tour


def _contours(scheme: Scheme) -> list[Sequence[int]]:
    drawn = {point for contour in scheme.contours for point in contour}
    return [*scheme.contours, *((point,) for point in range(scheme.num_landmarks) if point not in drawn)]


def _entries(contour: Sequence[int]) -> set[int]:
    closed = len(contour) > 1 and contour[0] == contour[-1]
    return set(contour) if closed else {contour[0], contour[-1]}


def _walk(contour: Sequence[int], first: int) -> list[int]:
    """All landmarks of a contour, from the landmark where the tour enters it."""
    if len(contour) > 1 and contour[0] == contour[-1]:
        ring = list(contour[:-1])
        at = ring.index(first)
        return ring[at:] + ring[:at]
    return list(contour) if contour[0] == first else list(contour[::-1])

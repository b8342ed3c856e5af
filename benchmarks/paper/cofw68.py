"""COFW68 with pictures: its annotations come without pictures, so they are joined to the pictures of COFW's test file."""

import dataclasses

import numpy as np
from scipy.optimize import linear_sum_assignment

from srn_core.data import ClipSet

# Points that both schemes have: outer eye corners, tip of the nose, corners of the mouth, chin.
SHARED = {"68": [36, 45, 30, 48, 54, 8], "29": [8, 9, 20, 22, 23, 28]}
# Two annotations of one face differ by 0.02 of the distance of the eye corners; other faces lie farther away.
LIMIT = 0.1


def with_pictures(annotations: ClipSet, pictures: ClipSet) -> ClipSet:
    """The faces of ``annotations`` (68 points) that ``pictures`` (29 points) show, in the order of the pictures.

    A file may hold a part of the test faces, so faces are paired by their points and not by number. The pairs
    are one to one, with the smallest sum of distances. Each distance is below :data:`LIMIT`, in units of the distance of the
    outer eye corners.
    """
    ours, theirs = (
        np.concatenate([clip.landmarks for clip in clip_set.clips])[:, SHARED[clip_set.clips[0].scheme.name]]
        for clip_set in (annotations, pictures)
    )
    length = np.linalg.norm(theirs[:, 0] - theirs[:, 1], axis=-1)
    distances = np.linalg.norm(theirs[:, None] - ours[None], axis=-1).mean(-1) / length[:, None]
    # Without this limit, a picture without annotations could get the face of another picture.
    assigned = zip(*linear_sum_assignment(np.minimum(distances, LIMIT)), strict=True)
    pairs = [(i, j) for i, j in assigned if distances[i, j] < LIMIT]
    clips = tuple(dataclasses.replace(annotations.clips[j], source=pictures.clips[i].source) for i, j in pairs)
    return dataclasses.replace(annotations, clips=clips)

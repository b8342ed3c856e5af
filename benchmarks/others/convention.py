"""Other landmark conventions: from a model's points to the 68 of the data, with and without a fixed offset of each landmark.

Two data sets can mean slightly different places by one landmark. So each model is also measured after a correction: each of its
landmarks is moved by an offset that is the same on all faces. The offset turns and grows with the distance of the outer eye
corners that the model itself found. It is fitted on training faces.

Letters: **N** faces, **M** points of the model.
"""

from dataclasses import dataclass

import numpy as np

from srn_core.face.schemes import IBUG68

RIGHT, LEFT = IBUG68.eye_corners


@dataclass(frozen=True)
class Convention:
    """How 68 landmarks follow from a model's points.

    Attributes:
        chosen: ``(68,)`` the point of the model for each landmark.
        offsets: ``(68, 2)`` what is added, in units of the line between the outer eye corners: along it, and across it.
    """

    chosen: np.ndarray
    offsets: np.ndarray

    def plain(self, points: np.ndarray) -> np.ndarray:
        """``(N, M, 2)`` -> ``(N, 68, 2)``, the chosen points as they are."""
        return points[:, self.chosen]

    def corrected(self, points: np.ndarray) -> np.ndarray:
        """``(N, M, 2)`` -> ``(N, 68, 2)``, moved by the offsets."""
        chosen = self.plain(points)
        return chosen + from_eye_units(np.broadcast_to(self.offsets, chosen.shape), eye_axis(chosen))


def fit_convention(points: np.ndarray, truth: np.ndarray, same_points: bool) -> Convention:
    """The convention of a model on labelled faces.

    Args:
        points: ``(N, M, 2)`` the model's.
        truth: ``(N, 68, 2)`` the labels.
        same_points: landmark i is point i. If not, it is the point that lies nearest to it on average.
    """
    chosen = np.arange(truth.shape[1]) if same_points else _nearest(points, truth)
    found = points[:, chosen]
    return Convention(chosen, np.median(to_eye_units(truth - found, eye_axis(found)), axis=0))


def _nearest(points: np.ndarray, truth: np.ndarray) -> np.ndarray:
    away = np.linalg.norm(truth[:, :, None] - points[:, None], axis=-1)
    return np.asarray((away / np.linalg.norm(eye_axis(truth), axis=-1)[:, None, None]).mean(0).argmin(-1))


def eye_axis(landmarks: np.ndarray) -> np.ndarray:
    """From the right outer eye corner to the left one: ``(N, 68, 2)`` -> ``(N, 2)``, pixels."""
    return np.asarray(landmarks[:, LEFT] - landmarks[:, RIGHT])


def to_eye_units(vectors: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Vectors ``(N, L, 2)`` in pixels -> along and across the axis ``(N, 2)``, over its length."""
    along = axis[:, None] / np.square(axis).sum(-1)[:, None, None]
    across = np.stack([-along[..., 1], along[..., 0]], -1)
    return np.stack([(vectors * along).sum(-1), (vectors * across).sum(-1)], -1)


def from_eye_units(vectors: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """The inverse of :func:`to_eye_units`.

    >>> axis = np.array([[3.0, 4.0]])
    >>> from_eye_units(to_eye_units(np.array([[[7.0, -2.0]]]), axis), axis).round(6).tolist()
    [[[7.0, -2.0]]]
    """
    along = axis[:, None]
    across = np.stack([-along[..., 1], along[..., 0]], -1)
    return np.asarray(vectors[..., :1] * along + vectors[..., 1:] * across)

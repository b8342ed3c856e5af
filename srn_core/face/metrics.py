"""Errors of landmarks, each defined once, as fractions of the normaliser unless a name says percent."""

import numpy as np
from torch import Tensor

from srn_core.face.geometry import landmark_box
from srn_core.face.schemes import Normaliser, Scheme

BOOTSTRAP_DRAWS, LEVEL = 2000, 0.95


def normaliser_length(points: np.ndarray, scheme: Scheme, normaliser: Normaliser | None = None) -> np.ndarray:
    """The length that errors are divided by: ``(..., L, 2)`` ground truth -> ``(...)`` pixels.

    ``inter-ocular``: distance of the outer eye corners; ``inter-pupil``: of the mean points of the eyes; ``box``:
    ``sqrt(width * height)`` of the tight landmark box; None: the scheme's own.
    """
    normaliser = normaliser or scheme.normaliser
    if normaliser == "box":
        box = landmark_box(points)
        return np.asarray(np.sqrt(np.prod(box[..., 2:] - box[..., :2], axis=-1)))
    if normaliser == "inter-pupil":
        right, left = (points[..., list(pupil), :].mean(-2) for pupil in scheme.pupils)
    else:
        right, left = (points[..., corner, :] for corner in scheme.eye_corners)
    return np.asarray(np.linalg.norm(right - left, axis=-1))


def point_errors(predicted: np.ndarray, truth: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Distance of each landmark from the truth / the normaliser: ``(..., L, 2)`` twice and ``(...)`` -> ``(..., L)``."""
    return np.asarray(np.linalg.norm(predicted - truth, axis=-1) / length[..., None])


def nme(predicted: Tensor, truth: Tensor, length: Tensor) -> Tensor:
    """Normalised mean error, ``1/L sum_i ||p_i - t_i|| / d`` (eq. 8 and 10), on torch.

    ``(..., L, 2)`` twice and the normaliser ``d`` ``(...)``, all in the same pixels -> ``(...)``.
    """
    return (predicted - truth).norm(dim=-1).mean(-1) / length


def jitter(predicted: np.ndarray, truth: np.ndarray, length: np.ndarray) -> np.ndarray:
    """The jitter: mean length of the change of the error vectors from one frame to the next.

    ``(T, L, 2)`` twice and ``(T,)`` normalisers -> ``(T - 1,)``, divided by the later frame's normaliser.
    """
    change = np.diff(predicted - truth, axis=0)
    return np.asarray(np.linalg.norm(change, axis=-1).mean(-1) / length[1:])


def time_to_failure(errors: np.ndarray, threshold: float) -> int:
    """Frames until the error ``(T,)`` is first above ``threshold``; T if it never is.

    >>> time_to_failure(np.array([0.05, 0.09, 0.2, 0.04]), 0.1)
    2
    """
    failed = np.flatnonzero(errors > threshold)
    return int(failed[0]) if len(failed) else len(errors)


def failure_rate(errors: np.ndarray, threshold: float) -> float:
    """Share of faces whose error is above ``threshold``."""
    return float((errors > threshold).mean())


def auc(errors: np.ndarray, threshold: float) -> float:
    """Exact area under the cumulative error distribution up to ``threshold``, as a share of the square: in [0, 1]."""
    return float(np.maximum(0, 1 - errors / threshold).mean())


def bootstrap_interval(values: np.ndarray, clusters: np.ndarray, rng: np.random.Generator) -> tuple[float, float] | None:
    """95 % percentile interval of the mean of ``values`` ``(N,)``, resampling whole clusters (clips, people) ``(N,)``.

    None for a single cluster, which has no spread.
    """
    _, index = np.unique(clusters, return_inverse=True)
    sums, counts = np.bincount(index, values), np.bincount(index)
    if len(counts) < 2:
        return None
    picks = rng.integers(len(counts), size=(BOOTSTRAP_DRAWS, len(counts)))
    means = sums[picks].sum(1) / counts[picks].sum(1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)

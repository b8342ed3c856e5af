"""Statistics over training runs and clips (Agarwal et al. 2021, https://arxiv.org/abs/2108.13264), on NumPy.

Letters: **S** training runs (seeds) of one learner, **C** clips, **D** bootstrap draws. Scores are ``(..., S, C)``.

The tasks of the paper are trained one by one, so it resamples the runs of each task apart. Here one run plays all clips and
its scores on them go up and down together: whole runs are resampled, unless ``apart`` asks for the paper's way.
"""

from __future__ import annotations

import numpy as np

DRAWS = 2000


def iqm(scores: np.ndarray) -> np.ndarray:
    """Interquartile mean over runs and clips: ``(..., S, C)`` -> ``(...)``.

    A quarter of the values, rounded down, is left out at either end.

    >>> float(iqm(np.array([[0.0, 1.0], [2.0, 99.0]])))
    1.5
    """
    values = np.sort(scores.reshape(*scores.shape[:-2], -1), axis=-1)
    cut = values.shape[-1] // 4
    return np.asarray(values[..., cut : values.shape[-1] - cut].mean(-1))


def resample_runs(scores: np.ndarray, rng: np.random.Generator, draws: int = DRAWS, apart: bool = False) -> np.ndarray:
    """Stratified bootstrap: runs drawn with replacement, every clip kept; ``(S, C)`` -> ``(D, S, C)``.

    Args:
        scores: of one learner.
        rng: what it draws from.
        draws: D.
        apart: draw the runs of each clip on their own, as if other runs had been trained for each.
    """
    runs, clips = scores.shape
    picks = rng.integers(runs, size=(draws, runs, clips if apart else 1))
    return np.take_along_axis(scores[None], picks, axis=1) if apart else scores[picks[..., 0]]


def resample_both(scores: np.ndarray, rng: np.random.Generator, clips: np.ndarray) -> np.ndarray:
    """Two-way bootstrap of ``(S, C)``: runs drawn here, clips as given so that learners stay paired: ``(D, S, C)``."""
    runs = rng.integers(len(scores), size=(len(clips), len(scores)))
    return scores[runs[:, :, None], clips[:, None, :]]


def interval(samples: np.ndarray, level: float = 0.95) -> np.ndarray:
    """Percentile interval of bootstrap samples: ``(D, ...)`` -> ``(2, ...)``."""
    return np.asarray(np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], axis=0))


def performance_profile(scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Share of runs x clips with a score above each threshold: ``(..., S, C)`` and ``(K,)`` -> ``(..., K)``."""
    return np.stack([(scores > threshold).mean((-2, -1)) for threshold in thresholds], axis=-1)


def probability_of_improvement(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How probably a run beats one of another learner on a clip: Mann-Whitney's U over its maximum, averaged over clips.

    ``mean_c mean_ij ([x_ic > y_jc] + [x_ic = y_jc] / 2)``: ``(..., S, C)`` and ``(..., R, C)`` -> ``(...)``.
    """
    difference = scores[..., :, None, :] - others[..., None, :, :]
    return np.asarray((0.5 + 0.5 * np.sign(difference)).mean((-3, -2, -1)))


def mean_difference(
    values: np.ndarray, others: np.ndarray, rng: np.random.Generator, draws: int = DRAWS
) -> tuple[float, np.ndarray]:
    """Difference of the means of two learners on the same clips, and its interval over runs and clips.

    Clips are drawn for both at once; runs for each on their own, because the seeds of two learners have nothing in common.

    Args:
        values: ``(S, C)``.
        others: ``(R, C)``, what is subtracted.
        rng: what it draws from.
        draws: D.

    Returns:
        The difference, and ``(2,)`` its 95 % interval.
    """
    clips = rng.integers(values.shape[1], size=(draws, values.shape[1]))
    samples = [resample_both(part, rng, clips).mean((1, 2)) for part in (values, others)]
    return float(values.mean() - others.mean()), interval(samples[0] - samples[1])

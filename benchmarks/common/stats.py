"""Statistics over training runs and clips (Agarwal et al. 2021, https://arxiv.org/abs/2108.13264), on NumPy.

Letters: **S** training runs (seeds) of one learner, **C** clips, **D** bootstrap draws. Scores are ``(..., S, C)``.

In that paper there are many tasks, each with its own trainings. Here one run plays all clips, and there are few clips. So a run
has one score over all clips, no clip is trimmed away, and whole runs are resampled.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

DRAWS = 2000
BOOTSTRAP_SEED = 0
# With fewer runs a nominal 95 % interval covers 80 % or less, so none is given.
MIN_RUNS = 5


def score_table(rows: Sequence[Mapping[str, Any]], key: str = "value") -> np.ndarray:
    """``(S, C)`` values of rows with ``seed``, ``clip`` and ``key``; the order of the rows does not matter.

    Clips of one ``person`` are averaged, because they are no independent samples.
    """
    values: dict[tuple[Any, Any], list[float]] = defaultdict(list)
    for row in rows:
        values[row["seed"], person_of(row)].append(row[key])
    seeds, people = (sorted({pair[i] for pair in values}, key=str) for i in range(2))
    return np.array([[np.mean(values[seed, person]) for person in people] for seed in seeds])


def person_of(row: Mapping[str, Any]) -> Any:
    """The person of a row's clip; rows of earlier versions and sets without names of people have the clip alone."""
    return row.get("person") or row["clip"]


def iqm(scores: np.ndarray) -> np.ndarray:
    """Interquartile mean over runs: ``(..., S)`` -> ``(...)``.

    A quarter of the values, rounded down, is left out at each end.

    >>> float(iqm(np.array([0.0, 1.0, 2.0, 99.0])))
    1.5
    """
    values = np.sort(scores, axis=-1)
    cut = values.shape[-1] // 4
    return np.asarray(values[..., cut : values.shape[-1] - cut].mean(-1))


def resample_runs(scores: np.ndarray, rng: np.random.Generator, draws: int = DRAWS) -> np.ndarray:
    """Bootstrap: draw runs with replacement and keep every clip; ``(S, ...)`` -> ``(D, S, ...)``."""
    return scores[rng.integers(len(scores), size=(draws, len(scores)))]


def resample_both(scores: np.ndarray, rng: np.random.Generator, clips: np.ndarray) -> np.ndarray:
    """Two-way bootstrap of ``(S, C)``: runs are drawn here; clips are given, so that learners stay paired: ``(D, S, C)``."""
    runs = rng.integers(len(scores), size=(len(clips), len(scores)))
    return scores[runs[:, :, None], clips[:, None, :]]


def interval(samples: np.ndarray, level: float = 0.95) -> np.ndarray:
    """Percentile interval of bootstrap samples: ``(D, ...)`` -> ``(2, ...)``."""
    return np.asarray(np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], axis=0))


def performance_profile(scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Share of runs x clips with a score above each threshold: ``(..., S, C)`` and ``(K,)`` -> ``(..., K)``."""
    return np.stack([(scores > threshold).mean((-2, -1)) for threshold in thresholds], axis=-1)


def probability_of_improvement(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Probability that a run beats one of another learner on a clip: Mann-Whitney's U over its maximum, mean over clips.

    ``mean_c mean_ij ([x_ic > y_jc] + [x_ic = y_jc] / 2)``: ``(..., S, C)`` and ``(..., R, C)`` -> ``(...)``.
    """
    difference = scores[..., :, None, :] - others[..., None, :, :]
    return np.asarray((0.5 + 0.5 * np.sign(difference)).mean((-3, -2, -1)))


def mean_difference(
    values: np.ndarray, others: np.ndarray, rng: np.random.Generator, draws: int = DRAWS
) -> tuple[float, np.ndarray]:
    """Difference of the means of two learners on the same clips, and its interval over runs and clips.

    Clips are drawn for both together. Runs are drawn separately, because the seeds of two learners are unrelated.

    Args:
        values: ``(S, C)``.
        others: ``(R, C)``, subtracted.
        rng: random generator.
        draws: D.

    Returns:
        The difference, and ``(2,)`` its 95 % interval.
    """
    clips = rng.integers(values.shape[1], size=(draws, values.shape[1]))
    samples = [resample_both(part, rng, clips).mean((1, 2)) for part in (values, others)]
    return float(values.mean() - others.mean()), interval(samples[0] - samples[1])


def paired_difference(values: np.ndarray, reference: np.ndarray) -> dict[str, Any]:
    """Mean of ``values - reference``, both ``(S, C)``, paired by seed and clip.

    Returns:
        ``mean``; ``ci95`` over seeds and clips, None below :data:`MIN_RUNS` seeds and for a single clip; ``relative``, the mean
        in percent of the reference's mean.
    """
    paired, ci95 = values - reference, None
    if len(paired) >= MIN_RUNS and paired.shape[1] > 1:
        rng = np.random.default_rng(BOOTSTRAP_SEED)
        clips = rng.integers(paired.shape[1], size=(DRAWS, paired.shape[1]))
        ci95 = [float(end) for end in interval(resample_both(paired, rng, clips).mean((1, 2)))]
    mean = float(paired.mean())
    return {"mean": mean, "ci95": ci95, "relative": 100 * mean / float(reference.mean())}

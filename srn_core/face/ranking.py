"""How well scores rank what they should: hidden landmarks first, large errors last."""

import numpy as np
from scipy.stats import spearmanr


def average_precision(scores: np.ndarray, positive: np.ndarray) -> float | None:
    """Mean precision at the rank of each positive, ``(N,)`` scores, higher first; None without a positive or a negative.

    Equal scores share one rank, the last of them, so that their order does not matter.

    >>> average_precision(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]))
    0.8333333333333333
    """
    if positive.all() or not positive.any():
        return None
    precision, recall = precision_and_recall(scores, positive)
    return float((np.diff(recall, prepend=0) * precision).sum())


def recall_at_precision(scores: np.ndarray, positive: np.ndarray, least: float) -> float | None:
    """The largest recall of a threshold whose precision is at least ``least``: COFW's measure of hidden points, with 0.8.

    Burgos-Artizzu et al., ICCV 2013. 0 where no threshold is so precise; None without a positive or a negative.
    """
    if positive.all() or not positive.any():
        return None
    precision, recall = precision_and_recall(scores, positive)
    return float(recall[precision >= least].max(initial=0))


def precision_and_recall(scores: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall at each distinct score as the threshold, the highest first: ``(M,)`` each."""
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(positive[order])
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    return found[last] / (last + 1), found[last] / found[-1]


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Spearman's rank correlation of ``(N,)`` numbers; None where one of them does not vary."""
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(spearmanr(first, second).statistic)

"""Planning over a table of rewards, exactly: dynamic programming on the landmarks that each landmark's actions reach."""

from __future__ import annotations

import numpy as np


def values_to_go(rewards: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """Undiscounted value of having covered landmark ``l`` before frame ``t``.

    ``V[t, l] = max_a (r[t, n(l, a)] + V[t + 1, n(l, a)])`` with ``n(l, a)`` the landmark that action ``a`` covers;
    ``V[T] = 0``.

    Args:
        rewards: ``(T, L)``.
        neighbours: ``(L, A)`` int64, n.

    Returns:
        ``(T + 1, L)``.
    """
    frames, landmarks = rewards.shape
    values = np.zeros((frames + 1, landmarks))
    for t in range(frames - 1, -1, -1):
        values[t] = (rewards[t] + values[t + 1])[neighbours].max(1)
    return values


def best_path(rewards: np.ndarray, neighbours: np.ndarray, first: int) -> np.ndarray:
    """The landmarks ``(T,)`` that an optimal player covers who starts round landmark ``first``; ties go to the lowest action.

    Args:
        rewards: ``(T, L)``.
        neighbours: ``(L, A)`` int64, what the actions cover.
        first: the landmark covered before the first frame.
    """
    values = values_to_go(rewards, neighbours)
    path, current = np.empty(len(rewards), np.int64), first
    for t in range(len(rewards)):
        reachable = neighbours[current]
        current = reachable[int(np.argmax((rewards[t] + values[t + 1])[reachable]))]
        path[t] = current
    return path

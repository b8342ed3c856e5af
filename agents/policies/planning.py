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


def reachable(neighbours: np.ndarray, first: np.ndarray, frames: int) -> np.ndarray:
    """Which landmarks can be covered on each frame by players who start round the landmarks ``first``: ``(T, L)`` bool.

    >>> reachable(np.array([[3, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 0]]), np.array([0]), 2).astype(int).tolist()
    [[1, 1, 0, 1], [1, 1, 1, 1]]
    """
    found = np.zeros((frames, len(neighbours)), bool)
    for t in range(frames):
        first = np.unique(neighbours[first])
        found[t, first] = True
    return found


def best_path(rewards: np.ndarray, neighbours: np.ndarray, first: int) -> np.ndarray:
    """The landmarks ``(T,)`` that an optimal player covers who starts round landmark ``first``; ties go to the lowest action.

    Args:
        rewards: ``(T, L)``; those that cannot be reached from ``first`` are not looked at.
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

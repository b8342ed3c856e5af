"""Planning over a table of rewards, exactly: dynamic programming on the ring of landmarks."""

from __future__ import annotations

import numpy as np

MOVES = (-1, 0, 1)


def values_to_go(rewards: np.ndarray) -> np.ndarray:
    """Undiscounted value of having covered landmark ``l`` before frame ``t``.

    ``V[t, l] = max_m (r[t, l + m] + V[t + 1, l + m])`` with ``m`` in -1, 0, 1 and indices modulo L; ``V[T] = 0``.

    Args:
        rewards: ``(T, L)``.

    Returns:
        ``(T + 1, L)``.
    """
    frames, landmarks = rewards.shape
    values = np.zeros((frames + 1, landmarks))
    for t in range(frames - 1, -1, -1):
        arrive = rewards[t] + values[t + 1]
        values[t] = np.max([np.roll(arrive, -move) for move in MOVES], axis=0)
    return values


def best_path(rewards: np.ndarray, first: int) -> np.ndarray:
    """The landmarks ``(T,)`` that an optimal player covers who starts round landmark ``first``; ties go to the lowest move."""
    values = values_to_go(rewards)
    landmarks = rewards.shape[1]
    path, current = np.empty(len(rewards), np.int64), first
    for t in range(len(rewards)):
        reachable = [(current + move) % landmarks for move in MOVES]
        current = reachable[int(np.argmax([rewards[t, to] + values[t + 1, to] for to in reachable]))]
        path[t] = current
    return path

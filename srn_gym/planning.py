"""Exact planning over a table of rewards: dynamic programming over the landmarks that the actions reach."""

import numpy as np
from torch import Tensor


def values_to_go(rewards: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """The best undiscounted return from frame ``t`` on, if landmark ``l`` was covered before it.

    ``V[t, l] = max_a (r[t, n(l, a)] + V[t + 1, n(l, a)])`` and ``V[T] = 0``, where action ``a`` covers landmark ``n(l, a)``.

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


def steady_values(rewards: Tensor, neighbours: Tensor, gamma: float, frames: int) -> Tensor:
    """What covering each landmark is worth if every frame has the same rewards ``(..., L)``: ``(..., L)``.

    ``P(l) = r(l) + gamma max_a P(n(l, a))`` over ``frames`` frames after this one, with the neighbours ``n`` ``(L, A)``.
    """
    values = rewards
    for _ in range(frames):
        values = rewards + gamma * values[..., neighbours].amax(-1)
    return values


def reachable(neighbours: np.ndarray, first: np.ndarray, frames: int) -> np.ndarray:
    """The landmarks that players who start at ``first`` can cover on each frame: ``(T, L)`` bool.

    >>> reachable(np.array([[3, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 0]]), np.array([0]), 2).astype(int).tolist()
    [[1, 1, 0, 1], [1, 1, 1, 1]]
    """
    found = np.zeros((frames, len(neighbours)), bool)
    for t in range(frames):
        first = np.unique(neighbours[first])
        found[t, first] = True
    return found


def best_actions(rewards: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """What an optimal player does wherever it stands: actions ``(T, L)`` by frame and landmark covered before.

    Among equal actions it takes the lowest. Arguments as for :func:`values_to_go`.
    """
    return np.asarray((rewards + values_to_go(rewards, neighbours)[1:])[:, neighbours].argmax(2))


def best_path(rewards: np.ndarray, neighbours: np.ndarray, first: int) -> np.ndarray:
    """The landmarks ``(T,)`` that an optimal player covers; among equal actions it takes the lowest.

    Args:
        rewards: ``(T, L)``; entries that cannot be reached from ``first`` are not read.
        neighbours: ``(L, A)`` int64, the landmark that each action covers.
        first: the landmark covered before the first frame.
    """
    actions = best_actions(rewards, neighbours)
    path, current = np.empty(len(rewards), np.int64), first
    for t in range(len(rewards)):
        current = neighbours[current, actions[t, current]]
        path[t] = current
    return path

"""Proportional prioritisation inside the queues of a replay (Schaul et al. 2016, https://arxiv.org/abs/1511.05952)."""

from __future__ import annotations

import numpy as np

# Added to every error, so that none is forgotten.
SMALLEST_ERROR = 1e-3
# The exponent of the importance weights at the start of that paper's schedule; held, as the runs here are short.
CORRECTION = 0.4


class Priorities:
    """``p = (|TD error| + eps)^exponent`` of every transition, by (queue, place); 0 where there is none.

    Attributes:
        values: ``(Q, capacity)`` float64.
        highest: what new transitions get, so that each is seen soon.
    """

    def __init__(self, queues: int, capacity: int, exponent: float) -> None:
        self.values = np.zeros((queues, capacity))
        self.exponent, self.highest = exponent, 1.0

    def add(self, queue: int, places: np.ndarray) -> None:
        """New transitions in a queue."""
        self.values[queue, places] = self.highest

    def draw(self, queues: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """A place in each of the queues ``(B,)``, drawn in proportion to p, and the importance weights ``(B,)``, at most 1.

        The weight is ``(N p)^-beta`` with p normalised over the N transitions of the queue: it corrects for the draw inside
        the queue; that all queues are drawn alike is wanted.
        """
        places, weights = np.empty(len(queues), np.int64), np.empty(len(queues))
        for queue in np.unique(queues):
            drawn = queues == queue
            sums = self.values[queue].cumsum()
            # (0, total]: the first sum that reaches the number belongs to a transition that is there
            numbers = (1 - rng.random(int(drawn.sum()))) * sums[-1]
            places[drawn] = np.searchsorted(sums, numbers)
            share = self.values[queue, places[drawn]] / sums[-1]
            weights[drawn] = (np.count_nonzero(self.values[queue]) * share) ** -CORRECTION
        return places, weights / weights.max()

    def update(self, queues: np.ndarray, places: np.ndarray, errors: np.ndarray) -> None:
        """Take the TD errors ``(B,)`` of transitions that were drawn."""
        found = (np.abs(errors) + SMALLEST_ERROR) ** self.exponent
        self.values[queues, places] = found
        self.highest = max(self.highest, float(found.max()))

    def forget(self, queue: int) -> None:
        """A queue is emptied."""
        self.values[queue] = 0

"""Multi-queue replay: one queue per clip, so that the frames of one clip do not dominate.

A transition is stored by its place, not as pixels: the game rebuilds any observation from (clip, frame, landmark).
"""

from collections import OrderedDict
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from srn_core.devices import to_device

TRANSITION = np.dtype(
    [
        ("clip", np.int32), ("frame", np.int32), ("landmark", np.int16), ("action", np.int8),
        ("steps", np.int8), ("next_landmark", np.int16), ("reward", np.float32), ("terminated", np.bool_),
    ]
)  # fmt: skip
MAX_N_STEP = int(np.iinfo(TRANSITION["steps"]).max)


class Sample(NamedTuple):
    """A batch of transitions; all ``(B,)`` on the learner's device.

    Attributes:
        clip: clip numbers.
        frame: the frames that were shown.
        landmark: the landmark covered before.
        action: 0, 1 or 2.
        next_frame: the frame shown ``n`` steps later.
        next_landmark: the landmark covered just before that frame.
        reward: the discounted sum of the n rewards.
        discount: factor of the next state's value: ``gamma^n``, or 0 where the clip ended.
    """

    clip: Tensor
    frame: Tensor
    landmark: Tensor
    action: Tensor
    next_frame: Tensor
    next_landmark: Tensor
    reward: Tensor
    discount: Tensor


class MultiQueueReplay:
    """Keeps the last ``capacity`` transitions of each of the last ``max_queues`` clips.

    Sampling draws a queue uniformly, then one of its transitions uniformly. A single large queue is the replay of Mnih et al.
    """

    def __init__(self, max_queues: int, capacity: int, gamma: float, single: bool = False) -> None:
        """Start empty.

        Args:
            max_queues: M; a new clip replaces the clip that was played longest ago.
            capacity: transitions per queue.
            gamma: discount per step.
            single: keep all clips in one queue of ``max_queues * capacity``.
        """
        self.single, self.gamma = single, gamma
        rows, columns = (1, max_queues * capacity) if single else (max_queues, capacity)
        self._data = np.zeros((rows, columns), TRANSITION)
        self._written = np.zeros(rows, np.int64)
        self._queues: OrderedDict[int, int] = OrderedDict()

    def __len__(self) -> int:
        return int(np.minimum(self._written, self._data.shape[1]).sum())

    def add(self, transitions: np.ndarray) -> None:
        """Store ``(N,)`` rows of :data:`TRANSITION`."""
        for clip in np.unique(transitions["clip"]):
            rows = transitions[transitions["clip"] == clip]
            queue = self._queue(int(clip))
            places = (self._written[queue] + np.arange(len(rows))) % self._data.shape[1]
            self._data[queue, places] = rows
            self._written[queue] += len(rows)

    def sample(self, batch: int, rng: np.random.Generator, device: torch.device) -> Sample:
        """Draw ``batch`` transitions with replacement."""
        filled = np.flatnonzero(self._written)
        queues = filled[rng.integers(len(filled), size=batch)]
        counts = np.minimum(self._written[queues], self._data.shape[1])
        rows = self._data[queues, (rng.random(batch) * counts).astype(np.int64)]

        def column(name: str, dtype: torch.dtype = torch.int64) -> Tensor:
            # Copied, because torch refuses the strides of a single row.
            return to_device(rows[name].copy(), device).to(dtype)

        discount = np.where(rows["terminated"], 0, self.gamma ** rows["steps"].astype(np.float64))
        return Sample(
            clip=column("clip"),
            frame=column("frame"),
            landmark=column("landmark"),
            action=column("action"),
            next_frame=column("frame") + column("steps"),
            next_landmark=column("next_landmark"),
            reward=column("reward", torch.float32),
            discount=to_device(discount, device).float(),
        )

    def state(self) -> dict[str, np.ndarray]:
        """Everything, as arrays, for a checkpoint."""
        queues = np.array(list(self._queues.items()), np.int64).reshape(-1, 2)
        return {"data": self._data.view(np.uint8), "written": self._written, "queues": queues}

    def load(self, state: dict[str, np.ndarray]) -> None:
        """The inverse of :meth:`state`."""
        self._data = np.ascontiguousarray(state["data"]).view(TRANSITION).reshape(self._data.shape)
        self._written = state["written"].copy()
        self._queues = OrderedDict((int(clip), int(row)) for clip, row in state["queues"])

    def _queue(self, clip: int) -> int:
        if self.single:
            return 0
        if clip in self._queues:
            self._queues.move_to_end(clip)
        elif len(self._queues) < len(self._data):
            self._queues[clip] = len(self._queues)
        else:
            _, row = self._queues.popitem(last=False)
            self._written[row] = 0
            self._queues[clip] = row
        return self._queues[clip]


class NStep:
    """Turns the steps of B envs into n-step transitions: discounted sums of rewards over n steps or to the episode's end."""

    def __init__(self, steps: int, gamma: float) -> None:
        self.steps, self.gamma = steps, gamma
        self.pending: list[np.ndarray] = []

    def push(
        self, started: np.ndarray, reward: np.ndarray, landmark: np.ndarray, terminated: np.ndarray, done: np.ndarray
    ) -> np.ndarray:
        """Take one step of all envs; returns the transitions ``(N,)`` that it completes.

        Args:
            started: ``(B,)`` rows of :data:`TRANSITION` with clip, frame, landmark and action of this step.
            reward: ``(B,)`` float.
            landmark: ``(B,)`` landmark covered in this step.
            terminated: ``(B,)`` bool, the clip has ended.
            done: ``(B,)`` bool, terminated or truncated.
        """
        self.pending.append(started.copy())
        completed = []
        for age, rows in enumerate(reversed(self.pending)):
            open_rows = rows["steps"] == age
            rows["reward"][open_rows] += self.gamma**age * reward[open_rows]
            rows["steps"][open_rows] += 1
            rows["next_landmark"][open_rows] = landmark[open_rows]
            rows["terminated"][open_rows] = terminated[open_rows]
            finished = open_rows & (done | (age + 1 == self.steps))
            completed.append(rows[finished])
            # No age equals -1, so a completed row is never completed again.
            rows["steps"][finished] = -1
        self.pending = self.pending[-(self.steps - 1) :] if self.steps > 1 else []
        return np.concatenate(completed)

    def load(self, pending: np.ndarray) -> None:
        """Restore rows saved as bytes ``(k, B * itemsize)``."""
        self.pending = list(np.ascontiguousarray(pending).view(TRANSITION))

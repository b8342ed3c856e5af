"""A memo of a pure function of (clip, frame, column): each value is computed once, while memory lasts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from srn_gym.cache.slots import ClipSlots

Compute = Callable[[Tensor, Tensor, Tensor], Tensor]


def batch_size(device: torch.device) -> int:
    """Faces to compute at once: a CPU loses more to memory than it gains beyond a few dozen, a GPU wants many."""
    return 32 if device.type == "cpu" else 1024


class Memo:
    """Values of clips as ``(T, columns, *shape)``, NaN where unknown.

    Clips used least recently are forgotten beyond the budget.
    """

    def __init__(
        self,
        lengths: Tensor,
        columns: int,
        shape: Sequence[int],
        compute: Compute,
        budget_bytes: int = 1 << 30,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Start empty.

        Args:
            lengths: ``(C,)`` int64 frames of each clip, on the device.
            columns: values a frame.
            shape: of one value.
            compute: ``(B, *shape)`` values of (clip, frame, column), each ``(B,)`` int64; free of NaN.
            budget_bytes: memory to use at most; the longest clip is held in any case.
            dtype: what values are stored as.
        """
        row_bytes = columns * torch.Size(shape).numel() * dtype.itemsize
        capacity = max(budget_bytes // row_bytes, int(lengths.max()))
        self._compute = compute
        self._slots = ClipSlots(lengths, capacity)
        self._known = torch.empty(self._slots.capacity, columns, *shape, dtype=dtype, device=lengths.device)

    def lookup(self, clip: Tensor, frame: Tensor, column: Tensor) -> Tensor:
        """Values ``(B, *shape)`` of (clip, frame, column), each ``(B,)`` int64; column -1 is the last."""
        out = self._known.new_empty(len(clip), *self._known.shape[2:])
        for part in self._slots.fitting(clip):
            out[part] = self._lookup_fitting(clip[part], frame[part], column[part])
        return out

    def _lookup_fitting(self, clip: Tensor, frame: Tensor, column: Tensor) -> Tensor:
        place = self._slots.locate(clip, frame, self._forget), column
        unknown = self._known[place].flatten(1)[:, 0].isnan().nonzero()[:, 0]
        if len(unknown):
            found = self._compute(clip[unknown], frame[unknown], column[unknown])
            self._known[place[0][unknown], column[unknown]] = found.to(self._known.dtype)
        return self._known[place]

    def _forget(self, clip: int, slots: Tensor) -> None:
        self._known[slots] = torch.nan

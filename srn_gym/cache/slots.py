"""Which clips are held in a tensor of limited size, and in which of its rows: the bookkeeping of crops and memos."""

from collections import OrderedDict
from collections.abc import Callable, Iterator

import torch
from torch import Tensor


class ClipSlots:
    """Gives each frame of a clip one of ``capacity`` slots, the rows of a tensor that the caller holds.

    If slots run out, the clips that were used least recently are dropped.
    """

    def __init__(self, lengths: Tensor, capacity: int) -> None:
        """Start with all slots free.

        Args:
            lengths: ``(C,)`` int64 frames of each clip, on the tensor's device.
            capacity: slots; at least the length of the longest clip.
        """
        self.sizes: list[int] = lengths.tolist()
        self.capacity = min(capacity, sum(self.sizes))
        self.offsets = lengths.cumsum(0) - lengths
        self._slots = torch.full((sum(self.sizes),), -1, dtype=torch.int64, device=lengths.device)
        self._free = torch.arange(self.capacity, device=lengths.device)
        self._held: OrderedDict[int, None] = OrderedDict()

    def fitting(self, clip: Tensor) -> Iterator[Tensor | slice]:
        """Split a batch ``(B,)`` of clip numbers into parts whose clips can be held together."""
        if not self._complete:
            touched = clip.unique().tolist()
            if sum(self.sizes[c] for c in touched) > self.capacity:
                yield from ((clip == c).nonzero()[:, 0] for c in touched)
                return
        yield slice(None)

    def locate(self, clip: Tensor, frame: Tensor, fill: Callable[[int, Tensor], None]) -> Tensor:
        """The slots ``(B,)`` of frames ``(B,)`` of clips ``(B,)`` that fit together (see :meth:`fitting`).

        Args:
            clip: int64 clip numbers.
            frame: int64 frame numbers.
            fill: called with a clip's number and its slots ``(T,)`` when the clip is given its slots.
        """
        if not self._complete:
            self._admit(clip.unique().tolist(), fill)
        return self._slots[self.offsets[clip] + frame]

    @property
    def _complete(self) -> bool:
        """All clips are held, so nothing must be looked up, and the CPU does not wait for the GPU."""
        return len(self._held) == len(self.sizes)

    def _admit(self, clips: list[int], fill: Callable[[int, Tensor], None]) -> None:
        missing = [c for c in clips if c not in self._held]
        for c in clips:
            if c in self._held:
                self._held.move_to_end(c)
        for c in missing:
            while len(self._free) < self.sizes[c]:
                self._drop(self._held.popitem(last=False)[0])
            taken = self._free[: self.sizes[c]]
            fill(c, taken)
            self._free = self._free[self.sizes[c] :]
            self._rows(c).copy_(taken)
            self._held[c] = None

    def _drop(self, c: int) -> None:
        self._free = torch.cat([self._free, self._rows(c)])
        self._rows(c).fill_(-1)

    def _rows(self, c: int) -> Tensor:
        first = sum(self.sizes[:c])
        return self._slots[first : first + self.sizes[c]]

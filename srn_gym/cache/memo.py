"""Remembered values of a function of (clip, frame, column): each is computed once, as long as memory suffices."""

import os
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from srn_core.errors import UserError
from srn_gym.cache.slots import ClipSlots

Compute = Callable[[Tensor, Tensor, Tensor], Tensor]


def batch_size(device: torch.device) -> int:
    """How many faces to compute at once. A CPU gains nothing from more than a few dozen, a GPU needs many.

    The variable ``SRN_BATCH`` sets another number. With 1, no value depends on which others are computed beside it, so on a CPU
    a run that was stopped and resumed equals one that nobody stopped, to the last bit.

    Raises:
        UserError: the variable holds no number of at least 1.
    """
    given = os.environ.get("SRN_BATCH", "")
    if given and not (given.isascii() and given.isdigit() and int(given) >= 1):
        raise UserError(f"SRN_BATCH={given}: expected a whole number of at least 1, or no such variable")
    return int(given) if given else 32 if device.type == "cpu" else 1024


class Memo:
    """Values of clips as ``(T, columns, *shape)`` float32, NaN where unknown.

    Beyond the budget, the clips that were used least recently are forgotten.
    """

    def __init__(self, lengths: Tensor, columns: int, shape: Sequence[int], budget_bytes: int = 1 << 30) -> None:
        """Start empty.

        Args:
            lengths: ``(C,)`` int64 frames of each clip, on the device.
            columns: values per frame.
            shape: of one value.
            budget_bytes: the most memory to use; the longest clip is held in any case.
        """
        row_bytes = columns * torch.Size(shape).numel() * torch.float32.itemsize
        capacity = max(budget_bytes // row_bytes, int(lengths.max()))
        self._slots = ClipSlots(lengths, capacity)
        self._known = torch.empty(self._slots.capacity, columns, *shape, device=lengths.device)

    def lookup(self, clip: Tensor, frame: Tensor, column: Tensor, compute: Compute) -> Tensor:
        """Values ``(B, *shape)`` of (clip, frame, column), each ``(B,)`` int64; column -1 is the last. A fresh tensor.

        ``compute`` returns the values that are not known yet, without NaN, for at most :func:`batch_size` at once; a value
        that the batch asks for several times is computed once. It must be the same function at every call. A memo does not
        keep it, because its owner would then refer to itself.
        """
        parts = [
            (part, self._lookup_fitting(clip[part], frame[part], column[part], compute)) for part in self._slots.fitting(clip)
        ]
        if len(parts) == 1:
            return parts[0][1]
        out = self._known.new_empty(len(clip), *self._known.shape[2:])
        for part, values in parts:
            out[part] = values
        return out

    def _lookup_fitting(self, clip: Tensor, frame: Tensor, column: Tensor, compute: Compute) -> Tensor:
        columns = self._known.shape[1]
        place = self._slots.locate(clip, frame, self._forget) * columns + column % columns
        known = self._known.flatten(0, 1)
        found = known.index_select(0, place)
        unknown = found.flatten(1)[:, 0].isnan().nonzero()[:, 0]
        if not len(unknown):
            return found
        places, which = torch.unique(place[unknown], return_inverse=True)
        # One of the entries of the batch that ask for each place.
        asking = torch.empty_like(places).scatter_(0, which, unknown)
        # Parts of equal size, because a small last part would cost more per value.
        count = -(-len(places) // batch_size(clip.device))
        parts = (index[asking].tensor_split(count) for index in (clip, frame, column))
        with torch.no_grad():
            known[places] = torch.cat([compute(*part) for part in zip(*parts, strict=True)]).to(known.dtype)
        return known.index_select(0, place)

    def _forget(self, clip: int, slots: Tensor) -> None:
        self._known[slots] = torch.nan

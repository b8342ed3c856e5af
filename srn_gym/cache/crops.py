"""The faces of all clips as uint8 crops on a device, read one clip at a time within a budget of memory."""

from collections.abc import Sequence

import torch
from torch import Tensor

from srn_core.data import Clip
from srn_core.devices import to_device
from srn_core.errors import UserError
from srn_core.face.geometry import CropSpec
from srn_gym.cache.slots import ClipSlots


class Crops:
    """Crops of the clips' frames. A clip is read at its first use and dropped when other clips need its memory.

    So a video set larger than memory works, but its clips are read many times.

    Attributes:
        clips: the clips.
        spec: how a face box becomes a crop.
        device: where the crops lie.
    """

    def __init__(self, clips: Sequence[Clip], spec: CropSpec, device: torch.device, budget_bytes: int = 2 << 30) -> None:
        """Reserve the memory, at most ``budget_bytes``; no frame is read yet.

        Raises:
            UserError: the longest clip alone is larger than the budget.
        """
        self.clips, self.spec, self.device = tuple(clips), spec, device
        frame_bytes = 3 * spec.size**2
        longest = max(clips, key=len)
        if len(longest) * frame_bytes > budget_bytes:
            raise UserError(
                f"clip '{longest.name}': its {len(longest)} crops take {len(longest) * frame_bytes / 2**20:.1f} MiB; expected "
                f"at most {budget_bytes / 2**20:.1f} MiB; raise the budget or cut the clip"
            )
        lengths = torch.tensor([len(clip) for clip in clips], device=device)
        self._slots = ClipSlots(lengths, budget_bytes // frame_bytes)
        self._pixels = torch.empty(self._slots.capacity, 3, spec.size, spec.size, dtype=torch.uint8, device=device)

    def gather(self, clip: Tensor, frame: Tensor) -> Tensor:
        """Crops ``(B, 3, S, S)`` uint8 RGB, a fresh tensor, of frames ``(B,)`` int64 of clips ``(B,)`` int64."""
        parts = [
            (part, self._pixels[self._slots.locate(clip[part], frame[part], self._load)]) for part in self._slots.fitting(clip)
        ]
        if len(parts) == 1:
            return parts[0][1]
        out = torch.empty(len(clip), *self._pixels.shape[1:], dtype=torch.uint8, device=self.device)
        for part, pixels in parts:
            out[part] = pixels
        return out

    def _load(self, clip: int, slots: Tensor) -> None:
        self._pixels[slots] = to_device(self.clips[clip].crops(self.spec), self.device).permute(0, 3, 1, 2)

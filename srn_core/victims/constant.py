"""Victims without memory, and one of them that always answers the mean shape."""

import torch
from torch import Tensor

from srn_core.face.geometry import from_box_units
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.face.schemes import SCHEMES
from srn_core.model import SRNConfig


class Memoryless:
    """Base of victims without memory. The game uses the crop and patch size of an SRN preset."""

    def __init__(self, device: torch.device, key: str, preset: str = "small", scheme: str = "68") -> None:
        config = SRNConfig.preset(preset)
        self.scheme, self.crop, self.patch_size = SCHEMES[scheme], config.crop, config.patch_size
        self.device, self.key = device, key

    def start(self, batch: int) -> Tensor:
        """No memory: ``(B, 0)``."""
        return torch.zeros(batch, 0, device=self.device)


class ConstantVictim(Memoryless):
    """Predicts the mean shape in the face box, so no occluder changes its error."""

    def __init__(self, device: torch.device) -> None:
        super().__init__(device, "constant")
        self._mean_shape = torch.tensor(MEAN_SHAPES[self.scheme.name], device=device)

    def step(self, frames: Tensor, boxes: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """See :meth:`Victim.step`."""
        return from_box_units(self._mean_shape, boxes), state

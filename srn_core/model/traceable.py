"""A detector in plain tensor operations of any batch size, for export to other runtimes."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from srn_core.model.certainty import cascade_moves
from srn_core.model.patches import patch_corners
from srn_core.model.srn import SRN


class TraceableDetector(nn.Module):
    """What :meth:`SRN.cascade` computes on single faces, without the memory's input, and without a shortcut for CPUs.

    Called with ``(N, S, S, 3)`` uint8 RGB crops and ``(N, 4)`` float32 face boxes in crop pixels, it returns the landmarks
    ``(N, L, 2)`` in crop pixels and, of a model with that head, visibility and expected errors, ``(N, L)`` each (see
    :class:`srn_core.model.certainty.Certainty`).
    """

    def __init__(self, srn: SRN) -> None:
        super().__init__()
        self.srn = srn

    def forward(self, crop: Tensor, box: Tensor) -> tuple[Tensor, ...]:
        srn = self.srn
        images = crop.permute(0, 3, 1, 2).float() / 255 - 0.5
        entering = memory = srn.mean_shape.new_zeros(1, srn.config.memory_dim).expand(crop.shape[0], -1)
        shapes = [srn.initial_shape(images, box)]
        for _ in range(srn.config.steps):
            x = self._features(images, shapes[-1])
            update, memory = srn.regress(x, entering if srn.config.memory == "frame" else memory)
            shapes.append(shapes[-1] + update)
        if srn.certainty is None:
            return (shapes[-1],)
        moves = cascade_moves(shapes[0], shapes[-2], shapes[-1], srn.config.image_size)
        raw = srn.certainty(x.flatten(2), memory, moves)
        return shapes[-1], raw.visible.sigmoid(), raw.log_error.exp()

    def _features(self, images: Tensor, points: Tensor) -> Tensor:
        """X ``(N, L, C, S * S)`` of the patches around points ``(N, L, 2)``."""
        trunk, landmarks = self.srn.trunk, points.shape[1]
        maps = gathered_patches(images, points, self.srn.config.patch_size).flatten(0, 1)
        for convolution in trunk.convolutions:
            maps = torch.relu(functional.max_pool2d(convolution(maps), 2))
        return maps.reshape(-1, landmarks, trunk.channels, trunk.side**2)


def gathered_patches(images: Tensor, points: Tensor, size: int) -> Tensor:
    """:func:`srn_core.model.patches.extract_patches` as one look-up: ``(N, 3, H, W)``, ``(N, L, 2)`` -> ``(N, L, 3, P, P)``."""
    height, width = images.shape[2:]
    places = patch_corners(points, size)[..., None] + torch.arange(size, device=points.device)
    columns, rows = places[:, :, 0].clamp(0, width - 1), places[:, :, 1].clamp(0, height - 1)
    index = (rows[..., None] * width + columns[:, :, None]).flatten(1)
    pixels = images.flatten(2).gather(2, index[:, None].expand(-1, 3, -1))
    return pixels.reshape(-1, 3, points.shape[1], size, size).transpose(1, 2)

"""The patch trunk: a small convolutional network that all patches share."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from srn_core.model.patches import patch_corners

# A CPU takes this many patches through all layers at once, so that their maps stay in its cache. A training step of 64 faces
# (float32, two cores of Zen 3, three rounds) took 11.4 to 16.3 s in one pass and 9.0 to 12.5 s in parts (paper), 0.86 and
# 0.79 s (small).
CPU_PART = 1024
# A CPU computes the first layer of as many images at once as have this many values: larger tensors are given back to the
# system after each use, and getting them again takes as long as the convolution.
CPU_VALUES = 2**21


class PatchTrunk(nn.Module):
    """Valid convolutions, each followed by 2x2 max-pooling and ReLU: ``(N, 3, P, P)`` -> ``(N, C, S, S)``.

    Pooling before ReLU is the same function and saves three quarters of the ReLUs. Pooling drops an odd last row or column, so
    no layer computes it: only ``used`` of the P pixels of a side are read.

    The patches of one image overlap. :meth:`survey` computes the first layer once for the whole image, and :meth:`read` takes
    the values of each patch from there: the same features as those of :meth:`forward`, in less time. Training does
    without: the gradient of a survey costs as much as it saves.
    """

    def __init__(self, layers: Sequence[tuple[int, int]], patch_size: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList()
        self.patch_size, (self.kernel, self.width) = patch_size, layers[0]
        channels, side = 3, patch_size
        for kernel, width in layers:
            self.convolutions.append(nn.Conv2d(channels, width, kernel))
            channels, side = width, (side - kernel + 1) // 2
        self.channels, self.side = channels, side
        self.used = side
        for kernel, _ in reversed(layers):
            # The side of the first layer's pooled map is that of the last turn.
            self.pooled, self.used = self.used, 2 * self.used + kernel - 1

    def forward(self, patches: Tensor) -> Tensor:
        # Channels last is several times faster on CPUs. Patches usually come in this layout.
        patches = patches[..., : self.used, : self.used].contiguous(memory_format=torch.channels_last)
        part = CPU_PART if patches.device.type == "cpu" else len(patches)
        return torch.cat([self._layers(some, 0) for some in patches.split(part)])

    def survey(self, images: Tensor) -> list[Tensor]:
        """The first layer for a patch at every whole pixel of images ``(B, 3, H, W)`` in [-0.5, 0.5].

        Returns:
            ``(b, H + k, W + k, C)`` for some images after the other; k is the first kernel. Row and column 0 belong to a window
            whose first pixel is -k. There and before, all pixels repeat the image's border.
        """
        on_cpu, values = images.device.type == "cpu", self.width * images.shape[2] * images.shape[3]
        found = []
        for part in images.split(max(1, CPU_VALUES // values) if on_cpu else len(images)):
            part = functional.pad(part.contiguous(memory_format=torch.channels_last), [self.kernel] * 4, mode="replicate")
            maps = self.convolutions[0](part)
            # Max-pooling that moves by one pixel, in two steps, which is faster than max_pool2d.
            maps = torch.maximum(maps[..., 1:, :], maps[..., :-1, :])
            maps = torch.maximum(maps[..., 1:], maps[..., :-1])
            found.append(torch.relu_(maps).permute(0, 2, 3, 1).contiguous())
        return found

    def read(self, survey: list[Tensor], points: Tensor) -> Tensor:
        """The features of the patches at points ``(B, L, 2)`` (image pixels) from :meth:`survey`: ``(B, L, C, S, S)``."""
        parts = zip(survey, points.split([len(part) for part in survey]), strict=True)
        return torch.cat([self._layers(self._look_up(*part), 1) for part in parts]).unflatten(0, points.shape[:2])

    def _look_up(self, survey: Tensor, points: Tensor) -> Tensor:
        """The first layer's values ``(B * L, C, p, p)`` of the patches at points."""
        batch, height, width, _ = survey.shape
        corners = patch_corners(points, self.patch_size) + self.kernel
        places = corners[..., None] + torch.arange(0, 2 * self.pooled, 2, device=points.device)
        columns, rows = places[:, :, 0].clamp(0, width - 1), places[:, :, 1].clamp(0, height - 1)
        rows = rows + torch.arange(0, batch * height, height, device=points.device)[:, None, None]
        index = (rows[..., None] * width + columns[..., None, :]).flatten(0, 1)
        # An embedding is a look-up of rows. On CPUs it is faster than indexing.
        return functional.embedding(index, survey.flatten(0, 2)).permute(0, 3, 1, 2)

    def _layers(self, maps: Tensor, first: int) -> Tensor:
        """The layers from number ``first`` on."""
        for convolution in self.convolutions[first:]:
            maps = torch.relu(functional.max_pool2d(convolution(maps), 2))
        return maps

"""The patch trunk as one would write it with plain PyTorch, to measure what the faster one gains."""

import copy

from torch import Tensor
from torch.nn import functional

from srn_core.model import SRN
from srn_core.model.patches import extract_patches
from srn_core.model.trunk import PatchTrunk

PLAIN_WAY = "plain PyTorch"


class PlainTrunk(PatchTrunk):
    """The same function: every patch by itself, through layers in the order convolution, ReLU, pooling, in the usual layout."""

    def forward(self, patches: Tensor) -> Tensor:
        maps = patches.contiguous()
        for convolution in self.convolutions:
            maps = functional.max_pool2d(functional.relu(convolution(maps)), 2)
        return maps

    def survey(self, images: Tensor) -> list[Tensor]:
        """The images themselves."""
        return [images]

    def read(self, survey: list[Tensor], points: Tensor) -> Tensor:
        """See :meth:`PatchTrunk.read`."""
        (images,) = survey
        return self(extract_patches(images, points, self.patch_size).flatten(0, 1)).unflatten(0, points.shape[:2])


def made_plain(model: SRN) -> SRN:
    """A copy of a model with the same weights whose trunk is a :class:`PlainTrunk`."""
    plain = copy.deepcopy(model)
    make_plain(plain)
    return plain


def make_plain(model: SRN) -> None:
    """Give a model a :class:`PlainTrunk` with the weights that it has."""
    model.trunk.__class__ = PlainTrunk
    # Not cut to the pixels that are read: that too is a way to save time.
    model.trunk.used = model.config.patch_size

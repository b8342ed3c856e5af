"""The one-stage hourglass that gives SRN+HG its initial shape: crop -> heat maps -> S_0 (Newell et al. 2016).

Its heat maps are added to the logarithm of wide Gaussians around the mean shape, so S_0 starts as the mean shape. Trained alone
for 200 steps of 16 faces (small, demo, one seed), S_0 had an NME of 8.0 % on held-out heads; without Gaussians 12.6 %; the mean
shape has 15.3 %. Of the spreads 0.07, 0.11 and 0.18, 0.11 was the best.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

# Side of a heat map's cell in crop pixels; cell j covers the pixels 4 j ... 4 j + 3.
CELL = 4
HALVINGS = 3
GROUP = 8
# Standard deviation of the Gaussians, as a share of the crop's side.
PRIOR_SPREAD = 0.11


class Hourglass(nn.Module):
    """A stem, one hourglass and a head: ``(B, 3, S, S)`` crops in [-0.5, 0.5] -> ``(B, L, S // 4, S // 4)`` heat maps.

    Heat maps are logits and start as zeros; :func:`soft_argmax` turns them into landmarks. GroupNorm has no running statistics,
    so averaged weights and eval mode need no care.

    Args:
        width: channels, a multiple of 16.
        landmarks: L.
    """

    def __init__(self, width: int, landmarks: int) -> None:
        super().__init__()
        # Cell j sees the pixels 4 j - 2 ... 4 j + 5: it lies in their middle.
        self.stem = nn.Conv2d(3, width, 2 * CELL, stride=CELL, padding=CELL // 2)
        self.body = Halving(width, HALVINGS)
        last = nn.Conv2d(width, landmarks, 1)
        for parameter in last.parameters():
            nn.init.zeros_(parameter)
        self.head = nn.Sequential(*_norm_relu(width), nn.Conv2d(width, width, 1), *_norm_relu(width), last)

    def forward(self, images: Tensor) -> Tensor:
        # Channels last is faster on CPUs, as in the patch trunk.
        return self.head(self.body(self.stem(images.contiguous(memory_format=torch.channels_last))))


class Halving(nn.Module):
    """One resolution of the hourglass: halve the size, go deeper, come back, add the skip connection."""

    def __init__(self, width: int, below: int) -> None:
        super().__init__()
        deeper = Halving(width, below - 1) if below > 1 else Residual(width)
        self.skip = Residual(width)
        self.low = nn.Sequential(Residual(width), deeper, Residual(width))

    def forward(self, x: Tensor) -> Tensor:
        # Rounding up gives every cell a smaller one, also for odd sides.
        low = self.low(functional.max_pool2d(x, 2, ceil_mode=True))
        return self.skip(x) + functional.interpolate(low, x.shape[-2:], mode="nearest")


class Residual(nn.Module):
    """Pre-activated bottleneck of half the width: ``(B, C, H, W)`` -> the same shape."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.branch = nn.Sequential(
            *_norm_relu(width), nn.Conv2d(width, half, 1),
            *_norm_relu(half), nn.Conv2d(half, half, 3, padding=1),
            *_norm_relu(half), nn.Conv2d(half, width, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


def gaussian_prior(points: Tensor, cells: int) -> Tensor:
    """The logits of a Gaussian around each point: ``-|centre_c - p|^2 / (2 sigma^2)`` for each cell c.

    Args:
        points: ``(B, L, 2)`` crop pixels.
        cells: side of the heat maps.

    Returns:
        ``(B, L, cells, cells)``.
    """
    sigma = PRIOR_SPREAD * cells * CELL
    x, y = ((_centres(cells, points) - points[..., axis, None]) ** 2 for axis in (0, 1))
    return (x[..., None, :] + y[..., :, None]) / (-2 * sigma**2)


def soft_argmax(heat_maps: Tensor) -> Tensor:
    """The expected place of each landmark: ``sum_c softmax(heat)_c * centre_c`` (Sun et al. 2018).

    The centre of cell ``(row, column)`` is the pixel ``(4 column + 1.5, 4 row + 1.5)``. Differentiable.

    Args:
        heat_maps: ``(B, L, H, W)`` logits of any floating type.

    Returns:
        ``(B, L, 2)`` float32 crop pixels.

    >>> heat = torch.full((1, 1, 28, 28), -1e4)
    >>> heat[0, 0, 2, 5] = 0
    >>> soft_argmax(heat)[0, 0].tolist()
    [21.5, 9.5]
    """
    chance = torch.softmax(heat_maps.float().flatten(2), -1).unflatten(2, heat_maps.shape[2:])
    # Sums, because autocast would round a matrix product to bfloat16.
    x, y = ((chance.sum(axis) * _centres(side, chance)).sum(-1) for axis, side in ((2, chance.shape[3]), (3, chance.shape[2])))
    return torch.stack([x, y], -1)


def _centres(cells: int, like: Tensor) -> Tensor:
    """The centres of ``cells`` cells in a row: ``(cells,)`` crop pixels."""
    return torch.arange(cells, device=like.device) * float(CELL) + (CELL - 1) / 2


def _norm_relu(width: int) -> tuple[nn.Module, nn.Module]:
    # In place: the norm keeps its input for its gradient, not its output.
    return nn.GroupNorm(width // GROUP, width), nn.ReLU(inplace=True)

"""Shape-indexed patches: phi of eq. 2."""

import torch
from torch import Tensor


def patch_corners(points: Tensor, size: int) -> Tensor:
    """The first pixel ``(x, y)`` of the patch around each landmark: ``(..., 2)`` image pixels -> the same shape."""
    return torch.floor(points.detach() + 0.5).long() - size // 2


def extract_patches(images: Tensor, points: Tensor, size: int) -> Tensor:
    """Cut a ``size`` x ``size`` patch around each landmark; pixels outside the image repeat its border.

    The patch covers ``c - size // 2 ... c + (size - 1) // 2``; the pixel ``c`` is the landmark, rounded half up. No gradient
    flows to ``points``.

    Args:
        images: ``(B, C, H, W)`` of any type.
        points: ``(B, L, 2)`` image pixels; they may lie outside.
        size: P.

    Returns:
        ``(B, L, C, P, P)`` of the images' type, channels last in memory (fastest for convolutions).

    >>> image = torch.arange(16).reshape(1, 1, 4, 4)
    >>> extract_patches(image, torch.tensor([[[0.0, 3.4]]]), 2)[0, 0, 0].tolist()
    [[8, 8], [12, 12]]
    """
    height, width = images.shape[-2:]
    # Far outside the image a patch holds the same border pixels as just outside, so the padding is bounded.
    x, y = patch_corners(points, size).unbind(-1)
    column, row = x.clamp(-size, width) + size, y.clamp(-size, height) + size
    # On a CPU, joining the border on is several times faster than indexing it.
    pixels = images.permute(0, 2, 3, 1)
    left, right = (side.expand(-1, -1, size, -1) for side in (pixels[:, :, :1], pixels[:, :, -1:]))
    pixels = torch.cat([left, pixels, right], 2)
    top, bottom = (side.expand(-1, size, -1, -1) for side in (pixels[:, :1], pixels[:, -1:]))
    windows = torch.cat([top, pixels, bottom], 1).unfold(1, size, 1).unfold(2, size, 1).permute(0, 1, 2, 4, 5, 3)
    batch = torch.arange(len(images), device=images.device)[:, None]
    return windows[batch, row, column].permute(0, 1, 4, 2, 3)

"""What occluders hide: the one definition of a hidden landmark."""

from typing import NamedTuple

import torch
from torch import Tensor


class Occluded(NamedTuple):
    """Pictures with occluders, and where those lie.

    Attributes:
        images: ``(T, B, 3, S, S)``.
        covered: ``(T, B, 1, S, S)`` bool, the pixels that an occluder covers.
    """

    images: Tensor
    covered: Tensor


def uncovered(images: Tensor) -> Occluded:
    """Images ``(T, B, 3, S, S)`` without an occluder."""
    return Occluded(images, torch.zeros_like(images[:, :, :1], dtype=torch.bool))


def hidden_points(covered: Tensor, points: Tensor) -> Tensor:
    """Which landmarks cannot be seen: those whose pixel an occluder covers, and those outside the picture.

    Args:
        covered: ``(..., H, W)`` bool.
        points: ``(..., L, 2)`` pixels of the picture.

    Returns:
        ``(..., L)`` bool.

    >>> covered = torch.tensor([[True, False]])
    >>> hidden_points(covered, torch.tensor([[0.3, 0], [0.6, 0], [2, 0]])).tolist()
    [True, False, True]
    """
    height, width = covered.shape[-2:]
    x, y = torch.floor(points + 0.5).long().unbind(-1)
    outside = (x < 0) | (x >= width) | (y < 0) | (y >= height)
    place = y.clamp(0, height - 1) * width + x.clamp(0, width - 1)
    return covered.flatten(-2).gather(-1, place) | outside

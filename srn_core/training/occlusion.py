"""Occluders of training batches: the paper's noise square, and shapes and fillings of many kinds.

They never have the shape of a medical mask: masked faces stay unseen (the paper's protocol).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from srn_core.occluders import square_corner

SQUARE_SHARE = 48 / 224


def square_occluder(images: Tensor, points: Tensor, generator: torch.Generator, on: Tensor | None = None) -> Tensor:
    """One uniform-noise square of 48 px (at the 224 scale) on a landmark of each face (METHOD 1.8).

    Args:
        images: ``(T, B, 3, S, S)`` in [0, 1].
        points: ``(T, B, L, 2)`` crop pixels.
        generator: on the images' device.
        on: ``(T, B)`` int64 covered landmarks, -1 for a clean face; None: a random one for each sequence.
    """
    frames, batch, _, side, _ = images.shape
    size = round(side * SQUARE_SHARE)
    if on is None:
        on = _random_landmarks(points, generator)
    corner = square_corner(_places(points, on), size, side)[..., None, None, :]
    y, x = _pixel_grid(side, images.device)
    inside = (x >= corner[..., 0]) & (x < corner[..., 0] + size) & (y >= corner[..., 1]) & (y < corner[..., 1] + size)
    inside = inside & (on >= 0)[..., None, None]
    noise = torch.rand(images.shape, generator=generator, device=images.device)
    return torch.where(inside[:, :, None], noise, images)


def varied_occluders(images: Tensor, points: Tensor, generator: torch.Generator, on: Tensor | None = None) -> Tensor:
    """A quarter of the faces stay clean, the others get one or two ellipses or turned boxes, 20-80 % of the face's width.

    Fillings: noise, a flat colour with grain and gradient, or a piece of another picture of the batch. An occluder keeps
    its place on the face through a sequence, with a drift. Where ``on`` says what is covered, there is one occluder, centred
    on that landmark. Arguments as :func:`square_occluder`.
    """
    if on is not None:
        inside = _random_shapes(images, points, generator, on) & (on >= 0)[..., None, None, None]
        return torch.where(inside, _random_fillings(images, generator), images)
    covered = _chance(images, 0.75, generator)
    for again in (_chance(images, 1.0, generator), _chance(images, 0.4, generator)):
        inside = _random_shapes(images, points, generator) & (covered & again)
        images = torch.where(inside, _random_fillings(images, generator), images)
    return images


def _chance(images: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    return torch.rand((1, images.shape[1], 1, 1, 1), generator=generator, device=images.device) < probability


def _pixel_grid(side: int, device: torch.device) -> tuple[Tensor, Tensor]:
    pixels = torch.arange(side, device=device, dtype=torch.float32)
    return pixels[:, None], pixels[None, :]


def _random_landmarks(points: Tensor, generator: torch.Generator) -> Tensor:
    """A landmark for each sequence: ``(T, B)`` int64."""
    frames, batch, landmarks, _ = points.shape
    return torch.randint(landmarks, (batch,), generator=generator, device=points.device).expand(frames, batch)


def _places(points: Tensor, on: Tensor) -> Tensor:
    """Where landmarks ``(T, B)`` lie: ``(T, B, 2)``; of -1 that of landmark 0."""
    return points.take_along_dim(on.clamp(min=0)[..., None, None], 2)[:, :, 0]


def _random_shapes(images: Tensor, points: Tensor, generator: torch.Generator, on: Tensor | None = None) -> Tensor:
    """Ellipses and turned boxes, on landmarks ``(T, B)`` or round a random one: bool ``(T, B, 1, S, S)``."""
    frames, batch, _, side, _ = images.shape

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(batch, generator=generator, device=images.device) * (high - low) + low

    width = (points.amax(2) - points.amin(2))[..., 0]
    if on is not None:
        centre = _places(points, on)
    else:
        chosen = _random_landmarks(points, generator)
        drift = torch.stack([uniform(-0.05, 0.05), uniform(-0.05, 0.05)], -1)
        time = torch.arange(frames, device=images.device)[:, None, None]
        centre = _places(points, chosen) + drift * time * width[..., None]
    size, stretch, angle = uniform(0.2, 0.8), uniform(-0.5, 0.5).exp(), uniform(0, torch.pi)
    half = torch.stack([size * stretch, size / stretch], -1) * width[..., None] / 2
    elliptic = (uniform(0, 1) < 0.5)[:, None, None]
    y, x = _pixel_grid(side, images.device)
    dx, dy = x - centre[..., 0, None, None], y - centre[..., 1, None, None]
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    u = ((dx * cos + dy * sin) / half[..., 0, None, None]).abs()
    v = ((dy * cos - dx * sin) / half[..., 1, None, None]).abs()
    return torch.where(elliptic, u * u + v * v, torch.maximum(u, v)).lt(1)[:, :, None]


def _random_fillings(images: Tensor, generator: torch.Generator) -> Tensor:
    """What the occluders show, alike in all frames of a sequence but for grain: ``(T, B, 3, S, S)``."""
    frames, batch, _, side, _ = images.shape

    def rand(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, device=images.device)

    kind = rand(1, batch, 1, 1, 1)
    coarse = functional.interpolate(rand(batch, 3, 2, 2) - 0.5, (side, side), mode="bilinear", align_corners=True)
    noise = rand(1, batch, 3, side, side)
    # Cloth, hands and hair vary little from pixel to pixel: a flat colour, a gradient and some grain.
    flat = rand(1, batch, 3, 1, 1) + 0.5 * rand(1, batch, 1, 1, 1) * coarse + (noise - 0.5) * 0.2 * rand(1, batch, 1, 1, 1)
    other = images.roll((1, side // 3, side // 4), (1, 3, 4)).flip(-2)
    return torch.where(kind < 0.25, noise, torch.where(kind < 0.65, flat.clamp(0, 1), other))

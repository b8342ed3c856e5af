"""Occluders of training batches: the paper's noise square, and shapes and fillings of many kinds.

Only ``masklike_occluders`` have the shape of a medical mask: without them masked faces stay unseen (the paper's protocol).
"""

import torch
from torch import Tensor
from torch.nn import functional

from srn_core.occluders.cover import Occluded, uncovered
from srn_core.occluders.squares import square_corner

SQUARE_SHARE = 48 / 224
# Of the 68 points: the jaw line that holds a mask, and the bridge and tip of the nose, where a mask ends.
JAW, NOSE = slice(1, 16), slice(27, 31)


def square_occluder(images: Tensor, points: Tensor, generator: torch.Generator, on: Tensor | None = None) -> Occluded:
    """One uniform-noise square of 48 px (in a 224 px crop) on a landmark of each face, as in the paper.

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
    inside = (inside & (on >= 0)[..., None, None])[:, :, None]
    noise = torch.rand(images.shape, generator=generator, device=images.device)
    return Occluded(torch.where(inside, noise, images), inside)


def varied_occluders(images: Tensor, points: Tensor, generator: torch.Generator, on: Tensor | None = None) -> Occluded:
    """A quarter of the faces stay clean, the others get one or two ellipses or turned boxes.

    The geometric mean of their sides is 20-80 % of the face's width. They show noise, a flat colour with grain and gradient, or
    a piece of another picture of the batch. They keep their place on the face in a sequence, except for a drift. With
    ``on`` there is one occluder, centred on that landmark. Arguments as for :func:`square_occluder`.
    """
    if on is not None:
        inside = _random_shapes(images, points, generator, on) & (on >= 0)[..., None, None, None]
        return Occluded(torch.where(inside, _random_fillings(images, generator), images), inside)
    occluded, covered = chance(images, 0.75, generator), uncovered(images).covered
    for again in (chance(images, 1.0, generator), chance(images, 0.4, generator)):
        inside = _random_shapes(images, points, generator) & (occluded & again)
        images = torch.where(inside, _random_fillings(images, generator), images)
        covered = covered | inside
    return Occluded(images, covered)


def masklike_occluders(images: Tensor, points: Tensor, generator: torch.Generator) -> Occluded:
    """:func:`varied_occluders`, and on half of the faces a polygon from the jaw line to the nose, as masks and scarves lie.

    Its corners are moved at random. Its filling is one of theirs, black, or a blur of the pixels below. For the 68 points;
    arguments as for :func:`square_occluder`.
    """
    images, covered = varied_occluders(images, points, generator)
    inside = _lower_faces(points, images.shape[-1], generator)[:, :, None] & chance(images, 0.5, generator)
    blurred = functional.avg_pool2d(images.flatten(0, 1), 15, 1, 7, count_include_pad=False).unflatten(0, images.shape[:2])
    plain = torch.where(chance(images, 0.5, generator), blurred, 0.0)
    filling = torch.where(chance(images, 0.2, generator), plain, _random_fillings(images, generator))
    return Occluded(torch.where(inside, filling, images), covered | inside)


def _lower_faces(points: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """Which pixels lie in a polygon through jaw and nose, alike in all frames of a sequence: bool ``(T, B, S, S)``."""
    batch = points.shape[1]
    width = (points.amax(2) - points.amin(2))[..., :1]
    jaw = points[:, :, JAW]
    middle = jaw.mean(2, keepdim=True)
    jaw = middle + (jaw - middle) * uniform((batch, 1, 1), 0.9, 1.15, generator)
    # Somewhere on the nose, from its root to its tip.
    place = uniform((batch, 1), 0, NOSE.stop - NOSE.start - 1, generator)
    low = place.floor()
    nose = points[:, :, NOSE]
    first, second = (nose.take_along_dim((low + i).long()[None, :, :, None].clamp(max=3), 2) for i in (0, 1))
    top = first + (second - first) * (place - low)[..., None]
    corners = torch.cat([jaw, top], 2)
    corners = corners + torch.randn(corners.shape[1:], generator=generator, device=points.device) * 0.03 * width[:, :, None]
    y, x = _pixel_grid(side, points.device)
    inside = torch.zeros(*points.shape[:2], side, side, dtype=torch.bool, device=points.device)
    # A point is inside where a ray from it crosses the outline an odd number of times.
    for start, end in zip(corners.unbind(2), corners.roll(-1, 2).unbind(2), strict=True):
        x0, y0, x1, y1 = torch.cat([start, end], -1)[..., None, None].unbind(2)
        slope = (x1 - x0) / torch.where(y1 == y0, 1.0, y1 - y0)
        inside = inside ^ (((y0 > y) != (y1 > y)) & (x < x0 + slope * (y - y0)))
    return inside


def chance(images: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """True for a random share of the sequences of images ``(T, B, C, H, W)``: bool ``(1, B, 1, 1, 1)``."""
    return torch.rand((1, images.shape[1], 1, 1, 1), generator=generator, device=images.device) < probability


def uniform(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    """Uniform numbers from ``low`` to ``high``, on the generator's device."""
    return torch.rand(shape, generator=generator, device=generator.device) * (high - low) + low


def _pixel_grid(side: int, device: torch.device) -> tuple[Tensor, Tensor]:
    pixels = torch.arange(side, device=device, dtype=torch.float32)
    return pixels[:, None], pixels[None, :]


def _random_landmarks(points: Tensor, generator: torch.Generator) -> Tensor:
    """A landmark for each sequence: ``(T, B)`` int64."""
    frames, batch, landmarks, _ = points.shape
    return torch.randint(landmarks, (batch,), generator=generator, device=points.device).expand(frames, batch)


def _places(points: Tensor, on: Tensor) -> Tensor:
    """Where landmarks ``(T, B)`` lie: ``(T, B, 2)``; -1 counts as landmark 0."""
    return points.take_along_dim(on.clamp(min=0)[..., None, None], 2)[:, :, 0]


def _random_shapes(images: Tensor, points: Tensor, generator: torch.Generator, on: Tensor | None = None) -> Tensor:
    """Ellipses and turned boxes, on landmarks ``(T, B)`` or round a random one: bool ``(T, B, 1, S, S)``."""
    frames, batch, _, side, _ = images.shape

    def draw(low: float, high: float) -> Tensor:
        return uniform((batch,), low, high, generator)

    width = (points.amax(2) - points.amin(2))[..., 0]
    if on is not None:
        centre = _places(points, on)
    else:
        chosen = _random_landmarks(points, generator)
        drift = torch.stack([draw(-0.05, 0.05), draw(-0.05, 0.05)], -1)
        time = torch.arange(frames, device=images.device)[:, None, None]
        centre = _places(points, chosen) + drift * time * width[..., None]
    size, stretch, angle = draw(0.2, 0.8), draw(-0.5, 0.5).exp(), draw(0, torch.pi)
    half = torch.stack([size * stretch, size / stretch], -1) * width[..., None] / 2
    elliptic = (draw(0, 1) < 0.5)[:, None, None]
    y, x = _pixel_grid(side, images.device)
    dx, dy = x - centre[..., 0, None, None], y - centre[..., 1, None, None]
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    u = ((dx * cos + dy * sin) / half[..., 0, None, None]).abs()
    v = ((dy * cos - dx * sin) / half[..., 1, None, None]).abs()
    return torch.where(elliptic, u * u + v * v, torch.maximum(u, v)).lt(1)[:, :, None]


def _random_fillings(images: Tensor, generator: torch.Generator) -> Tensor:
    """The pixels of the occluders, the same in all frames of a sequence except for grain: ``(T, B, 3, S, S)``."""
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

"""Occluders as pure functions of a key, batched: the same key gives the same pixels on every device.

The game (``srn_gym``) and the synthesis of training clips (``agents``) place them; nothing here draws from a shared random
state.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from srn_core.devices import to_device

TEXTURE_GRID = 5
MASK_COLOURS = ((168, 205, 232), (176, 220, 204), (232, 236, 240), (240, 208, 216))
_MIX = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _shift(x: Tensor, bits: int) -> Tensor:
    """Logical right shift of int64."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def mix(x: Tensor) -> Tensor:
    """SplitMix64's output function on int64, element by element (https://prng.di.unimi.it/splitmix64.c)."""
    x = x + _signed(_MIX[0])
    x = (x ^ _shift(x, 30)) * _signed(_MIX[1])
    x = (x ^ _shift(x, 27)) * _signed(_MIX[2])
    return x ^ _shift(x, 31)


def noise_keys(noise_seed: int, clip_keys: Tensor, frames: Tensor) -> Tensor:
    """One key for each (seed, clip, frame): int64 ``(B,)`` from int64 ``(B,)`` clip keys and frame numbers."""
    return mix(mix(mix(torch.full_like(clip_keys, noise_seed)) ^ clip_keys) ^ frames)


def uniform_noise(keys: Tensor, size: int) -> Tensor:
    """Uniform noise, independent per pixel and channel: ``(B,)`` keys -> ``(B, 3, size, size)`` uint8."""
    # Eight bytes come out of each mixed counter.
    words = -(-3 * size * size // 8)
    mixed = mix(keys[:, None] ^ mix(torch.arange(words, device=keys.device)))
    values = torch.stack([_shift(mixed, 8 * i) if i else mixed for i in range(8)], -1) & 255
    return values.flatten(1)[:, : 3 * size * size].to(torch.uint8).unflatten(1, (3, size, size))


def square_corner(centres: Tensor, size: int, image_size: int) -> Tensor:
    """Top left pixel ``(x, y)`` of a square that is centred on a landmark and moved inside the image: ``(B, 2)`` -> int64."""
    return (torch.floor(centres + 0.5).long() - size // 2).clamp(0, image_size - size)


def paste(images: Tensor, patches: Tensor, corners: Tensor) -> Tensor:
    """Copies of ``images`` ``(B, 3, S, S)`` with ``patches`` ``(B, 3, n, n)`` at ``corners`` ``(B, 2)`` (x, y), all inside."""
    out = images.clone()
    offsets = torch.arange(patches.shape[-1], device=images.device)
    rows = (corners[:, 1, None] + offsets)[:, :, None]
    columns = (corners[:, 0, None] + offsets)[:, None, :]
    batch = torch.arange(len(images), device=images.device)[:, None, None]
    out[batch, :, rows, columns] = patches.permute(0, 2, 3, 1)
    return out


def noise(images: Tensor, corners: Tensor, keys: Tensor, size: int) -> Tensor:
    """Uniform noise."""
    return uniform_noise(keys, size)


def black(images: Tensor, corners: Tensor, keys: Tensor, size: int) -> Tensor:
    """Black."""
    return images.new_zeros(len(images), 3, size, size)


def blur(images: Tensor, corners: Tensor, keys: Tensor, size: int) -> Tensor:
    """The pixels under the square, after two box filters of half its side; the image's border continues outside the image."""
    side = size // 2 | 1
    offsets = torch.arange(-(side - 1), size + side - 1, device=images.device)
    rows, columns = ((corners[:, axis, None] + offsets).clamp(0, images.shape[-1] - 1) for axis in (1, 0))
    batch = torch.arange(len(images), device=images.device)[:, None, None]
    pixels = images[batch, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    for _ in range(2):
        # Sums of whole numbers are exact in float64, in whichever order a device adds them.
        total = avg_pool2d(pixels.double(), side, stride=1, divisor_override=1)
        pixels = total.long() // side**2
    return pixels.to(torch.uint8)


def texture(images: Tensor, corners: Tensor, keys: Tensor, size: int) -> Tensor:
    """Smooth colours: noise on a grid of ``TEXTURE_GRID`` points a side, interpolated."""
    place = torch.arange(size, device=keys.device) * (TEXTURE_GRID - 1) * 256 // max(size - 1, 1)
    cell = (place >> 8).clamp(max=TEXTURE_GRID - 2)
    share = place - (cell << 8)
    grid = uniform_noise(keys, TEXTURE_GRID).long()
    rows = grid[:, :, cell] * (256 - share)[:, None] + grid[:, :, cell + 1] * share[:, None]
    values = rows[..., cell] * (256 - share) + rows[..., cell + 1] * share
    return (values >> 16).to(torch.uint8)


def mask(images: Tensor, corners: Tensor, keys: Tensor, size: int) -> Tensor:
    """The cloth of a medical mask: one pale colour, three pleats across, shaded below each fold, and a grain."""
    drawn = mix(keys ^ 1)
    colour = to_device(np.array(MASK_COLOURS), keys.device)[_shift(drawn, 1) % len(MASK_COLOURS)]
    pleat = max(size // 3, 2)
    row = (torch.arange(size, device=keys.device) + (_shift(drawn, 8) % pleat)[:, None]) % pleat
    shade = 36 * (pleat - 1 - row) // pleat + 40 * (row == 0)
    grain = uniform_noise(keys, size)[:, :1].long() // 16
    return (colour[:, :, None, None] - shade[:, None, :, None] - grain).to(torch.uint8)


Occluder = Literal["noise", "black", "blur", "texture", "mask"]
KINDS: Mapping[Occluder, Callable[[Tensor, Tensor, Tensor, int], Tensor]] = {
    "noise": noise, "black": black, "blur": blur, "texture": texture, "mask": mask
}  # fmt: skip
"""The look of a square. All functions take images ``(B, 3, S, S)`` uint8, the squares' corners ``(B, 2)``, keys ``(B,)`` and
the side n -> ``(B, 3, n, n)`` uint8."""


def add_square(images: Tensor, centres: Tensor, keys: Tensor, size: int, kind: Occluder = "noise") -> Tensor:
    """Cover a landmark of each face with a square: the paper's occluder, in training and in the game.

    Args:
        images: ``(B, 3, S, S)`` uint8 crops.
        centres: ``(B, 2)`` crop pixels.
        keys: ``(B,)`` int64, from :func:`noise_keys`.
        size: side, crop pixels.
        kind: what the square shows.
    """
    corners = square_corner(centres, size, images.shape[-1])
    return paste(images, KINDS[kind](images, corners, keys, size), corners)

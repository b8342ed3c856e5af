"""Occluders as pure functions of a key, batched: the same key gives the same pixels on every device.

The game (``srn_gym``) and the synthesis of training clips (``agents``) place them; nothing here draws from a shared random
state.
"""

from __future__ import annotations

import torch
from torch import Tensor

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
    """Uniform noise, every pixel and channel on its own: ``(B,)`` keys -> ``(B, 3, size, size)`` uint8."""
    # Eight bytes come out of each mixed counter.
    words = -(-3 * size * size // 8)
    mixed = mix(keys[:, None] ^ mix(torch.arange(words, device=keys.device)))
    values = torch.stack([_shift(mixed, 8 * i) if i else mixed for i in range(8)], -1) & 255
    return values.flatten(1)[:, : 3 * size * size].to(torch.uint8).unflatten(1, (3, size, size))


def square_corner(centres: Tensor, size: int, image_size: int) -> Tensor:
    """Top left pixel ``(x, y)`` of a square centred on a landmark and kept inside the image: ``(B, 2)`` -> int64."""
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


def add_noise_square(images: Tensor, centres: Tensor, keys: Tensor, size: int) -> Tensor:
    """Put each face's noise square on a landmark: the occluder of METHOD 1.8 and of the game.

    Args:
        images: ``(B, 3, S, S)`` uint8 crops.
        centres: ``(B, 2)`` crop pixels.
        keys: ``(B,)`` int64, from :func:`noise_keys`.
        size: side, crop pixels.
    """
    return paste(images, uniform_noise(keys, size), square_corner(centres, size, images.shape[-1]))

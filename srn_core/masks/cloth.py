"""The flat cloth of a medical mask: colour, pleats, trims, weave. Pure functions of a style.

Cloth coordinates: ``u`` from -1 (the subject's right edge) to 1, ``v`` from 0 (upper edge) to 1 (lower edge).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import cv2
import numpy as np

WIDTH, HEIGHT = 256, 192
# RGB of masks on sale, with how often each is drawn.
COLOURS: tuple[tuple[tuple[int, int, int], float], ...] = (
    ((128, 186, 222), 0.34),
    ((158, 208, 214), 0.14),
    ((132, 192, 172), 0.12),
    ((232, 234, 236), 0.18),
    ((42, 44, 50), 0.10),
    ((222, 170, 186), 0.06),
    ((140, 146, 156), 0.06),
)


@dataclass(frozen=True)
class MaskStyle:
    """The look of one mask.

    Attributes:
        colour: red, green, blue of the cloth in 0-255 under white light.
        trim: how white the sewn edges of a light cloth are, 0-1; those of a dark cloth are darker.
        height: place of the upper edge on the nose: 0 at landmark 28, 1 at landmark 29.
        drop: how far the lower edge hangs below the chin, face units.
        inset: how far the side edges lie inside the jaw line, as a share of the way to the nose.
        pleats: ``v`` of the folds; empty: a moulded mask with a seam down its middle.
        bow: how far the middle of the folds sags, in ``v``.
        depth: darkness of the folds, 0-1.
        weave: seed of creases and cloth grain.
    """

    colour: tuple[float, float, float]
    trim: float
    height: float
    drop: float
    inset: float
    pleats: tuple[float, ...]
    bow: float
    depth: float
    weave: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """A style at random."""
        colours, shares = zip(*COLOURS, strict=True)
        colour = np.clip(np.array(colours[rng.choice(len(colours), p=shares)]) + rng.normal(0, 7, 3), 20, 245)
        count = int(rng.choice([0, 2, 3, 4], p=[0.15, 0.15, 0.5, 0.2]))
        pleats = np.linspace(0.3, 0.72, count) + rng.normal(0, 0.015, count) if count else np.zeros(0)
        return cls(
            colour=(float(colour[0]), float(colour[1]), float(colour[2])),
            trim=float(rng.uniform(0.05, 0.6)),
            height=float(rng.uniform(0.1, 0.9)),
            drop=float(rng.uniform(0.02, 0.07)),
            inset=float(rng.uniform(0.02, 0.12)),
            pleats=tuple(pleats.tolist()),
            bow=float(rng.uniform(0.02, 0.09)),
            depth=float(rng.uniform(0.18, 0.4)),
            weave=int(rng.integers(2**31)),
        )


# It depends on these two small arguments alone, and takes as long as all else of a mask: a clip's frames share it.
@lru_cache(maxsize=64)
def cloth_texture(style: MaskStyle, level: int) -> np.ndarray:
    """The cloth under white light: ``(HEIGHT >> level, WIDTH >> level, 3)`` uint8 RGB; read-only."""
    u, v = np.linspace(-1, 1, WIDTH)[None], np.linspace(0, 1, HEIGHT)[:, None]
    shade = (1 - 0.17 * np.abs(u) ** 3) * _folds(style, u, v) * _creases(style)
    bands = ((v < 0.1) | (v > 0.94) | (np.abs(u) > 0.94)).astype(np.float64)
    sewn = style.trim * max(style.colour) / 255 * bands[..., None]
    colour = (1 - sewn) * np.array(style.colour) + sewn * 245
    texture = np.clip(colour * (shade * _stitches(u, v))[..., None] + 0.5, 0, 255).astype(np.uint8)
    texture = cv2.resize(texture, (WIDTH >> level, HEIGHT >> level), interpolation=cv2.INTER_AREA)
    texture.flags.writeable = False
    return texture


def _folds(style: MaskStyle, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Each pleat is a bright ridge; its shadow is sharp at the ridge and fades below it."""
    shade = np.ones((HEIGHT, WIDTH))
    if not style.pleats:
        return shade + style.depth * 0.35 * (np.exp(-((u / 0.03) ** 2)) - np.exp(-(((u - 0.06) / 0.05) ** 2)))
    for pleat in style.pleats:
        below = v - pleat - style.bow * (1 - u**2) * (0.4 + pleat)
        shadow = np.where(below > 0, np.exp(-np.maximum(below, 0) / 0.045), 0)
        ridge = np.where(below <= 0, np.exp(np.minimum(below, 0) / 0.03), 0)
        shade += style.depth * (0.3 * ridge - shadow)
    return cv2.GaussianBlur(np.maximum(shade, 0.3), (0, 0), 0.8)


def _creases(style: MaskStyle) -> np.ndarray:
    """Soft creases that run across the face, and the grain of the cloth."""
    rng = np.random.default_rng(style.weave)
    creases = cv2.resize(rng.normal(0, 0.035, (9, 6)), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    grain = cv2.GaussianBlur(rng.normal(0, 0.045, (HEIGHT, WIDTH)), (0, 0), 0.7)
    return np.asarray(1 + creases + grain)


def _stitches(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Two dotted lines along the upper band, one along the lower, and the rim where a band ends."""
    dotted = (np.sin(u * 150) > 0).astype(np.float64)
    lines = sum(np.exp(-(((v - at) / 0.006) ** 2)) for at in (0.04, 0.085, 0.955))
    rim = np.exp(-(((v - 0.105) / 0.008) ** 2)) + np.exp(-(((np.abs(u) - 0.93) / 0.008) ** 2))
    return np.asarray(1 - 0.18 * dotted * lines - 0.12 * rim)

"""Backdrops: gradients, blurred rooms, soft lights, noise."""

import cv2
import numpy as np

from srn_core.heads.paint import linear

MARGIN = 1.25


def _fractal(rng: np.random.Generator, side: int, roughness: float) -> np.ndarray:
    """Smooth noise ``(side, side)`` in about 0..1."""
    total, weight, sum_weights = np.zeros((side, side), np.float32), 1.0, 0.0
    for cells in (3, 6, 12, 24, 48):
        total += weight * cv2.resize(rng.random((cells, cells), np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
        sum_weights += weight
        weight *= roughness
    return total / sum_weights


def _colour(rng: np.random.Generator, low: float = 0.1, high: float = 0.9) -> np.ndarray:
    """A muted random sRGB colour in 0..1."""
    grey = rng.uniform(low, high)
    return np.clip(grey + rng.normal(0.0, 0.1, 3), 0.02, 0.98)


def _gradient(rng: np.random.Generator, side: int) -> np.ndarray:
    y, x = np.mgrid[:side, :side] / side
    angle = rng.uniform(0, 2 * np.pi)
    t = np.clip(0.5 + (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle), 0, 1)[..., None]
    return _colour(rng) * (1 - t) + _colour(rng) * t


def _room(rng: np.random.Generator, side: int) -> np.ndarray:
    """Walls, windows and shelves as overlapping rectangles out of focus."""
    image = _gradient(rng, side)
    for _ in range(rng.integers(6, 16)):
        corner = rng.integers(-side // 5, side, 2)
        extent = rng.integers(side // 16, side // 2, 2)
        cv2.rectangle(image, corner.tolist(), (corner + extent).tolist(), _colour(rng, 0.05, 0.95).tolist(), -1)
    return cv2.GaussianBlur(image, (0, 0), side * rng.uniform(0.008, 0.03))


def _lights(rng: np.random.Generator, side: int) -> np.ndarray:
    """Discs of light out of focus."""
    image = _gradient(rng, side) * 0.5
    for _ in range(rng.integers(12, 35)):
        disc = np.zeros_like(image)
        place, radius = rng.integers(0, side, 2).tolist(), int(rng.integers(side // 40, side // 11))
        cv2.circle(disc, place, radius, _colour(rng, 0.4, 0.9).tolist(), -1, cv2.LINE_AA)
        image += rng.uniform(0.15, 0.5) * disc
    return cv2.GaussianBlur(image, (0, 0), side * 0.006)


def _texture(rng: np.random.Generator, side: int) -> np.ndarray:
    """Plaster, foliage or cloth: noise between three colours."""
    t, grain = _fractal(rng, side, rng.uniform(0.5, 0.95)), _fractal(rng, side, 0.9)
    t = np.clip((t - t.mean()) / t.std() * 0.22 + 0.5, 0, 1)[..., None]
    image = _colour(rng) * (1 - t) + _colour(rng) * t
    return image * (1 - 0.4 * grain[..., None]) + 0.4 * grain[..., None] * _colour(rng)


def _outdoors(rng: np.random.Generator, side: int) -> np.ndarray:
    """Sky over a soft horizon of green and grey."""
    y = (np.arange(side) / side)[:, None, None]
    sky = np.array([0.55, 0.7, 0.88]) + rng.normal(0, 0.06, 3) + 0.25 * y
    land = np.array([0.3, 0.4, 0.22]) + rng.normal(0, 0.07, 3)
    noise = _fractal(rng, side, 0.8)[..., None]
    ridge = rng.uniform(0.3, 0.7) + 0.5 * (_fractal(rng, side, 0.5)[side // 2] - 0.5)[None, :, None]
    ground = np.clip((y - ridge) * 25.0, 0, 1)
    image = sky * (0.85 + 0.3 * noise) * (1 - ground) + land * (0.3 + 1.4 * noise) * ground
    return cv2.GaussianBlur(image, (0, 0), side * 0.008)


KINDS = (_room, _lights, _texture, _outdoors, _gradient)


def sample_backdrop(rng: np.random.Generator, size: int, kind: int) -> np.ndarray:
    """A backdrop for frames of ``size`` px, with a margin to drift in: ``(S, S, 3)`` linear RGB, ``S = MARGIN * size``.

    ``kind`` is any integer; consecutive values give different kinds.
    """
    image = KINDS[kind % len(KINDS)](rng, int(size * MARGIN))
    return linear(np.clip(image, 0.0, 1.0)).astype(np.float32)


def drift(backdrop: np.ndarray, size: int, shift: np.ndarray) -> np.ndarray:
    """Cut ``(size, size, 3)`` out of a backdrop, moved by ``shift (2,)`` pixels with sub-pixel accuracy."""
    spare = 0.5 * (backdrop.shape[0] - size)
    offset = np.clip(spare - np.asarray(shift), 0.0, 2 * spare)
    matrix = np.array([[1.0, 0.0, offset[0]], [0.0, 1.0, offset[1]]])
    return cv2.warpAffine(backdrop, matrix, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)

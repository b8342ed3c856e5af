"""The paint of a face, on an atlas that is the canonical front view of the mesh.

See :mod:`srn_core.heads.mesh` for the frame. Colours are linear-light RGB in 0..1 unless a name says sRGB.
"""

import cv2
import numpy as np

from srn_core.face.curve import catmull_rom
from srn_core.heads.mesh import load_mesh

# Atlas: x in [LEFT, -LEFT], y in [TOP - 2.7, TOP], in dm.
ATLAS_SCALE = 300.0
LEFT, TOP = -1.0, 8.4
ATLAS_SIZE = (600, 810)

# From corner to corner, right eye and left.
UPPER_LID_LINES = ((36, 37, 38, 39), (42, 43, 44, 45))
LOWER_LID_LINES = ((36, 41, 40, 39), (42, 47, 46, 45))
OUTER_LIP = tuple(range(48, 60))


def linear(srgb: str | np.ndarray) -> np.ndarray:
    """Linear-light colour of a hex string or of sRGB values in 0..1."""
    if isinstance(srgb, str):
        srgb = np.array([int(srgb[i : i + 2], 16) for i in (0, 2, 4)]) / 255.0
    return np.asarray(srgb, np.float32) ** np.float32(2.2)


def rgb(red: float, green: float, blue: float) -> np.ndarray:
    """A colour as a float32 array: float64 would make all shading slower."""
    return np.array([red, green, blue], np.float32)


def to_atlas(points: np.ndarray) -> np.ndarray:
    """Canonical ``(..., 2 or 3)`` points to atlas pixels ``(..., 2)``."""
    return (np.asarray(points)[..., :2] - [LEFT, TOP]) * [ATLAS_SCALE, -ATLAS_SCALE]


def _smooth_curve(points: np.ndarray, count: int) -> np.ndarray:
    """``count`` points on a smooth curve through ``points (n, 2)``."""
    place = np.linspace(0.0, len(points) - 1 - 1e-6, count)
    return catmull_rom(points, place.astype(int), place % 1.0)


def _blend(atlas: np.ndarray, colour: np.ndarray, mask: np.ndarray) -> None:
    """Paint ``colour`` over the atlas in place, where ``mask (H, W)`` in 0..1 says."""
    opacity = atlas[..., 3]
    total = mask + opacity * (1 - mask)
    keep = (opacity * (1 - mask))[..., None]
    atlas[..., :3] = (colour * mask[..., None] + atlas[..., :3] * keep) / np.maximum(total, 1e-6)[..., None]
    atlas[..., 3] = total


def _stroke_mask(curves: list[np.ndarray], width: float, blur: float) -> np.ndarray:
    mask = np.zeros(ATLAS_SIZE[::-1], np.uint8)
    for curve in curves:
        cv2.polylines(mask, [np.rint(curve * 16).astype(np.int32)], False, 255, max(1, round(width)), cv2.LINE_AA, 4)
    return cv2.GaussianBlur(mask, (0, 0), blur).astype(np.float32) / 255.0


def _brow_mask(rng: np.random.Generator, points: np.ndarray, masculine: float) -> np.ndarray:
    """Hairs along the brow: slanted outwards, dense in the middle, thin at the tail."""
    mask = np.zeros(ATLAS_SIZE[::-1], np.uint8)
    thickness = rng.uniform(8.0, 11.5) + 5.0 * masculine
    for row in (slice(17, 22), slice(22, 27)):
        curve = _smooth_curve(points[row] + [0.0, 4.0], 120)
        outward = -1.0 if row.start == 17 else 1.0
        curve = curve if outward < 0 else curve[::-1]
        for place in rng.uniform(0.0, 1.0, 520):
            height = thickness * np.sqrt(np.clip(place * 2.2 + 0.12, 0, 1))
            root = curve[int(place * 119)] + rng.normal(0.0, [1.5, 0.28 * height])
            tip = root + [outward * rng.uniform(5, 11), rng.uniform(-5, 1) * (0.3 + 0.7 * place)]
            ends = np.rint(np.stack([root, tip]) * 16).astype(np.int32)
            cv2.line(mask, ends[0], ends[1], int(rng.integers(120, 230)), 1, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(mask, (0, 0), 1.4).astype(np.float32) / 255.0


def _beard_mask(rng: np.random.Generator, points: np.ndarray) -> np.ndarray:
    """Chin, jaw and moustache, clear of the lips."""
    mask = np.zeros(ATLAS_SIZE[::-1], np.uint8)
    jaw = points[2:15]
    upper = points[[14, 12, 54, 52, 33, 50, 48, 4, 2]]
    upper += [[30, -10], [-18, -12], [26, 4], [12, -12], [0, 14], [-12, -12], [-26, 4], [18, -12], [-30, -10]]
    low = np.concatenate([jaw + [0.0, 40.0], upper])
    cv2.fillPoly(mask, [np.rint(low).astype(np.int32)], 255)
    cv2.fillPoly(mask, [np.rint(points[list(OUTER_LIP)] + [0, 1]).astype(np.int32)], 0)
    soft = cv2.GaussianBlur(mask, (0, 0), 9.0).astype(np.float32) / 255.0
    grain = cv2.GaussianBlur(rng.random(soft.shape, np.float32), (0, 0), 1.3)
    grain = np.clip(0.5 + (grain - grain.mean()) / grain.std() * 0.25, 0, 1)
    return soft * (0.55 + 0.45 * grain)


def paint_face(rng: np.random.Generator, skin: np.ndarray, lips: np.ndarray, hair: np.ndarray, masculine: float) -> np.ndarray:
    """Paint cheeks, freckles, beard, lips, lash lines and brows: ``(H, W, 4)`` float32, linear RGB and opacity.

    ``masculine``, 0 to 1, means thinner lash lines, thicker brows and better odds of a beard.
    """
    mesh = load_mesh()
    points = to_atlas(mesh.landmarks(mesh.canonical))
    atlas = np.zeros((*ATLAS_SIZE[::-1], 4), np.float32)
    rows, columns = np.mgrid[: ATLAS_SIZE[1], : ATLAS_SIZE[0]].astype(np.float32)

    def spot(x: float, y: float, wide: float, high: float) -> np.ndarray:
        return np.exp(-(((columns - x) / wide) ** 2) - ((rows - y) / high) ** 2)

    flush = rng.uniform(0.15, 0.5)
    nose = points[30]
    for place in ((points[1, 0] + 75, nose[1], 55, 45), (points[15, 0] - 75, nose[1], 55, 45), (*nose, 32, 26)):
        _blend(atlas, skin * [1.02, 0.74, 0.74], flush * spot(*place))
    for eye in (slice(36, 42), slice(42, 48)):
        x, y = points[eye].mean(0)
        _blend(atlas, skin * [0.66, 0.55, 0.56], rng.uniform(0.2, 0.5) * spot(x, y + 4, 62, 34))
    if rng.random() < 0.35:
        speckle = cv2.GaussianBlur(rng.random(rows.shape, np.float32), (0, 0), 1.6)
        speckle = np.clip((speckle - speckle.mean()) / speckle.std() - 1.2, 0, 1)
        _blend(atlas, skin * [0.6, 0.42, 0.34], 0.8 * speckle * spot(300, points[29, 1] + 10, 190, 80))
    if rng.random() < 0.75 * (masculine - 0.35) / 0.65:
        _blend(atlas, 0.75 * hair + 0.25 * skin, rng.uniform(0.2, 0.9) * _beard_mask(rng, points))
    mouth = np.zeros(rows.shape, np.uint8)
    cv2.fillPoly(mouth, [np.rint(_smooth_curve(points[[*OUTER_LIP, 48]], 96) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    _blend(atlas, lips, 0.92 * cv2.GaussianBlur(mouth, (0, 0), 2.2).astype(np.float32) / 255.0)
    lids = [_smooth_curve(points[list(row)], 40) for row in UPPER_LID_LINES]
    _blend(atlas, np.minimum(0.4 * hair, 0.02), 0.95 * _stroke_mask(lids, 5.0 - 2.0 * masculine, 1.2))
    under = [_smooth_curve(points[list(row)], 40) for row in LOWER_LID_LINES]
    _blend(atlas, skin * [0.45, 0.33, 0.33], 0.6 * _stroke_mask(under, 2.0, 1.2))
    _blend(atlas, np.minimum(hair, 0.25 * skin + 0.5 * hair), 0.95 * _brow_mask(rng, points, masculine))
    return atlas

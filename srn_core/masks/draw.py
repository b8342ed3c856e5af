"""A medical mask drawn on a face from its 68 landmarks: a pure function of image, landmarks and style.

The outline follows the jaw line below and crosses the bridge of the nose above. The cloth (:mod:`srn_core.masks.cloth`) is
pinned on it by a thin-plate map and lit as the skin below is lit. Straps go to the ears. A masked face keeps its landmarks.
"""

from typing import NamedTuple

import cv2
import numpy as np

from srn_core.masks.cloth import HEIGHT, WIDTH, MaskStyle, cloth_texture
from srn_core.masks.fit import SAMPLES, FaceAxes, ThinPlate, face_axes, right_share, smooth_curve
from srn_core.masks.light import Window, fill, lay_on, sample, shrink_level, stroke, window_of

# The sides end on these landmarks of the jaw line (0-16). The upper edge lies between the two of BRIDGE.
RIGHT, LEFT = 2, 14
BRIDGE = (28, 29)
NOSE_TIP, NOSE_BASE, UPPER_LIP, LOWER_LIP = 30, 33, 51, 57
EYES = (slice(36, 42), slice(42, 48))
# The shares of `inset` and `drop` that apply to jaw points 2 to 14: the sides are drawn in, the chin hangs low.
INSET_SHARES = np.array([1, 0.9, 0.6, 0.2, 0, 0, 0, 0, 0, 0.2, 0.6, 0.9, 1])[:, None]
DROP_SHARES = np.array([0.1, 0.1, 0.15, 0.3, 0.6, 0.9, 1, 0.9, 0.6, 0.3, 0.15, 0.1, 0.1])[:, None]
# In face units: the gap below the eyelids, the distance of the cloth from nose and mouth, and the straps.
EYE_GAP, STAND_OFF, STRAP_WIDTH, STRAP_REACH = 0.07, 0.03, 0.015, 0.05
STRAP_COLOUR = np.array([205, 207, 210], np.float32)
# A side that is a smaller share of the face than this hides its ear.
HIDDEN_SIDE = 0.22
# The cloth's pins in its own (u, v): the upper edge's nine knots, the lower edge's thirteen, nose and mouth on the midline.
_ANGLE = np.linspace(np.pi, 0, 13)
PINS = np.concatenate(
    [
        np.column_stack([np.linspace(-1, 1, 9), np.zeros(9)]),
        np.column_stack([np.clip(1.25 * np.cos(_ANGLE), -1, 1), np.maximum(np.sin(_ANGLE), 0) ** 0.7]),
        [(0.0, 0.36), (0.0, 0.62)],
    ]
)
PIN_STIFFNESS = 0.02


class MaskEdges(NamedTuple):
    """The knots of a mask's outline, frame pixels, from the subject's right corner to the left one.

    Attributes:
        upper: ``(9, 2)``, the middle one on the nose's bridge.
        lower: ``(13, 2)``, beside jaw points 2 to 14.
    """

    upper: np.ndarray
    lower: np.ndarray


def draw_mask(image: np.ndarray, points: np.ndarray, style: MaskStyle) -> np.ndarray:
    """A copy of the image ``(H, W, 3)`` uint8 RGB in which the face wears a mask.

    ``points`` ``(68, 2)`` are landmarks in pixels of this image; they may lie outside.
    """
    points = np.asarray(points, np.float64)
    axes = face_axes(points)
    edges = _edges(points, style, axes)
    outlines, straps = _outlines(points, edges, axes), _straps(points, edges, axes)
    window = window_of(np.concatenate([*outlines, *straps]), image.shape, 0.1 * axes.unit + 1)
    if window is None:
        return np.array(image)
    cloth, coverage = _cloth_on(points, edges, style, window), fill(outlines, window)
    if straps:
        strap = stroke(straps, STRAP_WIDTH * axes.unit, window)
        cloth[(strap > 0) & (coverage == 0)] = STRAP_COLOUR
        coverage = np.maximum(coverage, strap)
    return lay_on(image, window, cloth, coverage, axes)


def hidden_by_mask(points: np.ndarray, style: MaskStyle) -> np.ndarray:
    """Which landmarks the cloth of :func:`draw_mask` covers: ``(68, 2)`` pixels -> ``(68,)`` bool.

    Straps do not count: they are thinner than a landmark's place is exact.
    """
    points = np.asarray(points, np.float64)
    axes = face_axes(points)
    outlines = [part.astype(np.float32) for part in _outlines(points, _edges(points, style, axes), axes)]
    return np.array([any(cv2.pointPolygonTest(part, (x, y), False) >= 0 for part in outlines) for x, y in points.tolist()])


def _edges(points: np.ndarray, style: MaskStyle, axes: FaceAxes) -> MaskEdges:
    lower = _lower_edge(points, style, axes)
    return MaskEdges(_upper_edge(points, lower[0], lower[-1], style, axes), lower)


def _outlines(points: np.ndarray, edges: MaskEdges, axes: FaceAxes) -> list[np.ndarray]:
    """The polygons whose union the cloth covers, ``(N, 2)`` frame pixels each: two halves, and the hull from nose to chin.

    On a turned head the far half may fold over the near one, and nose and lips may stand out of both halves.
    """
    profile = np.concatenate([points[30:36], points[48:60]])
    away = profile - profile.mean(0)
    profile += STAND_OFF * axes.unit * away / _lengths(away)
    ends = [edges.upper[4], edges.lower[6]]
    hull = cv2.convexHull(np.concatenate([profile, ends]).astype(np.float32))[:, 0]
    right = np.concatenate([smooth_curve(edges.upper)[: 4 * SAMPLES + 1], smooth_curve(edges.lower)[6 * SAMPLES :: -1]])
    left = np.concatenate([smooth_curve(edges.upper)[4 * SAMPLES :], smooth_curve(edges.lower)[: 6 * SAMPLES - 1 : -1]])
    return [right, left, hull]


def _lower_edge(points: np.ndarray, style: MaskStyle, axes: FaceAxes) -> np.ndarray:
    """Jaw points 2 to 14, drawn in at the sides and let down at the chin: ``(13, 2)``."""
    jaw, nose = points[RIGHT : LEFT + 1], points[NOSE_BASE]
    # The side that turns towards the camera shows more cheek beside the mask, the other side less.
    right = right_share(points[RIGHT], points[BRIDGE[0]], points[LEFT], axes.across)
    seen = 2 * np.linspace(right, 1 - right, len(jaw))[:, None]
    outward = jaw - points[UPPER_LIP]
    outward /= _lengths(outward)
    return np.asarray(jaw + style.inset * INSET_SHARES * seen * (nose - jaw) + style.drop * axes.unit * DROP_SHARES * outward)


def _upper_edge(points: np.ndarray, right: np.ndarray, left: np.ndarray, style: MaskStyle, axes: FaceAxes) -> np.ndarray:
    """From corner to corner over the nose: ``(9, 2)``; held below the eyelids."""
    bridge = points[BRIDGE[0]] + style.height * (points[BRIDGE[1]] - points[BRIDGE[0]])
    t = np.linspace(0, 1, 5)[:, None]
    edge = np.concatenate([right + t * (bridge - right), (bridge + t * (left - bridge))[1:]])
    for eye in EYES:
        eyelid = (points[eye] @ axes.down).max() + EYE_GAP * axes.unit
        across, reach = points[eye] @ axes.across, 0.08 * axes.unit
        below = (edge @ axes.across > across.min() - reach) & (edge @ axes.across < across.max() + reach)
        # The bridge itself stays: in a profile it lies before the far eye.
        below[4] = False
        edge = edge + (below * np.maximum(eyelid - edge @ axes.down, 0))[:, None] * axes.down
    return np.asarray(edge)


def _straps(points: np.ndarray, edges: MaskEdges, axes: FaceAxes) -> list[np.ndarray]:
    """Two lines for each side that is seen, from the mask's corners to where the ear begins, ``(N, 2)`` each."""
    right = right_share(points[RIGHT], points[BRIDGE[0]], points[LEFT], axes.across)
    straps = []
    for seen, outward, jaw, lower in (
        (right, -axes.across, points[:3], edges.lower),
        (1 - right, axes.across, points[16:13:-1], edges.lower[::-1]),
    ):
        if seen > HIDDEN_SIDE:
            reach = STRAP_REACH * axes.unit * min(2 * seen, 1.5) * outward
            straps.append(_bent(lower[0], 0.6 * jaw[0] + 0.4 * jaw[1] + reach, 0.02 * axes.unit * axes.down))
            straps.append(_bent(lower[2], 0.7 * jaw[1] + 0.3 * jaw[2] + reach, 0.06 * axes.unit * axes.down))
    return straps


def _bent(start: np.ndarray, end: np.ndarray, sag: np.ndarray) -> np.ndarray:
    return smooth_curve(np.stack([start, (start + end) / 2 + sag, end]))


def _cloth_on(points: np.ndarray, edges: MaskEdges, style: MaskStyle, window: Window) -> np.ndarray:
    """The cloth's pixels in the window: ``(h, w, 3)`` float32 RGB in 0-255, continued beyond its edges."""
    level = shrink_level(WIDTH / float(_lengths(np.diff(edges.upper[::4], axis=0)).sum()), 3)
    midline = (points[[NOSE_TIP, UPPER_LIP]] + points[[NOSE_BASE, LOWER_LIP]]) / 2
    texels = (PINS + (1, 0)) * (0.5, 1) * (WIDTH >> level, HEIGHT >> level) - 0.5
    at = ThinPlate.fit(np.concatenate([*edges, midline]), texels, PIN_STIFFNESS).on_window(window)
    return sample(cloth_texture(style, level), at, cv2.BORDER_REPLICATE).astype(np.float32)


def _lengths(vectors: np.ndarray) -> np.ndarray:
    """``(N, 2)`` -> ``(N, 1)``, never 0."""
    return np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)

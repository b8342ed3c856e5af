"""Laying a cloth on a face: the light that falls there, the shadow that it casts, and the blend.

Images are RGB; a window is ``x0, y0, x1, y1`` in frame pixels, half-open.
"""

import cv2
import numpy as np

from srn_core.masks.fit import FaceAxes

Window = tuple[int, int, int, int]
# sRGB weights of luma (ITU-R BT.601).
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# Skin under white light at a usual exposure. Differences from it are ascribed to the light, in the shares below.
SKIN = np.array([186, 144, 124], np.float32)
CAST_SHARE, BRIGHTNESS_SHARE, SHADING_SHARE = 0.3, 0.55, 0.75
# In face units: how far the light is smoothed, the shadow falls and its edge is soft.
LIGHT_BLUR, SHADOW_FALL, SHADOW_BLUR, SHADOW_DEPTH = 0.14, 0.02, 0.015, 0.45
# OpenCV draws no thicker line. Only points that are no face need one.
THICKEST = 255
_BITS = 4


def window_of(points: np.ndarray, shape: tuple[int, ...], margin: float) -> Window | None:
    """The window of an ``(H, W, ...)`` image that holds ``(N, 2)`` points and a margin in px; None if all is outside."""
    low, high = np.floor(points.min(0) - margin), np.ceil(points.max(0) + margin) + 1
    x0, y0 = np.clip(low, 0, (shape[1], shape[0])).astype(int).tolist()
    x1, y1 = np.clip(high, 0, (shape[1], shape[0])).astype(int).tolist()
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def fill(outlines: list[np.ndarray], window: Window) -> np.ndarray:
    """Coverage of the union of polygons ``(N, 2)``, anti-aliased and as soft as a lens: ``(h, w)`` float32 in 0-1."""
    canvas = np.zeros((window[3] - window[1], window[2] - window[0]), np.uint8)
    for outline in outlines:
        cv2.fillPoly(canvas, [_fixed(outline, window)], 255, cv2.LINE_AA, _BITS)
    return cv2.GaussianBlur(canvas, (3, 3), 0.7).astype(np.float32) / 255


def stroke(lines: list[np.ndarray], width: float, window: Window) -> np.ndarray:
    """Coverage of open lines ``(N, 2)`` of ``width`` px, anti-aliased; below 1 px they fade: ``(h, w)`` float32."""
    canvas = np.zeros((window[3] - window[1], window[2] - window[0]), np.uint8)
    fixed = [_fixed(line, window) for line in lines]
    cv2.polylines(canvas, fixed, False, 255, round(min(max(width, 1), THICKEST)), cv2.LINE_AA, _BITS)
    return canvas.astype(np.float32) * np.float32(min(width, 1.0) / 255)


def sample(texture: np.ndarray, at: np.ndarray, border: int) -> np.ndarray:
    """A ``(h', w', C)`` uint8 texture at texel positions ``(h, w, 2)`` float32, bilinear: ``(h, w, C)`` uint8.

    ``border`` is OpenCV's name for what lies outside of the texture.
    """
    return np.asarray(cv2.remap(texture, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=border))


def shrink_level(texels: float, highest: int) -> int:
    """How often to halve a texture with ``texels`` per frame pixel, so that its grain does not flicker."""
    return int(np.clip(np.log2(max(texels, 1e-6)) + 0.3, 0, highest))


def light_on(patch: np.ndarray, covered: np.ndarray, unit: float) -> np.ndarray:
    """The factor ``(h, w, 3)`` float32 that lights a cloth as the skin below is lit; 1 for white light at a usual exposure.

    Skin colour is unknown. So the mean brightness counts by ``BRIGHTNESS_SHARE`` only; smooth shading counts nearly whole.

    Args:
        patch: ``(h, w, 3)`` float32 RGB in 0-255, the bare face.
        covered: ``(h, w)`` coverage of the cloth; the light is read there and continued outside.
        unit: the face's unit, px.
    """
    shrink = max(1.0, unit / 24)
    size = (max(1, round(patch.shape[1] / shrink)), max(1, round(patch.shape[0] / shrink)))
    weight = cv2.resize(covered, size, interpolation=cv2.INTER_AREA) + 1e-3
    luma = cv2.resize(patch, size, interpolation=cv2.INTER_AREA) @ LUMA
    skin = mean_skin(patch, covered)
    sigma = LIGHT_BLUR * unit / shrink
    smooth = cv2.GaussianBlur(luma * weight, (0, 0), sigma) / cv2.GaussianBlur(weight, (0, 0), sigma)
    shading = np.clip(smooth / (skin @ LUMA), 0.4, 1.8) ** SHADING_SHARE
    brightness = (skin @ LUMA / (SKIN @ LUMA)) ** BRIGHTNESS_SHARE
    cast = ((skin / (skin @ LUMA)) / (SKIN / (SKIN @ LUMA))) ** (CAST_SHARE * colourfulness(skin))
    light = shading[..., None] * (brightness * cast)
    return np.asarray(cv2.resize(light.astype(np.float32), patch.shape[1::-1], interpolation=cv2.INTER_LINEAR))


def mean_skin(patch: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """The mean RGB ``(3,)`` under the coverage, at least 4 so that a black photo divides nothing by 0."""
    mean = np.average(patch[::4, ::4].reshape(-1, 3), 0, covered[::4, ::4].ravel() + 1e-3)
    return np.maximum(mean, 4).astype(np.float32)


def colourfulness(skin: np.ndarray) -> float:
    """How colourful the photo is, judged by the skin's mean RGB: 0 for a grey photo, 1 for any usual one."""
    return float(np.clip(np.ptp(skin) / float(skin.max()) / 0.15, 0, 1))


def lay_on(image: np.ndarray, window: Window, cloth: np.ndarray, coverage: np.ndarray, axes: FaceAxes) -> np.ndarray:
    """A copy of the image with a cloth on the face, lit as the face is, and the cloth's soft shadow on the skin below.

    Args:
        image: ``(H, W, 3)`` uint8, the bare face.
        window: where the cloth lies.
        cloth: ``(h, w, 3)`` float32 RGB in 0-255 under white light; it turns grey on a grey photo.
        coverage: ``(h, w)`` float32 in 0-1.
        axes: of the face; the shadow falls towards the chin.
    """
    out = np.array(image)
    here = out[window[1] : window[3], window[0] : window[2]]
    face = here.astype(np.float32)
    colour = np.float32(colourfulness(mean_skin(face, coverage)))
    if colour < 1:
        cloth = colour * cloth + (1 - colour) * cv2.merge([cloth @ LUMA] * 3)
    lit = cloth * light_on(face, coverage, axes.unit)
    face *= cv2.merge([1 - SHADOW_DEPTH * _fallen(coverage, axes)] * 3)
    # convertScaleAbs rounds, and clips to 0-255.
    here[:] = cv2.convertScaleAbs(cv2.blendLinear(lit, face, coverage, 1 - coverage))
    return out


def _fallen(coverage: np.ndarray, axes: FaceAxes) -> np.ndarray:
    """The coverage moved towards the chin and softened: the shadow under a sheet that stands off the skin."""
    dx, dy = SHADOW_FALL * axes.unit * axes.down
    moved = cv2.warpAffine(coverage, np.array([[1, 0, dx], [0, 1, dy]]), coverage.shape[::-1], flags=cv2.INTER_LINEAR)
    return np.asarray(cv2.GaussianBlur(moved, (0, 0), min(max(SHADOW_BLUR * axes.unit, 0.3), max(coverage.shape))))


def _fixed(points: np.ndarray, window: Window) -> np.ndarray:
    """Frame pixels as OpenCV's fixed-point numbers of the window; far points are held at a distance it can draw."""
    local = np.clip(points - np.array(window[:2]), -(2**20), 2**20)
    return np.asarray(np.rint(local * 2**_BITS), np.int32)

"""Landmarks and boxes on images: pure functions, RGB in and out; the input is not changed."""

import cv2
import numpy as np

from srn_core.face.schemes import Scheme

Colour = tuple[int, int, int]
PREDICTION: Colour = (90, 230, 90)
TRUTH: Colour = (255, 200, 40)
BOX: Colour = (80, 160, 255)
# OpenCV draws at a sixteenth of a pixel when coordinates carry four fractional bits.
_BITS = 4


def draw_landmarks(image: np.ndarray, points: np.ndarray, scheme: Scheme, colour: Colour = PREDICTION) -> np.ndarray:
    """A copy of the image ``(H, W, 3)`` uint8 with dots on the landmarks and thin lines along the scheme's contours.

    Lines and dots grow with the face, so that they are visible on a large frame. ``points`` ``(L, 2)`` are pixels of this
    image; they may lie outside.
    """
    canvas = np.ascontiguousarray(image).copy()
    radius = max(1.0, 0.008 * float(np.ptp(points, axis=0).max()))
    fixed = _fixed(points, image.shape)
    lines = [fixed[list(contour)] for contour in scheme.contours]
    cv2.polylines(canvas, lines, False, colour, max(1, round(radius / 2)), cv2.LINE_AA, _BITS)
    for x, y in fixed.tolist():
        cv2.circle(canvas, (x, y), round(radius * 2**_BITS), colour, cv2.FILLED, cv2.LINE_AA, _BITS)
    return canvas


def draw_box(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """A copy of the image with the outline of a box ``(4,)`` ``x0, y0, x1, y1`` in its pixels."""
    canvas = np.ascontiguousarray(image).copy()
    thickness = max(1, round(min(image.shape[:2]) / 250))
    (x0, y0), (x1, y1) = _fixed(np.reshape(box, (2, 2)), image.shape).tolist()
    cv2.rectangle(canvas, (x0, y0), (x1, y1), BOX, thickness, cv2.LINE_AA, _BITS)
    return canvas


def _fixed(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Pixels as OpenCV's fixed-point numbers; points far outside the image are moved nearer, but stay outside."""
    reach = 4 * max(shape)
    near = np.clip(np.nan_to_num(points, nan=-reach), -reach, reach)
    return np.asarray(np.rint(near * 2**_BITS), np.int32)

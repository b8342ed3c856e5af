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


def draw_landmarks(
    image: np.ndarray, points: np.ndarray, scheme: Scheme, colour: Colour = PREDICTION, visible: np.ndarray | None = None
) -> np.ndarray:
    """A copy of the image ``(H, W, 3)`` uint8 with dots on the landmarks and thin lines along the scheme's contours.

    Lines and dots grow with the face, so that they are visible on a large frame. ``points`` ``(L, 2)`` are pixels of this
    image; they may lie outside. Dots of landmarks that are not ``visible`` ``(L,)`` are hollow.
    """
    canvas = np.ascontiguousarray(image).copy()
    radius = max(1.0, 0.008 * float(np.ptp(points, axis=0).max()))
    fixed = _fixed(points, image.shape)
    lines = [fixed[list(contour)] for contour in scheme.contours]
    cv2.polylines(canvas, lines, False, colour, max(1, round(radius / 2)), cv2.LINE_AA, _BITS)
    for i, (x, y) in enumerate(fixed.tolist()):
        if visible is None or visible[i]:
            cv2.circle(canvas, (x, y), round(radius * 2**_BITS), colour, cv2.FILLED, cv2.LINE_AA, _BITS)
        else:
            cv2.circle(canvas, (x, y), round(1.8 * radius * 2**_BITS), colour, max(1, round(radius / 2)), cv2.LINE_AA, _BITS)
    return canvas


def draw_box(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """A copy of the image with the outline of a box ``(4,)`` ``x0, y0, x1, y1`` in its pixels."""
    canvas = np.ascontiguousarray(image).copy()
    thickness = max(1, round(min(image.shape[:2]) / 250))
    (x0, y0), (x1, y1) = _fixed(np.reshape(box, (2, 2)), image.shape).tolist()
    cv2.rectangle(canvas, (x0, y0), (x1, y1), BOX, thickness, cv2.LINE_AA, _BITS)
    return canvas


def draw_label(image: np.ndarray, box: np.ndarray, text: str) -> np.ndarray:
    """A copy of the image with a word at the upper left corner of a box ``(4,)`` in its pixels."""
    canvas = np.ascontiguousarray(image).copy()
    size = min(image.shape[:2]) / 600
    thickness = max(1, round(2 * size))
    x, y = np.clip(np.asarray(box[:2]), 0, image.shape[1::-1]).round().astype(int).tolist()
    place = (x + thickness, max(y - 2 * thickness, round(24 * size)))
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, max(0.4, size), BOX, thickness, cv2.LINE_AA)
    return canvas


def _fixed(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Pixels as OpenCV's fixed-point numbers; points far outside the image are moved nearer, but stay outside."""
    reach = 4 * max(shape)
    near = np.clip(np.nan_to_num(points, nan=-reach), -reach, reach)
    return np.asarray(np.rint(near * 2**_BITS), np.int32)

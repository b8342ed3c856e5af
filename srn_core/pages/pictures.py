"""Pictures and points as texts in a page's JSON."""

import base64
import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.face.schemes import Scheme
from srn_core.pages.page import Section

QUALITY = 82
# The scripts read points in sixteenths of a pixel.
STEPS_PER_PIXEL = 16


def sheet(images: Sequence[np.ndarray] | np.ndarray) -> dict[str, Any]:
    """Pictures ``(n, n, 3)`` uint8 RGB of one size as one WebP picture, row by row."""
    side, columns = images[0].shape[0], math.ceil(math.sqrt(len(images)))
    canvas = np.zeros((math.ceil(len(images) / columns) * side, columns * side, 3), np.uint8)
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        canvas[row * side : (row + 1) * side, column * side : (column + 1) * side] = image
    _, data = cv2.imencode(".webp", cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    return {"src": "data:image/webp;base64," + base64.b64encode(data.tobytes()).decode(), "side": side, "columns": columns}


def packed(points: np.ndarray) -> str:
    """Points of any shape as base64 of little-endian int16, in sixteenths of a pixel; far points move to its limits."""
    limits = np.iinfo(np.int16)
    steps = np.rint(np.nan_to_num(points) * STEPS_PER_PIXEL).clip(limits.min, limits.max)
    return base64.b64encode(steps.astype("<i2").tobytes()).decode()


def shape(scheme: Scheme) -> Section:
    """What the scripts know of a scheme: contours, which component a landmark is of, and a mean face."""
    part = {point: name.replace("_", " ") for name, points in scheme.groups.items() for point in points}
    return {
        "contours": [list(contour) for contour in scheme.contours],
        "parts": [part[point] for point in range(scheme.num_landmarks)],
        "mean": [list(point) for point in MEAN_SHAPES[scheme.name]],
        "normaliser": scheme.normaliser,
    }

"""Boxes, crops and the maps between their coordinates: no other file converts coordinates.

Coordinates are ``(x, y)`` pixels, x to the right, y down, pixel centres at integers. A box is ``(x0, y0, x1, y1)`` in
pixels of the original frame. A crop is a square of ``size`` px centred on a box; its side covers
``factor * diagonal / sqrt(2)`` frame pixels, so that a square box of side s is seen in a crop of ``factor * s``
(factor 1.6 at 224 px maps the diagonal to 198 px).
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

# A wide crop has the resolution of the crop and this many times its side: room to rotate, shift and scale.
WIDE_MARGIN = 1.43


@dataclass(frozen=True)
class CropSpec:
    """How a face box becomes a network input: a square of ``size`` px that covers ``factor`` x the side of a square box."""

    size: int
    factor: float


def wide_crop(spec: CropSpec) -> CropSpec:
    """The part of a frame that training can see, whatever augmentation does to the crop ``spec``."""
    return CropSpec(round(spec.size * WIDE_MARGIN), spec.factor * WIDE_MARGIN)


@dataclass(frozen=True)
class CropMap:
    """The similarity between frame and crop pixels: ``crop = (frame - origin) * scale``; batched over leading axes.

    Attributes:
        origin: ``(..., 2)`` frame position of the crop's pixel (0, 0).
        scale: ``(...)`` crop pixels per frame pixel.
    """

    origin: np.ndarray
    scale: np.ndarray

    def to_crop(self, points: np.ndarray) -> np.ndarray:
        """``(..., N, 2)`` frame pixels -> crop pixels, float32."""
        moved = (points - self.origin[..., None, :]) * self.scale[..., None, None]
        return np.asarray(moved, np.float32)

    def to_frame(self, points: np.ndarray) -> np.ndarray:
        """``(..., N, 2)`` crop pixels -> frame pixels, float32; too large a number becomes infinite."""
        moved = points / self.scale[..., None, None] + self.origin[..., None, :]
        with np.errstate(over="ignore"):
            return np.asarray(moved, np.float32)


def crop_map(boxes: np.ndarray, spec: CropSpec) -> CropMap:
    """The map of each box's crop; ``boxes`` is ``(..., 4)``."""
    centre, unit = box_frame(boxes)
    scale = spec.size / (spec.factor * np.maximum(unit, 1e-6))
    return CropMap(centre - (spec.size - 1) / 2 / scale[..., None], scale)


def crop_image(image: np.ndarray, box: np.ndarray, spec: CropSpec) -> np.ndarray:
    """Resample one face from ``image`` ``(H, W, 3)`` uint8 into ``(size, size, 3)`` uint8; outside the frame is black."""
    mapping = crop_map(box, spec)
    scale = float(mapping.scale)
    matrix = np.array([[scale, 0, -mapping.origin[0] * scale], [0, scale, -mapping.origin[1] * scale]])
    if scale < 0.5:
        # warpAffine samples four pixels only: shrink by area first, so that fine texture does not alias.
        step = int(1 / scale)
        height, width = image.shape[0] // step, image.shape[1] // step
        if height and width:
            image = cv2.resize(image[: height * step, : width * step], (width, height), interpolation=cv2.INTER_AREA)
            shift = scale * (step - 1) / 2
            matrix = np.array([[scale * step, 0, shift + matrix[0, 2]], [0, scale * step, shift + matrix[1, 2]]])
    return np.asarray(cv2.warpAffine(image, matrix, (spec.size, spec.size), flags=cv2.INTER_LINEAR), np.uint8)


@dataclass(frozen=True)
class Region:
    """A rectangle of a picture, shrunk: the part that some crops read.

    Attributes:
        rectangle: ``x0, y0, x1, y1`` whole pixels of the picture, the last two exclusive; none is below 0.
        scale: pixels of the region per pixel of the picture, at most 1.
    """

    rectangle: tuple[int, int, int, int]
    scale: float

    @property
    def map(self) -> CropMap:
        """The similarity between the picture's pixels and the region's."""
        corner = np.array(self.rectangle[:2], np.float64)
        return CropMap(corner - 0.5 + 0.5 / self.scale, np.array(self.scale))

    def cut(self, image: np.ndarray) -> np.ndarray:
        """The region of ``image`` ``(H, W, 3)`` uint8, as far as the image reaches; empty if it lies outside."""
        x0, y0, x1, y1 = self.rectangle
        part = image[y0:y1, x0:x1]
        if self.scale == 1 or not part.size:
            return part
        # Factors in place of a size: the scale stays exact, however the sides are rounded.
        return np.asarray(cv2.resize(part, None, fx=self.scale, fy=self.scale, interpolation=cv2.INTER_AREA))


def crop_region(boxes: np.ndarray, spec: CropSpec) -> Region:
    """The region that crops on ``boxes`` ``(N, 4)`` read in pictures of one scene.

    It has a margin of one crop pixel on each side, and no fewer pixels than the crop with the smallest box.
    """
    mapping = crop_map(boxes, spec)
    pixel = 1 / mapping.scale[:, None]
    low = np.floor((mapping.origin - pixel).min(0)).clip(min=0).astype(int)
    high = np.ceil((mapping.origin + spec.size * pixel).max(0)).clip(min=0).astype(int) + 1
    return Region((int(low[0]), int(low[1]), int(high[0]), int(high[1])), min(1.0, float(mapping.scale.max())))


def paste_crop(image: np.ndarray, crop: np.ndarray, inside: np.ndarray, box: np.ndarray, spec: CropSpec) -> np.ndarray:
    """The inverse of :func:`crop_image`: a copy of ``image`` with some pixels of its crop put back where they came from.

    Args:
        image: ``(H, W, 3)`` uint8.
        crop: ``(size, size, 3)`` uint8.
        inside: ``(size, size)`` bool, the crop's pixels to use; each covers the frame pixels nearest to it.
        box: ``(4,)`` the crop's.
        spec: the crop's.
    """
    mapping = crop_map(box, spec)
    scale, size = float(mapping.scale), (image.shape[1], image.shape[0])
    matrix = np.array([[1 / scale, 0, mapping.origin[0]], [0, 1 / scale, mapping.origin[1]]])
    pixels = cv2.warpAffine(crop, matrix, size, flags=cv2.INTER_NEAREST)
    taken = cv2.warpAffine(inside.astype(np.uint8), matrix, size, flags=cv2.INTER_NEAREST)
    return np.where(taken[..., None] > 0, pixels, image)


def landmark_box(points: np.ndarray) -> np.ndarray:
    """``(..., L, 2)`` points -> their tight box ``(..., 4)``, float32."""
    return np.concatenate([points.min(-2), points.max(-2)], -1).astype(np.float32)


def box_overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes ``(..., 4)``: ``(...)``.

    >>> box_overlap(np.array([0, 0, 2, 2]), np.array([1, 0, 3, 2])).round(3)
    np.float64(0.333)
    """
    low, high = np.maximum(first[..., :2], second[..., :2]), np.minimum(first[..., 2:], second[..., 2:])
    shared = (high - low).clip(min=0).prod(-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(-1) for boxes in (first, second)]
    return np.asarray(shared / (areas[0] + areas[1] - shared))


def box_frame(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Box units: the box's centre ``(..., 2)`` is the origin, ``diagonal / sqrt(2)`` ``(...)`` the unit."""
    boxes = np.asarray(boxes, np.float64)
    return (boxes[..., :2] + boxes[..., 2:]) / 2, np.linalg.norm(boxes[..., 2:] - boxes[..., :2], axis=-1) / np.sqrt(2)


def to_box_units(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """``(..., L, 2)`` pixels -> box units of ``(..., 4)`` boxes; a shape keeps its proportions whatever the box's."""
    centre, unit = box_frame(boxes)
    return np.asarray((points - centre[..., None, :]) / unit[..., None, None], np.float32)


def from_box_units(shape: Tensor, boxes: Tensor) -> Tensor:
    """The inverse on torch, for placing the mean shape: ``(..., L, 2)`` box units, ``(..., 4)`` boxes -> pixels."""
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    unit = (boxes[..., 2:] - boxes[..., :2]).norm(dim=-1) / 2**0.5
    return shape * unit[..., None, None] + centre[..., None, :]


def mirror_points(points: Tensor, side: int, order: np.ndarray) -> Tensor:
    """Landmarks ``(..., L, 2)`` of an image ``side`` px wide -> those of its mirror image; ``order`` is the scheme's mirror."""
    flipped = points[..., order.tolist(), :]
    return torch.stack([side - 1 - flipped[..., 0], flipped[..., 1]], -1)


def boxes_in_crop(boxes: np.ndarray, spec: CropSpec) -> np.ndarray:
    """Where ``(..., 4)`` boxes lie in their own crops: ``(..., 4)`` float32, crop pixels."""
    corners = np.reshape(boxes, (*np.shape(boxes)[:-1], 2, 2))
    return crop_map(boxes, spec).to_crop(corners).reshape(np.shape(boxes))

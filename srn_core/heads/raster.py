"""A small software rasteriser: triangles to z-buffered per-pixel triangle ids and barycentric weights, in NumPy.

Coordinates are image pixels (x right, y down, pixel centres at integers); smaller depth is nearer.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Fragments:
    """The visible surface samples of one view: N, at most one per pixel.

    Attributes:
        pixel: ``(N,)`` flat index ``y * width + x`` into the image.
        triangle: ``(N,)`` row of the triangle array.
        weights: ``(N, 3)`` perspective-correct barycentric weights of its corners.
        depth: ``(N,)`` distance from the camera.
    """

    pixel: np.ndarray
    triangle: np.ndarray
    weights: np.ndarray
    depth: np.ndarray

    def interpolate(self, values: np.ndarray, triangles: np.ndarray) -> np.ndarray:
        """Per-vertex ``values (V, C)`` at each fragment: ``(N, C)``, for the ``triangles (F, 3)`` that were drawn."""
        first, second, third = triangles[self.triangle].T
        total = values[first] * self.weights[:, :1]
        total += values[second] * self.weights[:, 1:2]
        total += values[third] * self.weights[:, 2:]
        return total


def _covered_boxes(corners: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every pixel of every triangle's bounding box: (row, x, y), each ``(M,)``, places as float32 whole numbers."""
    low = np.maximum(np.ceil(corners.min(1)).astype(np.int64), 0)
    high = np.minimum(np.floor(corners.max(1)).astype(np.int64), [width - 1, height - 1])
    span = np.maximum(high - low + 1, 0)
    count = span[:, 0] * span[:, 1]
    row = np.repeat(np.arange(len(corners)), count)
    offset = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    across = span[row, 0]
    down = offset // across
    x, y = low[row, 0] + offset - down * across, low[row, 1] + down
    return row, x.astype(np.float32), y.astype(np.float32)


def rasterise(points: np.ndarray, depth: np.ndarray, triangles: np.ndarray, size: tuple[int, int]) -> Fragments:
    """Draw the triangles that face the camera into a z-buffer: the nearest fragment of every covered pixel.

    Args:
        points: ``(V, 2)`` projected vertices, pixels.
        depth: ``(V,)`` positive distance along the optical axis.
        triangles: ``(F, 3)`` vertex indices, counter-clockwise seen from outside in a y-up frame.
        size: (width, height).
    """
    width, height = size
    corners = np.asarray(points, np.float32)[triangles]
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    # Twice the signed area; counter-clockwise seen from outside is negative in an image, where y points down.
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    rows = np.flatnonzero(area < -1e-6)
    corners, area = corners[rows], area[rows]
    local, x, y = _covered_boxes(corners, width, height)
    # Barycentric coordinates are linear in (x, y): their slopes are one division per triangle, not per pixel.
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    slopes = np.stack([c[:, 1] - a[:, 1], a[:, 0] - c[:, 0], a[:, 1] - b[:, 1], b[:, 0] - a[:, 0]], 1) / area[:, None]
    right, down = x - a[local, 0], y - a[local, 1]
    second_x, second_y, third_x, third_y = slopes[local].T
    second = right * second_x + down * second_y
    third = right * third_x + down * third_y
    first = 1.0 - second - third
    # The tolerance closes hairline gaps where an edge runs exactly through pixel centres.
    inside = (first >= -1e-5) & (second >= -1e-5) & (third >= -1e-5)
    triangle = rows[local[inside]]
    flat = np.stack([first[inside], second[inside], third[inside]], axis=1)
    pixel = (y[inside] * width + x[inside]).astype(np.int64)
    over_depth = flat * (1.0 / depth).astype(np.float32)[triangles[triangle]]
    inverse = over_depth.sum(1)
    # Far first: of repeated indices the last assignment, the nearest fragment, wins.
    order = np.argsort(inverse, kind="stable")
    nearest = np.full(width * height, -1, np.int64)
    nearest[pixel[order]] = order
    chosen = nearest[nearest >= 0]
    weights = over_depth[chosen] / inverse[chosen, None]
    return Fragments(pixel[chosen], triangle[chosen], weights, 1.0 / inverse[chosen])


def depth_map(points: np.ndarray, depth: np.ndarray, triangles: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Depth of the nearest surface at each pixel: ``(height, width)`` float32, infinite where there is none.

    Arguments as for :func:`rasterise`.
    """
    drawn = rasterise(points, depth, triangles, size)
    nearest = np.full(size[::-1], np.inf, np.float32)
    nearest.reshape(-1)[drawn.pixel] = drawn.depth
    return nearest


def view_axes(direction: np.ndarray) -> np.ndarray:
    """``(3, 3)`` rows: right, up and towards the viewer, for a viewer who looks from ``direction`` (a unit vector)."""
    side = np.cross([0.0, 1.0, 0.0], direction)
    side /= np.linalg.norm(side)
    return np.stack([side, np.cross(direction, side), direction])

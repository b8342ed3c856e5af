"""How a mask is fitted to a face: the face's axes, smooth curves, and the thin-plate map from a face to a flat cloth.

All coordinates are ``(x, y)`` frame pixels unless said.
"""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from srn_core.face.curve import catmull_rom

NOSE_ROOT, CHIN = 27, 8
# The map is evaluated on every STEP-th pixel and interpolated between: it bends over tens of pixels. A smooth curve has SAMPLES
# points from one knot to the next.
STEP, SAMPLES = 8, 6


@dataclass(frozen=True)
class FaceAxes:
    """The plane of a face in the image.

    Attributes:
        unit: distance from the nose's root to the chin, at least 1 px; lengths on a mask are given in it.
        down: ``(2,)`` unit vector from the nose's root to the chin.
        across: ``(2,)`` unit vector from the subject's right to the left, which is the image's right.
    """

    unit: float
    down: np.ndarray
    across: np.ndarray


def face_axes(points: np.ndarray) -> FaceAxes:
    """The axes of a face ``(68, 2)``; points that coincide get an upright face of 1 px."""
    span = np.asarray(points[CHIN] - points[NOSE_ROOT], np.float64)
    length = float(np.linalg.norm(span))
    down = span / length if length > 1e-6 else np.array([0.0, 1.0])
    return FaceAxes(max(length, 1.0), down, np.array([down[1], -down[0]]))


def right_share(right: np.ndarray, nose: np.ndarray, left: np.ndarray, across: np.ndarray) -> float:
    """The share of a face's width on the nose's right: 1/2 on a frontal face, 0 or 1 where the nose hides a cheek.

    The nose stands before the cheeks, so a head that turns by an angle moves the share by about half the angle's tangent.
    All arguments are ``(2,)``: the subject's right cheek, the nose's bridge, the left cheek, and the direction ``across``.
    """
    near, far = float((nose - right) @ across), float((left - nose) @ across)
    return 0.5 + 0.5 * (near - far) / max(abs(near) + abs(far), 1e-6)


def smooth_curve(knots: np.ndarray) -> np.ndarray:
    """A Catmull-Rom curve through ``(N, 2)`` knots: ``((N - 1) * SAMPLES + 1, 2)``; every SAMPLES-th point is a knot."""
    unit, number = np.eye(len(knots)), np.arange((len(knots) - 1) * SAMPLES)
    matrix = np.concatenate([catmull_rom(unit, number // SAMPLES, number % SAMPLES / SAMPLES), unit[-1:]])
    return np.asarray(matrix @ knots)


@dataclass(frozen=True)
class ThinPlate:
    """A smooth map of the plane: ``f(x) = [1, x] A + sum_i w_i U(|x - p_i|)``, ``U(r) = r^2 log r^2``.

    Source: Bookstein, Principal Warps (1989), eq. 4; the stiffness is added to the kernel's diagonal (Wahba 1990).
    """

    knots: np.ndarray
    weights: np.ndarray
    centre: np.ndarray
    scale: float

    @classmethod
    def fit(cls, source: np.ndarray, target: np.ndarray, stiffness: float) -> Self:
        """The map that takes ``source`` ``(N, 2)`` near to ``target`` ``(N, 2)``; sources may coincide or lie on a line.

        ``stiffness`` is above 0: with 1e-3 the map goes almost through the targets, with 1 it hardly bends.
        """
        centre, scale = source.mean(0), max(float(np.ptp(source, axis=0).max()), 1e-6)
        knots = (source - centre) / scale
        n = len(knots)
        system = np.zeros((n + 3, n + 3))
        system[:n, :n] = _kernel(knots, knots) + stiffness * np.eye(n)
        system[:n, n:] = np.column_stack([np.ones(n), knots])
        system[n:, :n] = system[:n, n:].T
        # The points of a profile may lie on a line: this small ridge keeps the affine part finite.
        system[n:, n:] = -1e-6 * np.eye(3)
        weights = np.linalg.solve(system, np.concatenate([target, np.zeros((3, 2))]))
        return cls(knots, weights, centre, scale)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """``(N, 2)`` source positions -> ``(N, 2)`` target positions."""
        x = (points - self.centre) / self.scale
        return np.asarray(_kernel(x, self.knots) @ self.weights[:-3] + self.weights[-3] + x @ self.weights[-2:])

    def on_window(self, window: tuple[int, int, int, int]) -> np.ndarray:
        """Targets of all pixels of a window ``x0, y0, x1, y1`` (half-open): ``(y1 - y0, x1 - x0, 2)`` float32."""
        x0, y0, x1, y1 = window
        # One more cell on every side, because cv2.resize goes flat beyond the centres of the outer cells.
        columns, rows = -(-(x1 - x0) // STEP) + 2, -(-(y1 - y0) // STEP) + 2
        xs, ys = ((np.arange(n) - 0.5) * STEP - 0.5 for n in (columns, rows))
        grid = np.stack(np.meshgrid(xs + x0, ys + y0), -1)
        coarse = self(grid.reshape(-1, 2)).reshape(rows, columns, 2).astype(np.float32)
        fine = cv2.resize(coarse, (columns * STEP, rows * STEP), interpolation=cv2.INTER_LINEAR)
        return np.asarray(fine[STEP : STEP + y1 - y0, STEP : STEP + x1 - x0])


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    squared = ((a[:, None] - b[None]) ** 2).sum(-1)
    return np.asarray(squared * np.log(np.maximum(squared, 1e-12)))

"""Smoothing of landmarks over time: still points stop trembling, moving ones are hardly delayed."""

import numpy as np

from srn_core.face.geometry import box_frame, landmark_box

# Chosen on talk2/val; see docs/track.md for what they cost and bring.
MIN_CUTOFF, BETA, SPEED_CUTOFF = 1.0, 40.0, 4.0


class OneEuroFilter:
    """The One Euro filter on landmarks: a low-pass whose cutoff rises with the speed of each point.

    ``x' = a x + (1 - a) x'`` with ``a = 1 / (1 + f / (2 pi c))``, ``c = min_cutoff + beta |v|``; ``f`` is the frame rate and
    ``v`` the smoothed speed of the point in face sizes per second. Casiez et al., CHI 2012 (https://gery.casiez.net/1euro).

    Args:
        min_cutoff: cutoff of a point at rest, Hz. Lower: smoother, later.
        beta: Hz per face size per second. Higher: less delay of fast motion.
        speed_cutoff: cutoff of the speed, Hz.
    """

    def __init__(self, min_cutoff: float = MIN_CUTOFF, beta: float = BETA, speed_cutoff: float = SPEED_CUTOFF) -> None:
        self.min_cutoff, self.beta, self.speed_cutoff = min_cutoff, beta, speed_cutoff
        self._points: np.ndarray | None = None
        self._speed = np.zeros(())
        self._time = 0.0

    def __call__(self, points: np.ndarray, time: float) -> np.ndarray:
        """The smoothed landmarks.

        Args:
            points: ``(L, 2)`` pixels.
            time: when they were seen, s. The filter starts anew where it does not increase.

        Returns:
            ``(L, 2)`` float32 pixels.
        """
        passed = time - self._time
        self._time = time
        if self._points is None or passed <= 0:
            self._points, self._speed = points.astype(np.float64), np.zeros(points.shape)
            return points.astype(np.float32)
        _, size = box_frame(landmark_box(points))
        raw_speed = (points - self._points) / (max(float(size), 1e-6) * passed)
        self._speed = self._speed + _share(self.speed_cutoff, passed) * (raw_speed - self._speed)
        cutoff = self.min_cutoff + self.beta * np.linalg.norm(self._speed, axis=-1, keepdims=True)
        self._points = self._points + _share(cutoff, passed) * (points - self._points)
        return np.asarray(self._points, np.float32)


def _share(cutoff: float | np.ndarray, passed: float) -> float | np.ndarray:
    """How far a low-pass with a cutoff in Hz goes to the new value after ``passed`` seconds."""
    return 1 / (1 + 1 / (2 * np.pi * cutoff * passed))

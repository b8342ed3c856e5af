"""A smooth curve through points."""

import numpy as np


def catmull_rom(knots: np.ndarray, segment: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Points on the uniform Catmull-Rom curve through knots (Catmull and Rom 1974); beyond its ends it goes straight on.

    Args:
        knots: ``(N, D)``, N at least 2.
        segment: ``(M,)`` integers in [0, N - 2]: the knot before each point.
        t: ``(M,)`` in [0, 1]: how far each point is on the way to the next knot.

    Returns:
        ``(M, D)``
    """
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    p0, p1, p2, p3 = (padded[segment + i] for i in range(4))
    t = t[:, None]
    powers = 2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    return np.asarray(0.5 * powers)

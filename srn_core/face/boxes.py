"""Face boxes as a detector draws them: the statistics of detector boxes relative to the tight landmark box.

Four numbers describe a box relative to the landmark box (size ``w x h``, unit ``u = diagonal / sqrt(2)``):
``(dx / u, dy / u, log(w' / w), log(h' / h))``. Mean and covariance were measured on the boxes that 300-W ships for AFW and
HELEN's training part (1,207 faces, without the outermost 1 % of each number). Drawing from this Gaussian is drawing from the
PCA of the detector's boxes.
"""

import zlib
from collections.abc import Mapping

import numpy as np

from srn_core.face.geometry import landmark_box

DETECTOR_MEAN = np.array([-0.0057, 0.0002, -0.0349, -0.0106])
DETECTOR_COVARIANCE = np.array(
    [
        [0.00119, -5e-05, 1.5e-05, -6.3e-05],
        [-5e-05, 0.000611, 1.1e-05, -0.000118],
        [1.5e-05, 1.1e-05, 0.005402, 0.000758],
        [-6.3e-05, -0.000118, 0.000758, 0.002685],
    ]
)
# The mean of each scheme's boxes. The boxes of COFW and WFLW follow from the landmarks: 10 px more on each side (on two faces
# of 85 x 160 and 92 x 126 px), and 1.2 times the tight box. Without a spread they would tell a network where the face ends, so
# all schemes share the detector's spread.
BOX_MEANS: Mapping[str, np.ndarray] = {
    "68": DETECTOR_MEAN,
    "29": np.array([0.0, 0.0, 0.20, 0.13]),
    "98": np.array([0.0, 0.0, np.log(1.2), np.log(1.2)]),
}


def box_from_description(numbers: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The box of four such numbers ``(..., 4)`` round landmarks ``(..., L, 2)``: ``(..., 4)`` float32, in their pixels."""
    tight = landmark_box(points).astype(np.float64)
    size = tight[..., 2:] - tight[..., :2]
    unit = np.linalg.norm(size, axis=-1, keepdims=True) / np.sqrt(2)
    centre = (tight[..., :2] + tight[..., 2:]) / 2 + numbers[..., :2] * unit
    half = size * np.exp(numbers[..., 2:]) / 2
    return np.concatenate([centre - half, centre + half], -1).astype(np.float32)


def draw_detector_boxes(points: np.ndarray, rng: np.random.Generator, spread: float = 1.0, scheme: str = "68") -> np.ndarray:
    """Boxes as a detector might draw them round ``(..., L, 2)`` points: ``(..., 4)`` float32, in the points' pixels.

    ``spread`` multiplies the standard deviations; ``scheme`` is the points'.
    """
    numbers = rng.multivariate_normal(BOX_MEANS[scheme], DETECTOR_COVARIANCE * spread**2, size=points.shape[:-2])
    return box_from_description(numbers, points)


def following_box(points: np.ndarray, scheme: str) -> np.ndarray:
    """The face box that a tracker derives from its landmarks ``(..., L, 2)``: ``(..., 4)`` float32, in the points' pixels.

    For 68 points it is the tight box. Networks of other schemes are trained on wider boxes; it is the mean of those.
    """
    return landmark_box(points) if scheme == "68" else box_from_description(BOX_MEANS[scheme], points)


def annotation_boxes(points: np.ndarray, frame_names: list[str]) -> np.ndarray:
    """The "annotation-derived boxes" of reports: one draw per frame, seeded by its name, so the same at every evaluation.

    Landmarks ``(T, L, 2)`` and ``T`` names, each made of the clip's and the frame's -> ``(T, 4)`` float32, frame pixels.
    """
    rngs = (np.random.default_rng(zlib.crc32(name.encode())) for name in frame_names)
    return np.stack([draw_detector_boxes(p, rng) for p, rng in zip(points, rngs, strict=True)])

"""Stills that move: the option ``motion=T`` of every data spec makes of each frame a clip of ``T`` frames.

The picture is turned, shifted and zoomed smoothly, as a head sways before a camera. How follows from the clip's name, and from
the spec's ``seed`` if it has one. So a photo collection serves where a player or a tracker needs clips of many people; no claim
on real motion may rest on it, because the face itself stays still.
"""

import dataclasses
import zlib
from dataclasses import dataclass, field

import cv2
import numpy as np

from srn_core.data.clip import Clip, continuous
from srn_core.io.frames import FrameSource

# Amplitudes of each of the waves that a motion is the sum of: degrees, box sides, box sides, logarithm of the zoom.
AMPLITUDES = np.array([5.0, 0.04, 0.03, 0.05])
# Periods of the waves, frames: between one and five seconds of video.
PERIODS = (30.0, 150.0)
WAVES = 2


@dataclass(frozen=True)
class MovedFrames:
    """One frame of another source under an affine map for each time.

    Attributes:
        source: reads the still.
        still: which of its frames.
        maps: ``(T, 2, 3)`` still pixels -> frame pixels.
    """

    source: FrameSource
    still: int
    maps: np.ndarray = field(repr=False)

    def __call__(self, t: int) -> np.ndarray:
        image = self.source(self.still)
        size = image.shape[1], image.shape[0]
        return cv2.warpAffine(image, self.maps[t], size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def move_clip(clip: Clip, frames: int, seed: int | None = None) -> list[Clip]:
    """Each frame of ``clip`` as a clip of ``frames`` frames; several are named ``NAME/1``, ``NAME/2`` ... ."""
    return [_moved(clip, t, frames, seed) for t in range(len(clip))]


def _moved(clip: Clip, still: int, frames: int, seed: int | None) -> Clip:
    name = clip.name if len(clip) == 1 else f"{clip.name}/{still + 1}"
    box = clip.boxes[still].astype(np.float64)
    maps = sway(name if seed is None else f"{name}/{seed}", box, frames)
    points = _apply(maps, clip.landmarks[still])
    # A box has no angle, so its centre and its size move.
    centre = _apply(maps, (box[None, :2] + box[None, 2:]) / 2)[:, 0]
    half = np.sqrt(np.linalg.det(maps[:, :, :2]))[:, None] * (box[2:] - box[:2]) / 2
    boxes = np.concatenate([centre - half, centre + half], 1).astype(np.float32)
    visible = None if clip.visible is None else np.repeat(clip.visible[still : still + 1], frames, 0)
    source = MovedFrames(clip.source, still, maps)
    return dataclasses.replace(
        clip,
        name=name,
        landmarks=points.astype(np.float32),
        boxes=boxes,
        source=source,
        cuts=continuous(frames),
        visible=visible,
    )


def sway(name: str, box: np.ndarray, frames: int) -> np.ndarray:
    """The motion of the face in ``box``: ``(frames, 2, 3)`` float64 affine maps about the box's centre, frame pixels."""
    rng = np.random.default_rng(zlib.crc32(f"motion/{name}".encode()))
    period = rng.uniform(*PERIODS, (WAVES, 4))
    phase = rng.uniform(0, 2 * np.pi, (WAVES, 4))
    weight = rng.standard_normal((WAVES, 4)) * AMPLITUDES
    times = np.arange(frames)[:, None, None]
    degrees, *shift, zoom = (weight * np.sin(2 * np.pi * times / period + phase)).sum(1).T
    angle, scale = np.deg2rad(degrees), np.exp(zoom)
    turn = scale[:, None, None] * np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], 1).reshape(-1, 2, 2)
    centre = (box[:2] + box[2:]) / 2
    moved = centre + np.stack(shift, 1) * (box[2:] - box[:2])
    return np.concatenate([turn, (moved - turn @ centre)[..., None]], 2)


def _apply(maps: np.ndarray, points: np.ndarray) -> np.ndarray:
    """``(T, 2, 3)`` maps on ``(N, 2)`` points: ``(T, N, 2)``."""
    return points @ maps[:, :, :2].swapaxes(1, 2) + maps[:, None, :, 2]

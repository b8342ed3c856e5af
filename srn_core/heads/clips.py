"""Whole clips: one seed, one person, one performance."""

from dataclasses import dataclass

import cv2
import numpy as np

from srn_core.heads.background import drift, sample_backdrop
from srn_core.heads.motion import sample_motion
from srn_core.heads.person import sample_person
from srn_core.heads.render import draw, landmarks, pose
from srn_core.heads.shading import sample_light

# Steps of a low-discrepancy sequence (golden and plastic ratios), so that people of neighbouring seeds clearly differ.
SKIN_STEP, HAIR_STEP, SEX_STEP = 0.6180339887498949, 0.7548776662466927, 0.5698402909980532


@dataclass(frozen=True)
class RenderedClip:
    """T frames and where the face is in them.

    Attributes:
        frames: ``(T, H, W, 3)`` uint8 RGB.
        landmarks: ``(T, 68, 2)`` float32 image pixels, x right, y down, pixel centres at integers, iBUG order.
    """

    frames: np.ndarray
    landmarks: np.ndarray


def render_clip(seed: int, num_frames: int = 48, size: int = 192) -> RenderedClip:
    """Render a talking face; the same arguments give the same clip.

    Args:
        seed: decides everything; consecutive seeds get different skin tones and kinds of backdrop.
        num_frames: T.
        size: side of the square frames, pixels.

    Raises:
        UserError: the head model's data are not installed.
    """
    rng = np.random.default_rng([seed, 68])
    darkness, hair_tone, sex = (0.13 + SKIN_STEP * seed) % 1.0, (0.3 + HAIR_STEP * seed) % 1.0, SEX_STEP * seed % 1.0
    person = sample_person(rng, float(np.clip(1.6 * sex - 0.3, 0.0, 1.0)), darkness, hair_tone)
    motion = sample_motion(rng, num_frames)
    light = sample_light(rng, exposure=0.78 + 0.75 * darkness)
    backdrop = sample_backdrop(rng, size, kind=seed)
    grain = rng.uniform(0.002, 0.007)
    softness = rng.uniform(0.3, 0.6)
    frames = np.empty((num_frames, size, size, 3), np.uint8)
    points = np.empty((num_frames, 68, 2), np.float32)
    for frame in range(num_frames):
        view = pose(person, motion, frame, size)
        image = draw(view, person, light, drift(backdrop, size, 0.5 * size * motion.shift[frame]))
        image = cv2.GaussianBlur(np.clip(image, 0.0, 1.0), (0, 0), softness) ** (1 / 2.2)
        image = image + grain * rng.standard_normal(image.shape, np.float32)
        frames[frame] = np.clip(np.rint(image * 255.0), 0, 255)
        points[frame] = landmarks(view, motion.roll[frame])
    return RenderedClip(frames, points)

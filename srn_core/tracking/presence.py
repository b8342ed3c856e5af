"""Whether a followed face is still a face: the one criterion of every command that lets boxes follow landmarks.

A network always answers, also on a wall. On a face its answer to the picture and its answer to the mirrored picture agree; on
anything else they do not. The limits below were set on ``talk2/val`` (10 clips of 7 people): see docs/track.md.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from srn_core.face.geometry import box_frame, landmark_box, mirror_points
from srn_core.model import SRN

# The mean distance of the two answers, in units of the face box, at which a face is as likely as none.
MIRROR_GAP = 0.045
# A face is lost below this confidence.
LOST_BELOW = 0.5
# From frame to frame a face's size changes by at most this factor, and its centre moves by at most this share of its size.
SIZE_JUMP, CENTRE_JUMP = 1.5, 0.6
# So much of a face's box lies in the picture, and its side has so many pixels.
INSIDE, SMALLEST = 0.5, 6.0
# The mirrored picture costs a second look. It is taken when a face starts, every so many frames, and when there is a doubt:
# the crop changes by so many grey levels, the box by such a factor or share, or the last cascade step moves the points so far.
LOOK_EVERY, CHANGED, GROWN, MOVED, UNSETTLED = 5, 12.0, 1.06, 0.12, 0.004
# The crop is compared with the last frame's at this side.
_VIEW = 16


def mirror_confidence(points: Tensor, images: Tensor, boxes: Tensor, model: SRN, steps: int | None) -> np.ndarray:
    """How sure it is that crops show faces, from the network's answers to them and to their mirror images.

    ``1 / (1 + (d / MIRROR_GAP)^3)`` with ``d`` the mean distance of the two answers in units of the landmarks' box.

    Args:
        points: ``(B, L, 2)`` the answers, crop pixels.
        images: ``(B, 3, S, S)`` the crops.
        boxes: ``(B, 4)`` the face boxes, crop pixels. They are in the middle of their crops, so the mirrored crops have the
            same.
        model: the network.
        steps: K; None: the model's own.

    Returns:
        ``(B,)`` float32, 0 to 1.
    """
    flipped = images.flip(-1)
    shapes, _ = model(flipped, model.initial_shape(flipped, boxes), model.start(len(flipped)), steps)
    other = mirror_points(shapes[-1], images.shape[-1], model.config.landmarks.mirror).cpu().numpy()
    answer = points.cpu().numpy()
    _, unit = box_frame(landmark_box(answer))
    gap = np.linalg.norm(answer - other, axis=-1).mean(-1) / np.maximum(unit, 1e-6)
    return np.asarray(1 / (1 + (np.minimum(np.nan_to_num(gap, nan=np.inf), 1e3) / MIRROR_GAP) ** 3), np.float32)


def still_faces(confidence: np.ndarray, found: np.ndarray, searched: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Which answers are faces; only the boxes of these may be followed, drawn or written: ``(B,)`` bool.

    Args:
        confidence: ``(B,)`` see :func:`mirror_confidence`.
        found: ``(B, 4)`` boxes round the landmarks found, frame pixels.
        searched: ``(B, 4)`` boxes in which they were looked for.
        sizes: ``(B, 2)`` width and height of the pictures.
    """
    grown, moved = _changes(found, searched)
    extent = (found[:, 2:] - found[:, :2]).astype(np.float64)
    shown = np.minimum(found[:, 2:], sizes) - np.maximum(found[:, :2], 0)
    inside = shown.clip(min=0).prod(1) >= INSIDE * extent.prod(1)
    kept = (grown <= SIZE_JUMP) & (moved <= CENTRE_JUMP) & (extent.min(1) >= SMALLEST) & inside
    return np.asarray(np.isfinite(found).all(1) & kept & (confidence >= LOST_BELOW))


def doubtful(found: np.ndarray, searched: np.ndarray, shapes: Tensor, changes: np.ndarray) -> np.ndarray:
    """Which answers call for a look at the mirrored picture, beside the regular one: ``(B,)`` bool.

    Args:
        found: ``(B, 4)`` boxes round the landmarks found, frame pixels.
        searched: ``(B, 4)`` boxes in which they were looked for.
        shapes: ``(K, B, L, 2)`` the cascade's shapes, crop pixels.
        changes: ``(B,)`` mean change of the crop since the last frame, grey levels.
    """
    grown, moved = _changes(found, searched)
    last = shapes[-1].cpu().numpy()
    _, unit = box_frame(landmark_box(last))
    steps = np.linalg.norm(last - shapes[-2].cpu().numpy(), axis=-1).mean(-1) if len(shapes) > 1 else np.zeros(len(found))
    settled = (changes <= CHANGED) & (grown <= GROWN) & (moved <= MOVED) & (steps <= UNSETTLED * unit)
    return np.asarray(~settled)


def small_views(images: Tensor) -> np.ndarray:
    """Crops ``(B, 3, S, S)`` uint8 as small grey pictures: ``(B, 16, 16)`` float32."""
    grey = images.to(torch.float32).mean(1, keepdim=True)
    return np.asarray(adaptive_avg_pool2d(grey, _VIEW)[:, 0].cpu().numpy())


def _changes(found: np.ndarray, searched: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Factor of the size, upwards or downwards, and move of the centre in sizes: ``(B,)`` each; infinite for no box."""
    (here, unit), (there, before) = box_frame(found), box_frame(searched)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = unit / before
        grown, moved = np.maximum(ratio, 1 / ratio), np.linalg.norm(here - there, axis=1) / before
    return np.nan_to_num(grown, nan=np.inf), np.nan_to_num(moved, nan=np.inf)

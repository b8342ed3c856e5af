"""The error for model selection: every face of the validation clips on its own."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from srn_core.data.clip import Clip
from srn_core.errors import UserError
from srn_core.face.metrics import normaliser_length, point_errors
from srn_core.model import SRNConfig
from srn_core.tracking.tracker import Tracker
from srn_core.victims.own import OwnVictim


class Faces(NamedTuple):
    """Faces to validate on.

    Attributes:
        crops: ``(N, S, S, 3)`` uint8 RGB.
        boxes: ``(N, 4)`` frame pixels.
        truth: ``(N, L, 2)`` frame pixels.
    """

    crops: np.ndarray
    boxes: np.ndarray
    truth: np.ndarray


def read_faces(clips: Iterable[Clip], config: SRNConfig) -> Faces:
    """All faces of clips, cropped as the model sees them."""
    parts = [(clip.crops(config.crop), clip.boxes, clip.landmarks) for clip in clips]
    return Faces(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def detection_nme(tracker: Tracker | OwnVictim, faces: Faces) -> float:
    """Mean NME, percent, of every face on its own.

    Raises:
        UserError: it is nan or infinite, as the answers of a network that diverges.
    """
    lengths = normaliser_length(faces.truth, tracker.scheme)
    error = 100 * float(point_errors(tracker.detect_crops(faces.crops, faces.boxes), faces.truth, lengths).mean())
    if not math.isfinite(error):
        raise UserError(f"the validation error is {error}, training stops; try a lower --lr, or --precision float32")
    return error

"""Tracking one face through a video (``srn track``)."""

import itertools
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from srn_core.errors import UserError
from srn_core.face.boxes import following_box
from srn_core.face.geometry import box_overlap
from srn_core.io.frames import VideoFrames
from srn_core.tracking.detectors import Detector
from srn_core.tracking.step import FollowedFaces
from srn_core.tracking.tracker import Tracker

# A detector looks again after this many frames. A face with this overlap (intersection over union) is the tracked one.
LOOK_AGAIN, SAME_FACE = 10, 0.2


@dataclass(frozen=True)
class TrackedFrame:
    """One frame of a tracked video.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB.
        box: ``(4,)`` the tracker's face box, pixels; None before the first face.
        landmarks: ``(L, 2)`` pixels; None before the first face.
    """

    image: np.ndarray
    box: np.ndarray | None
    landmarks: np.ndarray | None

    def record(self, number: int) -> dict[str, Any]:
        """As JSON; coordinates have two decimals."""
        if self.box is None or self.landmarks is None:
            return {"frame": number, "box": None, "landmarks": None}
        box, landmarks = (np.round(np.asarray(v, np.float64), 2).tolist() for v in (self.box, self.landmarks))
        return {"frame": number, "box": box, "landmarks": landmarks}


def track_frames(
    frames: Iterable[np.ndarray], tracker: Tracker, find: Detector, look_again: bool = False
) -> Iterator[TrackedFrame]:
    """Track the largest face of the first frame that has a face. Its box follows the landmarks of the previous frame.

    Args:
        frames: ``(H, W, 3)`` uint8 RGB, read one at a time.
        tracker: the model on its device.
        find: image -> ``(N, 4)`` boxes as 68 landmarks would have them, the largest first. Called until it finds a face.
        look_again: also call it every :data:`LOOK_AGAIN` frames. If it finds faces, but none at the tracked place, the face
            was lost: the largest is tracked from there on.

    Yields:
        One record per frame, in order.
    """
    face = FollowedFaces(tracker.model)
    box, age = None, 0
    for frame in frames:
        found = False
        if box is None or (look_again and age % LOOK_AGAIN == 0):
            # A box of 68 landmarks as this scheme's box: its corners stand for the landmarks.
            seen = following_box(find(frame).reshape(-1, 2, 2), tracker.scheme.name)
            found = len(seen) > 0 and (box is None or float(box_overlap(seen, box).max()) < SAME_FACE)
            if found:
                box, age = seen[0], 0
        if box is None:
            yield TrackedFrame(frame, None, None)
            continue
        yield TrackedFrame(frame, box, face.step([frame], box[None], [found])[0])
        box, age = face.boxes()[0], age + 1


def read_to_end(video: VideoFrames) -> Iterator[np.ndarray]:
    """All frames that can be decoded, with a warning if the file should have more.

    Raises:
        UserError: the first frame cannot be decoded.
    """
    for t in itertools.count():
        try:
            frame = video(t)
        except UserError:
            if t == 0:
                raise
            if t < video.count():
                tqdm.write(f"warning: {video.path}: only {t} of {video.count()} frames can be decoded", file=sys.stderr)
            return
        yield frame

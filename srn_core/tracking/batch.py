"""Run a tracker over clips: each frame alone, or with the memory running through each clip. Many faces at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from tqdm import tqdm

from srn_core.data import Clip
from srn_core.errors import UserError
from srn_core.face.geometry import crop_image
from srn_core.io.frames import KEPT_OPEN
from srn_core.model.certainty import Certainty
from srn_core.tracking.step import FollowedFaces, Start
from srn_core.tracking.tracker import Tracker

Mode = Literal["detect", "track"]
Boxes = Literal["annotation", "tracked"]
Arrays = tuple[np.ndarray, ...]
"""Landmarks ``(T, L, 2)`` and, of a model with the head, the two arrays ``(T, L)`` of a :class:`Certainty`."""


@dataclass(frozen=True)
class RunOptions:
    """How a tracker runs over clips; these are also options of ``srn evaluate``."""

    mode: Mode = "detect"
    """detect: the tracker sees each frame without memory. track: its memory runs through each clip and restarts at each cut."""
    boxes: Boxes = "annotation"
    """Face boxes: from the annotation, or tracked: around the landmarks of the previous frame (needs --mode track)."""
    start: Start = "mean"
    """Where the cascade starts. mean: the model's initial shape (from its hourglass, else the mean shape in the box). previous:
    the landmarks of the previous frame if they fit the face box (needs --mode track). Do not combine previous with --boxes
    tracked: those boxes always fit, so the tracker can lose the face. On 60 frames of unseen video, the error of srn-small
    was then 16.7 % instead of 2.7 %."""
    steps: int | None = None
    """Cascade steps per frame (K). Fewer are faster and less accurate. Default: as the checkpoint was trained."""
    mirror: bool = False
    """Average the landmarks with those of the mirror image: more accurate, twice the time (needs --mode detect)."""

    def __post_init__(self) -> None:
        """Raise a :class:`UserError` if options contradict each other."""
        for option, value in (("boxes", self.boxes), ("start", self.start)):
            if value in ("tracked", "previous") and self.mode != "track":
                raise UserError(f"{option} '{value}' with mode 'detect': it needs the previous frame; use --mode track")
        if self.mirror and self.mode != "detect":
            raise UserError("mirror averaging with mode 'track': it cannot use the memory; leave out --mirror or --mode track")
        if self.steps is not None and self.steps < 1:
            raise UserError(f"steps {self.steps}; expected at least 1 cascade step")


def run_clips(
    tracker: Tracker, clips: Sequence[Clip], options: RunOptions, batch_size: int, bar: tqdm
) -> tuple[np.ndarray, Certainty | None]:
    """Landmarks of all frames, clip after clip: ``(N, L, 2)`` float32 frame pixels, and how sure the model is of them.

    Args:
        tracker: the model on its device.
        clips: each is on its own: no memory passes from one to the next.
        options: how the tracker runs.
        batch_size: faces at once. With ``track``: clips side by side, at most :data:`srn_core.io.frames.KEPT_OPEN`.
        bar: progress bar, updated once per frame.

    Raises:
        UserError: a frame cannot be read.
    """
    run = _detect if options.mode == "detect" else _track
    found = run(tracker, clips, options, batch_size, bar)
    landmarks, *certainty = (np.concatenate(values) for values in zip(*found, strict=True))
    return landmarks, Certainty(*certainty) if tracker.model.certainty else None


def _detect(tracker: Tracker, clips: Sequence[Clip], options: RunOptions, batch_size: int, bar: tqdm) -> list[Arrays]:
    places = [(clip, t) for clip in clips for t in range(len(clip))]
    found = []
    for first in range(0, len(places), batch_size):
        part = places[first : first + batch_size]
        boxes = np.stack([clip.boxes[t] for clip, t in part])
        crops = np.stack([crop_image(clip.frame(t), clip.boxes[t], tracker.crop) for clip, t in part])
        landmarks, certainty = tracker.detect_with_certainty(crops, boxes, steps=options.steps, mirror=options.mirror)
        found.append((landmarks, *(certainty or ())))
        bar.update(len(part))
    return found


def _track(tracker: Tracker, clips: Sequence[Clip], options: RunOptions, batch_size: int, bar: tqdm) -> list[Arrays]:
    """Clips of similar length run side by side. The longest come first, so those that still run are always the first ones."""
    order = sorted(range(len(clips)), key=lambda i: -len(clips[i]))
    found: list[Arrays] = []
    for clip in clips:
        certainty = [np.zeros(clip.landmarks.shape[:2], np.float32) for _ in Certainty._fields if tracker.model.certainty]
        found.append((np.zeros_like(clip.landmarks), *certainty))
    side_by_side = min(batch_size, KEPT_OPEN)
    for first in range(0, len(order), side_by_side):
        _track_together(tracker, [(clips[i], found[i]) for i in order[first : first + side_by_side]], options, bar)
    return found


def _track_together(tracker: Tracker, pairs: list[tuple[Clip, Arrays]], options: RunOptions, bar: tqdm) -> None:
    """Fill the arrays ``(T, ...)`` of each clip; the longest clip comes first."""
    faces = FollowedFaces(tracker.model, options.start, options.steps, follow=options.boxes == "tracked")
    for t in range(len(pairs[0][0])):
        running = [(clip, out) for clip, out in pairs if t < len(clip)]
        cuts = np.array([clip.cuts[t] for clip, _ in running], bool)
        boxes = np.stack([clip.boxes[t] for clip, _ in running])
        if options.boxes == "tracked" and t:
            boxes = np.where(cuts[:, None], boxes, faces.boxes()[: len(running)])
        landmarks = faces.step((clip.frame(t) for clip, _ in running), boxes, cuts)
        for i, (_, arrays) in enumerate(running):
            for out, values in zip(arrays, (landmarks, *(faces.certainty or ())), strict=True):
                out[t] = values[i]
        bar.update(len(running))

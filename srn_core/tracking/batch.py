"""Running a tracker over clips: every frame alone, or with the memory through each clip, many clips side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from tqdm import tqdm

from srn_core.data import Clip
from srn_core.errors import UserError
from srn_core.face.boxes import following_box
from srn_core.face.geometry import boxes_in_crop, crop_image, crop_map
from srn_core.io.frames import KEPT_OPEN
from srn_core.tracking.tracker import Start, Tracker, starts_from

Mode = Literal["detect", "track"]
Boxes = Literal["annotation", "tracked"]


@dataclass(frozen=True)
class RunOptions:
    """How a tracker runs over clips.

    Attributes:
        mode: ``detect``: every frame alone. ``track``: the memory starts at a cut and runs to the next one.
        boxes: ``annotation``, or ``tracked``: the box of the landmarks found on the frame before, and the annotation's
            at cuts.
        start: the cascade's initial shape: ``mean``, the model's own (the mean shape in the box, or its hourglass's);
            ``previous``, the landmarks found on the frame before as long as they fit the face box, and the model's own at
            cuts. Boxes that are tracked fit always, so that nothing holds such a tracker on the face: srn-small drifts off
            within seconds (16.7 % against 2.7 % over 60 frames of unseen video).
        steps: K; the model's own where None.
        mirror: average with the mirror image (``detect`` alone).
    """

    mode: Mode = "detect"
    boxes: Boxes = "annotation"
    start: Start = "mean"
    steps: int | None = None
    mirror: bool = False

    def __post_init__(self) -> None:
        """Raise a :class:`UserError` on what does not go together."""
        if self.boxes == "tracked" and self.mode != "track":
            raise UserError("boxes 'tracked' with mode 'detect': they follow the frame before; use --mode track")
        if self.start == "previous" and self.mode != "track":
            raise UserError("start 'previous' with mode 'detect': it follows the frame before; use --mode track")
        if self.mirror and self.mode != "detect":
            raise UserError(
                "mirror averaging with mode 'track': a mirror image has no memory; leave out --mirror or --mode track"
            )
        if self.steps is not None and self.steps < 1:
            raise UserError(f"steps {self.steps}; expected at least 1 cascade step")


def run_clips(tracker: Tracker, clips: Sequence[Clip], options: RunOptions, batch_size: int, bar: tqdm) -> np.ndarray:
    """Landmarks of all frames in the order of the clips: ``(N, L, 2)`` float32, frame pixels.

    Args:
        tracker: the model on its device.
        clips: each is on its own, no memory passes from one to the next.
        options: how.
        batch_size: faces at once; with ``track`` clips side by side, at most :data:`srn_core.io.frames.KEPT_OPEN`.
        bar: is told of every frame.

    Raises:
        UserError: a frame cannot be read.
    """
    run = _detect if options.mode == "detect" else _track
    return np.concatenate(run(tracker, clips, options, batch_size, bar))


def _detect(tracker: Tracker, clips: Sequence[Clip], options: RunOptions, batch_size: int, bar: tqdm) -> list[np.ndarray]:
    places = [(clip, t) for clip in clips for t in range(len(clip))]
    found = []
    for first in range(0, len(places), batch_size):
        part = places[first : first + batch_size]
        boxes = np.stack([clip.boxes[t] for clip, t in part])
        crops = np.stack([crop_image(clip.frame(t), clip.boxes[t], tracker.crop) for clip, t in part])
        found.append(tracker.detect_crops(crops, boxes, steps=options.steps, mirror=options.mirror))
        bar.update(len(part))
    return found


def _track(tracker: Tracker, clips: Sequence[Clip], options: RunOptions, batch_size: int, bar: tqdm) -> list[np.ndarray]:
    """Clips of like length side by side, the longest first, so that those still running are always the first ones."""
    order = sorted(range(len(clips)), key=lambda i: -len(clips[i]))
    found = [np.zeros_like(clip.landmarks) for clip in clips]
    side_by_side = min(batch_size, KEPT_OPEN)
    for first in range(0, len(order), side_by_side):
        _track_together(tracker, [(clips[i], found[i]) for i in order[first : first + side_by_side]], options, bar)
    return found


def _track_together(tracker: Tracker, pairs: list[tuple[Clip, np.ndarray]], options: RunOptions, bar: tqdm) -> None:
    """Fill each clip's ``(T, L, 2)`` array; ``pairs`` are ordered by falling length."""
    state = tracker.start(len(pairs))
    for t in range(len(pairs[0][0])):
        running = [(clip, out) for clip, out in pairs if t < len(clip)]
        cuts = torch.tensor([bool(clip.cuts[t]) for clip, _ in running], device=tracker.device)
        state = torch.where(cuts[:, None], tracker.start(len(running)), state[: len(running)])
        annotated = [options.boxes == "annotation" or clip.cuts[t] for clip, _ in running]
        here = np.stack(
            [
                clip.boxes[t] if a else following_box(out[t - 1], tracker.scheme.name)
                for (clip, out), a in zip(running, annotated, strict=True)
            ]
        )
        crops = np.stack([crop_image(clip.frame(t), box, tracker.crop) for (clip, _), box in zip(running, here, strict=True)])
        images = torch.from_numpy(crops).to(tracker.device).permute(0, 3, 1, 2)
        crop_boxes = torch.from_numpy(boxes_in_crop(here, tracker.crop)).to(tracker.device)
        mapping, shape = crop_map(here, tracker.crop), tracker.initial_shape(images, crop_boxes)
        if options.start == "previous":
            before = np.stack([out[t - 1] for _, out in running])
            shape = torch.where(cuts[:, None, None], shape, starts_from(tracker, before, here, shape))
        points, state = tracker.step(images, crop_boxes, state, shape, options.steps)
        for (_, out), landmarks in zip(running, mapping.to_frame(points.cpu().numpy()), strict=True):
            out[t] = landmarks
        bar.update(len(running))

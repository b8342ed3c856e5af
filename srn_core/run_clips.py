"""Running a tracker over clips: every frame alone, or with the memory through each clip, many clips side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from tqdm import tqdm

from srn_core.data import Clip
from srn_core.data.boxes import following_box
from srn_core.errors import UserError
from srn_core.geometry import boxes_in_crop, crop_image, crop_map
from srn_core.tracker import Start, Tracker, starts_from

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
        batch_size: faces at once (``detect``: about; ``track``: clips side by side).
        bar: is told of every frame.

    Raises:
        UserError: a frame cannot be read.
    """
    run = _detect if options.mode == "detect" else _track
    return np.concatenate(run(tracker, clips, options, batch_size, bar))


def _detect(tracker: Tracker, clips: Sequence[Clip], options: RunOptions, batch_size: int, bar: tqdm) -> list[np.ndarray]:
    found = []
    for chunk in _chunks(clips, batch_size):
        crops, boxes = np.concatenate([clip.crops(tracker.crop) for clip in chunk]), np.concatenate([c.boxes for c in chunk])
        found.append(tracker.detect_crops(crops, boxes, steps=options.steps, mirror=options.mirror))
        bar.update(len(crops))
    return found


def _chunks(clips: Sequence[Clip], faces: int) -> Iterator[list[Clip]]:
    """Neighbouring clips together until they hold ``faces`` frames: stills fill a batch, a video is a chunk of its own."""
    chunk: list[Clip] = []
    for clip in clips:
        chunk.append(clip)
        if sum(map(len, chunk)) >= faces:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _track(tracker: Tracker, clips: Sequence[Clip], options: RunOptions, batch_size: int, bar: tqdm) -> list[np.ndarray]:
    """Clips of like length side by side, the longest first, so that those still running are always the first ones."""
    order = sorted(range(len(clips)), key=lambda i: -len(clips[i]))
    found = [np.zeros_like(clip.landmarks) for clip in clips]
    for first in range(0, len(order), batch_size):
        _track_together(tracker, [(clips[i], found[i]) for i in order[first : first + batch_size]], options, bar)
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

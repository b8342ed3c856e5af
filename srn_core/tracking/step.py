"""One frame of tracking: crop the face, choose the start shape, run the cascade with its memory, map back (eq. 1, 2, 13)."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from srn_core.devices import to_device
from srn_core.face.boxes import following_box
from srn_core.face.geometry import CropSpec, box_overlap, boxes_in_crop, crop_image, crop_map
from srn_core.model import SRN
from srn_core.model.certainty import Certainty
from srn_core.tracking.presence import LOOK_EVERY, doubtful, mirror_confidence, small_views, still_faces

Start = Literal["mean", "previous"]
"""``mean``: the cascade starts at the model's own initial shape (mean shape in the box, or its hourglass's).
``previous``: it starts at the landmarks of the previous frame, if they still fit the face box."""

# Landmarks fit if their box overlaps the face box by this much (intersection over union). A cascade that starts beside the
# face does not find back.
KEPT_OVERLAP = 0.8


class FollowedFaces:
    """Several faces, each followed from frame to frame by the same SRN. It holds their memories and last landmarks.

    Args:
        model: in eval mode, on its device.
        start: the start shape of the cascade.
        steps: K, cascade steps per frame; None: the model's own.
        follow: the boxes follow the landmarks (:meth:`boxes`). Each answer is then checked (:mod:`srn_core.tracking.presence`).
            Where it is no face, the face is lost: its memory starts anew, and its box stays that of the last good answer.

    Attributes:
        certainty: how sure the model is of the last landmarks, ``(B, L)`` each; None before the first step, and for a model
            without that head.
        confidence: ``(B,)`` how sure it is that the last answers show faces, 0 to 1; it is 1 without ``follow``.
        lost: ``(B,)`` bool, faces that the last answers do not show; never without ``follow``.
    """

    certainty: Certainty | None = None

    def __init__(self, model: SRN, start: Start = "mean", steps: int | None = None, follow: bool = False) -> None:
        self.model, self.start, self.steps, self.follow = model, start, steps, follow
        self.crop = model.config.crop
        self.confidence, self.lost = np.zeros(0, np.float32), np.zeros(0, bool)
        self._memory = model.start(0)
        self._found = np.zeros((0, model.config.landmarks.num_landmarks, 2), np.float32)
        self._boxes = np.zeros((0, 4), np.float32)
        self._views: np.ndarray | None = None
        self._age = 0

    def boxes(self) -> np.ndarray:
        """Where to look for the faces on the next frame: ``(B, 4)`` float32 frame pixels.

        They surround the last landmarks. The box of a lost face is the one in which it was lost.
        """
        return self._boxes

    @torch.inference_mode()
    def step(self, frames: Iterable[np.ndarray], boxes: np.ndarray, first: Sequence[bool] | np.ndarray) -> np.ndarray:
        """Landmarks on the next frame of each face.

        Args:
            frames: B images ``(H, W, 3)`` uint8 RGB, read one at a time. If B is lower than at the last step, the last faces
                have ended.
            boxes: ``(B, 4)`` face boxes, frame pixels.
            first: B times whether the face starts here (first frame or cut): its memory is empty and it has no last landmarks.

        Returns:
            ``(B, L, 2)`` float32 frame pixels; of a lost face too: the answer in the box in which it was looked for.
        """
        crops, sizes = [], []
        for frame, box in zip(frames, boxes, strict=True):
            crops.append(crop_image(frame, box, self.crop))
            sizes.append(frame.shape[1::-1])
        images, places = as_tensors(np.stack(crops), boxes, self.crop, self._memory.device)
        memory, shape = self.model.start(len(crops)), self.model.initial_shape(images, places)
        starts = np.ones(len(crops), bool)
        if len(self._found):
            starts = np.asarray(first, bool) | self.lost[: len(crops)]
            anew = to_device(starts, images.device)
            memory = torch.where(anew[:, None], memory, self._memory[: len(crops)])
            if self.start == "previous":
                last = continued_shape(self._found[: len(crops)], boxes, shape, self.model)
                shape = torch.where(anew[:, None, None], shape, last)
        shapes, self._memory, raw = self.model.cascade(images, shape, memory, self.steps)
        self.certainty = raw.numpy() if raw else None
        self._found = crop_map(boxes, self.crop).to_frame(shapes[-1].cpu().numpy())
        found = following_box(self._found, self.model.config.scheme)
        if self.follow:
            self.confidence = self._sureness(images, places, shapes, found, boxes, starts)
            self.lost = ~still_faces(self.confidence, found, boxes, np.array(sizes))
            self._boxes = np.where(self.lost[:, None], boxes, found).astype(np.float32)
        else:
            self.confidence, self.lost = np.ones(len(crops), np.float32), np.zeros(len(crops), bool)
            self._boxes = found
        return self._found

    def _sureness(
        self, images: Tensor, places: Tensor, shapes: Tensor, found: np.ndarray, boxes: np.ndarray, starts: np.ndarray
    ) -> np.ndarray:
        """The faces' confidence: that of the last look at a mirrored picture, or of a new one where one is due."""
        views = small_views(images)
        before = views if self._views is None else self._views[: len(views)]
        due = starts | doubtful(found, boxes, shapes, np.abs(views - before).mean((1, 2)))
        if self._age % LOOK_EVERY == 0:
            due[:] = True
        self._views, self._age = views, self._age + 1
        confidence = np.zeros(len(views), np.float32)
        confidence[: len(self.confidence)] = self.confidence[: len(views)]
        if due.any():
            rows = to_device(np.flatnonzero(due), images.device)
            confidence[due] = mirror_confidence(shapes[-1][rows], images[rows], places[rows], self.model, self.steps)
        return confidence


def as_tensors(crops: np.ndarray, boxes: np.ndarray, spec: CropSpec, device: torch.device) -> tuple[Tensor, Tensor]:
    """Crops ``(B, S, S, 3)`` uint8 and boxes ``(B, 4)`` in frame pixels -> images ``(B, 3, S, S)``, boxes in crop pixels."""
    return to_device(crops, device).permute(0, 3, 1, 2), to_device(boxes_in_crop(boxes, spec), device)


def continued_shape(last: np.ndarray, boxes: np.ndarray, initial: Tensor, model: SRN) -> Tensor:
    """Start shapes ``(B, L, 2)`` in crop pixels: the last landmarks, or ``initial`` where they do not fit the face box.

    Args:
        last: ``(B, L, 2)`` landmarks of the previous frame, frame pixels.
        boxes: ``(B, 4)`` face boxes of this frame, frame pixels.
        initial: ``(B, L, 2)`` the model's own initial shapes, crop pixels.
        model: gives scheme and crop.
    """
    fits = box_overlap(following_box(last, model.config.scheme), boxes) >= KEPT_OVERLAP
    shapes = crop_map(boxes, model.config.crop).to_crop(last)
    carried, kept = (to_device(values, initial.device) for values in (shapes, fits))
    return torch.where(kept[:, None, None], carried, initial)

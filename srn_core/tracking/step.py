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

    Attributes:
        certainty: how sure the model is of the last landmarks, ``(B, L)`` each; None before the first step, and for a model
            without that head.
    """

    certainty: Certainty | None = None

    def __init__(self, model: SRN, start: Start = "mean", steps: int | None = None) -> None:
        self.model, self.start, self.steps = model, start, steps
        self.crop = model.config.crop
        self._memory = model.start(0)
        self._found = np.zeros((0, model.config.landmarks.num_landmarks, 2), np.float32)

    def boxes(self) -> np.ndarray:
        """The faces' boxes on the next frame, from their last landmarks: ``(B, 4)`` float32 frame pixels."""
        return following_box(self._found, self.model.config.scheme)

    @torch.inference_mode()
    def step(self, frames: Iterable[np.ndarray], boxes: np.ndarray, first: Sequence[bool] | np.ndarray) -> np.ndarray:
        """Landmarks on the next frame of each face.

        Args:
            frames: B images ``(H, W, 3)`` uint8 RGB, read one at a time. If B is lower than at the last step, the last faces
                have ended.
            boxes: ``(B, 4)`` face boxes, frame pixels.
            first: B times whether the face starts here (first frame or cut): its memory is empty and it has no last landmarks.

        Returns:
            ``(B, L, 2)`` float32 frame pixels.
        """
        crops = np.stack([crop_image(frame, box, self.crop) for frame, box in zip(frames, boxes, strict=True)])
        images, places = as_tensors(crops, boxes, self.crop, self._memory.device)
        memory, shape = self.model.start(len(crops)), self.model.initial_shape(images, places)
        if len(self._found):
            starts = to_device(np.asarray(first), images.device)
            memory = torch.where(starts[:, None], memory, self._memory[: len(crops)])
            if self.start == "previous":
                last = continued_shape(self._found[: len(crops)], boxes, shape, self.model)
                shape = torch.where(starts[:, None, None], shape, last)
        shapes, self._memory, raw = self.model.cascade(images, shape, memory, self.steps)
        self.certainty = raw.numpy() if raw else None
        self._found = crop_map(boxes, self.crop).to_frame(shapes[-1].cpu().numpy())
        return self._found


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

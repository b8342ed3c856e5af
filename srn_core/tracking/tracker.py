"""The landmark tracker as users and the game see it, and the protocol that any other tracker can fill."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from srn_core.checkpoints import load_pretrained
from srn_core.devices import pick_device
from srn_core.face.boxes import following_box
from srn_core.face.geometry import (
    box_overlap,
    boxes_in_crop,
    crop_image,
    crop_map,
    mirror_points,
)
from srn_core.model import SRN

Start = Literal["mean", "previous"]
# The landmarks found before are a start as long as their box overlaps the face box by this (intersection over union); a
# cascade that goes on from where it has slipped to does not come back by itself.
KEPT_OVERLAP = 0.8


class Tracker:
    """An SRN on a device: NumPy in and out by :meth:`detect` and :meth:`track`, tensors by :meth:`start` and :meth:`step`.

    >>> from srn_core import SRN, SRNConfig
    >>> tracker = Tracker(SRN(SRNConfig.preset("small")), device="cpu")
    >>> tracker.detect(np.zeros((1, 60, 60, 3), np.uint8), np.array([[10, 10, 50, 50]])).shape
    (1, 68, 2)
    """

    def __init__(self, model: SRN, device: str = "auto", batch_size: int = 128) -> None:
        self.device = pick_device(device)
        self.model = model.to(self.device).eval()
        self.batch_size = batch_size
        self.scheme = model.config.landmarks
        self.crop = model.config.crop
        self.patch_size = model.config.patch_size
        self.key = fingerprint(model)

    def start(self, batch: int) -> Tensor:
        """The memory at a clip's start: zeros ``(B, H)``."""
        return self.model.start(batch)

    @torch.inference_mode()
    def step(
        self, frames: Tensor, boxes: Tensor, state: Tensor, shape: Tensor | None = None, steps: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """See :meth:`Victim.step`; the cascade starts from ``shape`` ``(B, L, 2)`` crop pixels, or from :meth:`initial_shape`.

        ``steps`` is K; the model's own where None.
        """
        shapes, state = self.model(frames, self.initial_shape(frames, boxes) if shape is None else shape, state, steps)
        return shapes[-1], state

    @torch.inference_mode()
    def initial_shape(self, frames: Tensor, boxes: Tensor) -> Tensor:
        """Where the cascade starts on ``(B, 3, S, S)`` crops, see :meth:`SRN.initial_shape`: ``(B, L, 2)`` crop pixels."""
        return self.model.initial_shape(frames, boxes)

    def detect(
        self,
        images: Sequence[np.ndarray] | np.ndarray,
        boxes: np.ndarray,
        *,
        steps: int | None = None,
        mirror: bool = False,
    ) -> np.ndarray:
        """Landmarks of one face in each image, no memory.

        Args:
            images: N images ``(H, W, 3)`` uint8 RGB, of any sizes.
            boxes: ``(N, 4)`` face boxes ``x0, y0, x1, y1`` in image pixels.
            steps: K; the model's own where None.
            mirror: take the mean of the landmarks in the crop and in its mirror image; twice the time.

        Returns:
            ``(N, L, 2)`` float32 landmarks, image pixels.

        Raises:
            ValueError: images or boxes of another shape or type, another number of them, or boxes without extent.
        """
        boxes = _read_boxes(boxes, 2)
        if len(images) != len(boxes):
            raise ValueError(f"{len(images)} images, {len(boxes)} boxes; expected one box an image")
        crops = [crop_image(_read_image(image), box, self.crop) for image, box in zip(images, boxes, strict=True)]
        if not crops:
            return np.zeros((0, self.scheme.num_landmarks, 2), np.float32)
        return self.detect_crops(np.stack(crops), boxes, steps=steps, mirror=mirror)

    def detect_crops(
        self, crops: np.ndarray, boxes: np.ndarray, *, steps: int | None = None, mirror: bool = False
    ) -> np.ndarray:
        """:meth:`detect` on faces that were cropped before: ``(N, S, S, 3)`` uint8 and their ``(N, 4)`` frame boxes."""
        found = []
        for first in range(0, len(crops), self.batch_size):
            part = slice(first, first + self.batch_size)
            images, places = self._tensors(crops[part], boxes[part])
            landmarks, _ = self.step(images, places, self.start(len(images)), steps=steps)
            if mirror:
                # A box lies in the middle of its crop, so the mirror image has the same one.
                flipped, _ = self.step(images.flip(-1), places, self.start(len(images)), steps=steps)
                landmarks = (landmarks + mirror_points(flipped, self.crop.size, self.scheme.mirror)) / 2
            found.append(crop_map(boxes[part], self.crop).to_frame(landmarks.cpu().numpy()))
        return np.concatenate(found)

    def track(
        self,
        frames: Iterable[np.ndarray],
        boxes: np.ndarray | Iterable[np.ndarray],
        *,
        start: Start = "mean",
        steps: int | None = None,
    ) -> Iterator[np.ndarray]:
        """Landmarks frame by frame with the memory running on (eq. 13).

        Args:
            frames: ``(H, W, 3)`` uint8 RGB, any number.
            boxes: one box ``(4,)``: the first frame's, later boxes follow the landmarks found before; or one a frame.
            start: the cascade's initial shape: the model's own (the mean shape in the box, or its hourglass's), or from the
                second frame on the landmarks found before, see :func:`starts_from`.
            steps: K; the model's own where None.

        Yields:
            ``(L, 2)`` float32 landmarks, frame pixels.

        Raises:
            ValueError: another start, fewer boxes than frames, or a frame or box as :meth:`detect` does not take it.
        """
        if start not in get_args(Start):
            raise ValueError(f"start {start!r}; expected one of {', '.join(get_args(Start))}")
        if isinstance(boxes, list | tuple) and np.ndim(boxes) == 1:
            boxes = np.array(boxes)
        fixed = isinstance(boxes, np.ndarray) and boxes.ndim == 1
        given = iter(()) if fixed else iter(boxes)
        box = _read_boxes(boxes, 1) if fixed else None
        state, found = self.start(1), None
        for frame in frames:
            current = box
            if current is None:
                if (following := next(given, None)) is None:
                    raise ValueError("boxes: fewer than frames; expected one box (4,), or one a frame")
                current = _read_boxes(following, 1)
            images, places = self._tensors(crop_image(_read_image(frame), current, self.crop)[None], current[None])
            mapping, shape = crop_map(current[None], self.crop), None
            if start == "previous" and found is not None:
                shape = starts_from(self, found[None], current[None], self.initial_shape(images, places))
            landmarks, state = self.step(images, places, state, shape, steps)
            found = mapping.to_frame(landmarks.cpu().numpy())[0]
            if fixed:
                box = following_box(found, self.scheme.name)
            yield found

    def _tensors(self, crops: np.ndarray, boxes: np.ndarray) -> tuple[Tensor, Tensor]:
        images = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2)
        return images, torch.from_numpy(boxes_in_crop(boxes, self.crop)).to(self.device)


def _read_image(image: Any) -> np.ndarray:
    """A picture ``(H, W, 3)`` uint8, after a check: one in 0..1 would give landmarks, and wrong ones."""
    read = np.asarray(image)
    if read.ndim != 3 or read.shape[2] != 3 or not read.size or read.dtype != np.uint8:
        raise ValueError(f"image of shape {read.shape} and type {read.dtype}; expected (H, W, 3) uint8 RGB")
    return read


def _read_boxes(boxes: Any, ndim: int) -> np.ndarray:
    """Face boxes ``(4,)`` or ``(N, 4)``, float32, after a check."""
    read = np.asarray(boxes, np.float32)
    if ndim == 2 and read.shape in ((0,), (4,)):
        read = read.reshape(-1, 4)
    if read.ndim != ndim or read.shape[-1] != 4:
        raise ValueError(f"boxes of shape {read.shape}; expected {'(N, 4)' if ndim == 2 else '(4,)'}: x0, y0, x1, y1")
    if not (np.isfinite(read).all() and (read[..., 2:] > read[..., :2]).all()):
        raise ValueError("boxes: expected finite x0, y0, x1, y1 with x0 < x1 and y0 < y1")
    return read


def starts_from(tracker: Tracker, before: np.ndarray, boxes: np.ndarray, initial: Tensor) -> Tensor:
    """Where the cascade starts that goes on from the landmarks found before; anew where they no longer fit the face box.

    Args:
        tracker: whose cascade.
        before: ``(B, L, 2)`` landmarks of the frame before, frame pixels.
        boxes: ``(B, 4)`` face boxes of this frame, frame pixels.
        initial: ``(B, L, 2)`` the model's own initial shapes, crop pixels: for those faces whose landmarks' box overlaps
            the face box by less than :data:`KEPT_OVERLAP`.

    Returns:
        ``(B, L, 2)`` crop pixels.
    """
    kept = box_overlap(following_box(before, tracker.scheme.name), boxes) >= KEPT_OVERLAP
    shapes = crop_map(boxes, tracker.crop).to_crop(before)
    carried, fits = (torch.from_numpy(values).to(tracker.device) for values in (shapes, kept))
    return torch.where(fits[:, None, None], carried, initial)


@lru_cache(maxsize=8)
def load_tracker(name: str, device: str = "auto") -> Tracker:
    """The tracker of a checkpoint that ships by name or of a folder; loaded once a process."""
    return Tracker(load_pretrained(name), device)


def fingerprint(model: SRN) -> str:
    """Eight hex digits of a model's config and weights."""
    value = zlib.crc32(repr(model.config).encode())
    for name, tensor in model.state_dict().items():
        value = zlib.crc32(name.encode() + tensor.detach().cpu().numpy().tobytes(), value)
    return f"{value:08x}"

"""The landmark tracker as users and the game see it."""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, get_args, overload

import numpy as np
import torch
from torch import Tensor

from srn_core.checkpoints import fingerprint
from srn_core.devices import pick_device
from srn_core.errors import UserError
from srn_core.face.geometry import crop_image, crop_map, mirror_points
from srn_core.model import SRN
from srn_core.model.certainty import Certainty, RawCertainty
from srn_core.tracking.step import FollowedFaces, Start, as_tensors
from srn_core.values import python_value

# A face box has sides of at least one pixel, and at least this share of it lies in the picture.
LEAST_SHOWN = 0.01


class Tracker:
    """An SRN on a device.

    :meth:`detect` and :meth:`track` take and return NumPy arrays in frame pixels. :meth:`start` and :meth:`step` work on
    tensors in crop pixels; they are what the game needs (:class:`srn_core.victims.protocol.Victim`).

    Args:
        model: the network, for example ``load_pretrained("srn-small")``. It is moved to the device.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        batch_size: faces per forward pass of :meth:`detect`.
        compiled: let ``torch.compile`` fuse the hourglass, which bounds the speed of ``srn-small``. The first calls then take
            a minute or more; the landmarks stay the same up to rounding.

    Raises:
        UserError: no such device, no network, a batch size below 1, or ``compiled`` on a CPU without a C++ compiler.

    >>> from srn_core import SRN, SRNConfig
    >>> tracker = Tracker(SRN(SRNConfig.preset("small")), device="cpu")
    >>> tracker.detect(np.zeros((1, 60, 60, 3), np.uint8), np.array([[10, 10, 50, 50]])).shape
    (1, 68, 2)
    """

    def __init__(self, model: SRN, device: str = "auto", batch_size: int = 128, compiled: bool = False) -> None:
        if not isinstance(model, torch.nn.Module):
            raise UserError(f"model {model!r:.60}: is no network; expected what load_pretrained(NAME or folder) returns")
        batch_size = python_value(batch_size)
        if not isinstance(batch_size, int) or batch_size < 1:
            raise UserError(f"batch_size {batch_size!r}: expected a whole number of at least 1")
        self.device = pick_device(device)
        self.model = model.to(self.device).eval()
        if compiled and self.model.hourglass is not None:
            if self.device.type == "cpu" and not any(map(shutil.which, (os.environ.get("CXX", "g++"), "clang++"))):
                raise UserError("compiled=True: found no C++ compiler; install g++ or leave it out")
            self.model.hourglass.compile(dynamic=True)
        self.batch_size = batch_size
        self.scheme = model.config.landmarks
        self.crop = model.config.crop
        self.patch_size = model.config.patch_size
        self.key = fingerprint(model)

    def start(self, batch: int) -> Tensor:
        """The memory at a clip's start: zeros ``(B, H)``."""
        return self.model.start(batch)

    @torch.inference_mode()
    def step(self, frames: Tensor, boxes: Tensor, state: Tensor, steps: int | None = None) -> tuple[Tensor, Tensor]:
        """See :meth:`Victim.step`; ``steps`` is K, None: the model's own."""
        shapes, state = self.model(frames, self.model.initial_shape(frames, boxes), state, steps)
        return shapes[-1], state

    @overload
    def detect(
        self,
        images: Sequence[np.ndarray] | np.ndarray,
        boxes: np.ndarray,
        *,
        steps: int | None = ...,
        mirror: bool = ...,
        certainty: Literal[False] = ...,
    ) -> np.ndarray: ...

    @overload
    def detect(
        self,
        images: Sequence[np.ndarray] | np.ndarray,
        boxes: np.ndarray,
        *,
        steps: int | None = ...,
        mirror: bool = ...,
        certainty: Literal[True],
    ) -> tuple[np.ndarray, Certainty | None]: ...

    def detect(
        self,
        images: Sequence[np.ndarray] | np.ndarray,
        boxes: np.ndarray,
        *,
        steps: int | None = None,
        mirror: bool = False,
        certainty: bool = False,
    ) -> np.ndarray | tuple[np.ndarray, Certainty | None]:
        """Landmarks of one face per image, without memory.

        Args:
            images: N images ``(H, W, 3)`` uint8 RGB, of any sizes.
            boxes: ``(N, 4)`` face boxes ``x0, y0, x1, y1`` in image pixels.
            steps: K, cascade steps; None: the model's own.
            mirror: average with the landmarks found in the mirrored crop; takes twice the time.
            certainty: also return which landmarks are hidden and how far off each may be.

        Returns:
            ``(N, L, 2)`` float32 landmarks, image pixels. With ``certainty`` a pair: the landmarks, and a
            :class:`srn_core.model.certainty.Certainty` of ``visibility`` and ``expected_error``, ``(N, L)`` each, or None for a
            model without that head.

        Raises:
            ValueError: images or boxes have a wrong shape, type or number, or a box is empty or outside its image.
        """
        boxes = _read_boxes(boxes, 2)
        if len(images) != len(boxes):
            raise ValueError(f"{len(images)} images, {len(boxes)} boxes; expected one box per image")
        pictures = [_with_face(_read_image(image), box) for image, box in zip(images, boxes, strict=True)]
        crops = [crop_image(picture, box, self.crop) for picture, box in zip(pictures, boxes, strict=True)]
        size = self.crop.size
        together = np.stack(crops) if crops else np.zeros((0, size, size, 3), np.uint8)
        landmarks, found = self.detect_with_certainty(together, boxes, steps=steps, mirror=mirror)
        return (landmarks, found) if certainty else landmarks

    def detect_crops(
        self, crops: np.ndarray, boxes: np.ndarray, *, steps: int | None = None, mirror: bool = False
    ) -> np.ndarray:
        """:meth:`detect` for faces that are already cropped: ``(N, S, S, 3)`` uint8 and their ``(N, 4)`` frame boxes."""
        return self.detect_with_certainty(crops, boxes, steps=steps, mirror=mirror)[0]

    @torch.inference_mode()
    def detect_with_certainty(
        self, crops: np.ndarray, boxes: np.ndarray, *, steps: int | None = None, mirror: bool = False
    ) -> tuple[np.ndarray, Certainty | None]:
        """:meth:`detect_crops`, and how sure the model is: ``(N, L)`` each, None without that head."""
        nothing = np.zeros((0, self.scheme.num_landmarks), np.float32)
        points, sure = [np.zeros((*nothing.shape, 2), np.float32)], [Certainty(nothing, nothing)]
        for first in range(0, len(crops), self.batch_size):
            part = slice(first, first + self.batch_size)
            images, places = as_tensors(crops[part], boxes[part], self.crop, self.device)
            landmarks, raw = self._cascade(images, places, steps)
            if mirror:
                # The box is in the middle of its crop, so the mirrored crop has the same box.
                flipped, other = self._cascade(images.flip(-1), places, steps)
                landmarks = (landmarks + mirror_points(flipped, self.crop.size, self.scheme.mirror)) / 2
                raw = raw.with_mirrored(other, self.scheme.mirror) if raw and other else None
            points.append(crop_map(boxes[part], self.crop).to_frame(landmarks.cpu().numpy()))
            sure += [raw.numpy()] if raw else []
        both = (np.concatenate(values) for values in zip(*sure, strict=True))
        return np.concatenate(points), Certainty(*both) if self.model.certainty else None

    def _cascade(self, images: Tensor, boxes: Tensor, steps: int | None) -> tuple[Tensor, RawCertainty | None]:
        shapes, _, raw = self.model.cascade(images, self.model.initial_shape(images, boxes), self.start(len(images)), steps)
        return shapes[-1], raw

    @overload
    def track(
        self,
        frames: Iterable[np.ndarray],
        boxes: np.ndarray | Iterable[np.ndarray],
        *,
        start: Start = ...,
        steps: int | None = ...,
        certainty: Literal[False] = ...,
    ) -> Iterator[np.ndarray]: ...

    @overload
    def track(
        self,
        frames: Iterable[np.ndarray],
        boxes: np.ndarray | Iterable[np.ndarray],
        *,
        start: Start = ...,
        steps: int | None = ...,
        certainty: Literal[True],
    ) -> Iterator[tuple[np.ndarray, Certainty | None]]: ...

    def track(
        self,
        frames: Iterable[np.ndarray],
        boxes: np.ndarray | Iterable[np.ndarray],
        *,
        start: Start = "mean",
        steps: int | None = None,
        certainty: bool = False,
    ) -> Iterator[Any]:
        """Landmarks of one face per frame of a video; the memory runs on from frame to frame (eq. 13).

        Args:
            frames: ``(H, W, 3)`` uint8 RGB, any number.
            boxes: one box ``(4,)`` for the first frame, whose later boxes then follow the landmarks; or one box per frame.
            start: the start shape of the cascade, see :data:`srn_core.tracking.step.Start`.
            steps: K, cascade steps; None: the model's own.
            certainty: also yield which landmarks are hidden and how far off each may be.

        Yields:
            ``(L, 2)`` float32 landmarks, frame pixels. Where boxes follow the landmarks and the face is lost, all are nan, and
            it is looked for where it was seen last. With ``certainty`` pairs, as :meth:`detect`, of one face: ``(L,)`` each.

        Raises:
            ValueError: ``start`` is unknown, there are fewer boxes than frames, or a frame or box is wrong, see :meth:`detect`.
        """
        if start not in get_args(Start):
            raise ValueError(f"start {start!r}; expected one of {', '.join(get_args(Start))}")
        if isinstance(boxes, list | tuple | Tensor) and np.ndim(boxes) == 1:
            boxes = np.asarray(boxes)
        follow = isinstance(boxes, np.ndarray) and boxes.ndim == 1
        given = iter([boxes] if follow else boxes)
        face = FollowedFaces(self.model, start, steps, follow)
        for t, frame in enumerate(frames):
            if follow and t:
                box = face.boxes()[0]
            elif (read := next(given, None)) is not None:
                box = _read_boxes(read, 1)
            else:
                raise ValueError("boxes: fewer boxes than frames; expected one box (4,), or one per frame")
            # A box that follows the landmarks is judged by what is found in it.
            picture = _read_image(frame) if follow else _with_face(_read_image(frame), box)
            landmarks = face.step([picture], box[None], [t == 0])[0]
            if face.lost[0]:
                landmarks = np.full_like(landmarks, np.nan)
            yield (landmarks, face.certainty.face(0) if face.certainty else None) if certainty else landmarks


def _read_image(image: Any) -> np.ndarray:
    """A checked picture ``(H, W, 3)`` uint8: values in 0..1 would give landmarks, but wrong ones."""
    read = np.asarray(image)
    if read.ndim != 3 or read.shape[2] != 3 or not read.size or read.dtype != np.uint8:
        raise ValueError(f"image of shape {read.shape} and type {read.dtype}; expected (H, W, 3) uint8 RGB")
    return read


def _with_face(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The picture ``(H, W, 3)``, if enough of the face box ``(4,)`` lies in it: the network would answer anyway."""
    low, high = box[:2].astype(np.float64), box[2:].astype(np.float64)
    height, width = image.shape[:2]
    shown = (np.minimum(high, (width, height)) - np.maximum(low, 0)).clip(min=0)
    if not (high - low).min() >= 1 or shown.prod() < LEAST_SHOWN * (high - low).prod():
        place = ", ".join(f"{value:g}" for value in box)
        raise ValueError(f"box {place}: shows no face of a picture of {width} x {height} px; expected a box in its pixels")
    return image


def _read_boxes(boxes: Any, ndim: int) -> np.ndarray:
    """Checked face boxes, float32: ``(4,)`` or, with ``ndim`` 2, ``(N, 4)``."""
    read = np.asarray(boxes, np.float32)
    if ndim == 2 and read.shape in ((0,), (4,)):
        read = read.reshape(-1, 4)
    if read.ndim != ndim or read.shape[-1] != 4:
        raise ValueError(f"boxes of shape {read.shape}; expected {'(N, 4)' if ndim == 2 else '(4,)'}: x0, y0, x1, y1")
    if not (np.isfinite(read).all() and (read[..., 2:] > read[..., :2]).all()):
        raise ValueError("boxes: expected finite x0, y0, x1, y1 with x0 < x1 and y0 < y1")
    return read

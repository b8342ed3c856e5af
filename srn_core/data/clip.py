"""A clip: ``T`` frames with landmarks and face boxes. A still image is a clip with ``T = 1``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from srn_core.errors import UserError
from srn_core.geometry import CropSpec, crop_image
from srn_core.landmarks import Scheme
from srn_core.metrics import normaliser_length

# How JPEG and PNG files begin and end. Some programs append a few bytes.
ENDS = {b"\xff\xd8": b"\xff\xd9", b"\x89PNG": b"IEND"}
TRAILER = 4096


class FrameSource(Protocol):
    """Reads frames one at a time, so that a set larger than memory works."""

    def __call__(self, t: int) -> np.ndarray:
        """Frame ``t`` as ``(H, W, 3)`` uint8 RGB."""
        ...


@dataclass(frozen=True)
class Clip:
    """One face over time.

    Attributes:
        name: unique inside its data spec and stable over runs; seeds that depend on a clip depend on this name.
        landmarks: ``(T, L, 2)`` float32, frame pixels.
        boxes: ``(T, 4)`` float32 face boxes, frame pixels.
        source: reads the frames.
        cuts: ``(T,)`` bool; True where a frame does not continue the one before. Frame 0 is always a cut.
        scheme: what the landmarks mean.
        visible: ``(T, L)`` bool, False where a landmark is hidden; None where the annotation does not say.
    """

    name: str
    landmarks: np.ndarray
    boxes: np.ndarray
    source: FrameSource = field(repr=False)
    cuts: np.ndarray
    scheme: Scheme = field(repr=False)
    visible: np.ndarray | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raise a :class:`UserError` where a frame's landmarks or box have no extent, which every error is divided by."""
        extents = {
            f"eye corners or landmarks that coincide leave no {self.scheme.normaliser} distance": normaliser_length(
                self.landmarks, self.scheme
            ),
            "a face box without area": (self.boxes[:, 2:] - self.boxes[:, :2]).min(1),
        }
        for problem, extent in extents.items():
            flat = ~(extent > 0)
            if flat.any():
                raise UserError(f"clip '{self.name}', frame {int(flat.argmax())}: {problem}; mend the annotation")

    def __len__(self) -> int:
        return len(self.landmarks)

    @property
    def is_video(self) -> bool:
        """Whether it has several frames and no cut inside."""
        return len(self) > 1 and not self.cuts[1:].any()

    def frame(self, t: int) -> np.ndarray:
        """Frame ``t`` as ``(H, W, 3)`` uint8 RGB."""
        return self.source(t)

    def crops(self, spec: CropSpec) -> np.ndarray:
        """All frames cropped on their boxes: ``(T, size, size, 3)`` uint8 RGB."""
        crops = np.empty((len(self), spec.size, spec.size, 3), np.uint8)
        for t in range(len(self)):
            crops[t] = crop_image(self.frame(t), self.boxes[t], spec)
        return crops

    def head(self, frames: int | None) -> Clip:
        """The first frames alone; all of them where None."""
        visible = None if self.visible is None else self.visible[:frames]
        return replace(
            self, landmarks=self.landmarks[:frames], boxes=self.boxes[:frames], cuts=self.cuts[:frames], visible=visible
        )


def continuous(num_frames: int) -> np.ndarray:
    """The cuts of a clip without any but its start: ``(T,)`` bool."""
    cuts = np.zeros(num_frames, bool)
    cuts[:1] = True
    return cuts


@dataclass(frozen=True)
class ImageFiles:
    """Frames that lie in image files, one a frame."""

    paths: tuple[Path, ...]

    def count(self) -> int:
        """The number of frames."""
        return len(self.paths)

    def __call__(self, t: int) -> np.ndarray:
        return read_image(self.paths[t])


def read_image(path: Path) -> np.ndarray:
    """Read an image file as ``(H, W, 3)`` uint8 RGB.

    Raises:
        UserError: the file is missing, truncated or no image.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); expected an image file") from None
    # OpenCV pads a truncated JPEG with grey and says nothing, and of a truncated PNG it prints a line of its own.
    complete = all(end in data[-TRAILER:] for start, end in ENDS.items() if data.startswith(start))
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB) if data and complete else None
    if image is None:
        raise UserError(f"{path}: truncated or not an image; expected a whole JPEG or PNG; restore the file")
    return np.asarray(image)


class VideoFrames:
    """Frames of a video file, decoded when asked for; reading in order is fast, jumping back reopens the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._capture: cv2.VideoCapture | None = None
        self._next = 0

    def __getstate__(self) -> dict[str, Path]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Path]) -> None:
        self.__init__(state["path"])  # type: ignore[misc]

    def count(self) -> int:
        """The number of frames that the container states."""
        return int(self._open().get(cv2.CAP_PROP_FRAME_COUNT))

    def fps(self) -> float:
        """Frames a second; 25 where the container does not say."""
        return float(self._open().get(cv2.CAP_PROP_FPS)) or 25.0

    def _open(self) -> cv2.VideoCapture:
        if self._capture is None:
            if not self.path.is_file():
                raise UserError(f"{self.path}: no such video file")
            capture = cv2.VideoCapture(str(self.path))
            if not capture.isOpened():
                raise UserError(f"{self.path}: cannot be opened as a video; expected a file that OpenCV decodes")
            self._capture, self._next = capture, 0
        return self._capture

    def __call__(self, t: int) -> np.ndarray:
        if t < self._next:
            self._capture = None
        capture = self._open()
        while self._next < t and capture.grab():
            self._next += 1
        ok, frame = capture.read()
        if not ok:
            raise UserError(f"{self.path}: frame {t} cannot be decoded; the file is truncated or damaged")
        self._next += 1
        return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))

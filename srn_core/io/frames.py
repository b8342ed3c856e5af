"""Where a clip's frames come from: picture files or a video, read on demand."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np

from srn_core.errors import UserError
from srn_core.io.images import read_image

# So many files of many frames are open, or in memory, at a time. No more clips than this are read side by side.
KEPT_OPEN = 32

FrameSource = Callable[[int], np.ndarray]
"""``t`` -> frame ``t`` as ``(H, W, 3)`` uint8 RGB. Frames are read one at a time, so that a set larger than memory works."""


@dataclass(frozen=True)
class ImageFiles:
    """Frames in image files, one file per frame."""

    paths: tuple[Path, ...]

    def count(self) -> int:
        """The number of frames."""
        return len(self.paths)

    def __call__(self, t: int) -> np.ndarray:
        return read_image(self.paths[t])


@dataclass(frozen=True)
class ChosenFrames:
    """Some frames of another source."""

    source: FrameSource
    kept: tuple[int, ...]

    def __call__(self, t: int) -> np.ndarray:
        return self.source(self.kept[t])


@dataclass(frozen=True)
class NoFrames:
    """In place of frames where there are only annotations."""

    message: str

    def __call__(self, t: int) -> np.ndarray:
        raise UserError(self.message)


class VideoFrames:
    """Frames of a video file, decoded on demand; reading in order is fast, jumping back reopens the file.

    The :data:`KEPT_OPEN` files that were read last stay open, whoever reads them: the limit is the process's.
    """

    _kept: ClassVar[OrderedDict[int, "VideoFrames"]] = OrderedDict()

    def __init__(self, path: Path) -> None:
        self.path = path
        self._capture: cv2.VideoCapture | None = None
        self._next = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return VideoFrames, (self.path,)

    def count(self) -> int:
        """The number of frames that the container states."""
        return self._facts[0]

    def fps(self) -> float:
        """Frames per second; 25 where the container does not say."""
        return self._facts[1] or 25.0

    @cached_property
    def _facts(self) -> tuple[int, float]:
        capture = self._open()
        facts = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), float(capture.get(cv2.CAP_PROP_FPS))
        capture.release()
        return facts

    def _open(self) -> cv2.VideoCapture:
        if not self.path.is_file():
            raise UserError(f"{self.path}: no such file; expected a video")
        capture = cv2.VideoCapture(str(self.path))
        if not capture.isOpened():
            raise UserError(f"{self.path}: cannot be opened as a video; expected a file that OpenCV decodes")
        return capture

    def _keep_open(self) -> cv2.VideoCapture:
        self._kept.pop(id(self), None)
        if self._capture is None:
            self._capture, self._next = self._open(), 0
        while len(self._kept) >= KEPT_OPEN:
            self._kept[next(iter(self._kept))].close()
        self._kept[id(self)] = self
        return self._capture

    def close(self) -> None:
        """Close the file; reading another frame opens it again."""
        self._kept.pop(id(self), None)
        if self._capture is not None:
            self._capture.release()
        self._capture = None

    def __call__(self, t: int) -> np.ndarray:
        if t < self._next:
            self.close()
        capture = self._keep_open()
        while self._next < t and capture.grab():
            self._next += 1
        ok, frame = capture.read()
        if not ok:
            raise UserError(f"{self.path}: frame {t} cannot be decoded; the file is truncated or damaged")
        self._next += 1
        return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))

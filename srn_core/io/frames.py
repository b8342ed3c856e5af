"""Where a clip's frames come from: picture files or a video, read on demand."""

import math
import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from srn_core.errors import UserError
from srn_core.io.decoding import OpenedVideo, VideoFacts, open_video, to_rgb
from srn_core.io.images import picture_facts, read_image

# So many files of many frames are open, or in memory, at a time. No more clips than this are read side by side.
KEPT_OPEN = 32

FrameSource = Callable[[int], np.ndarray]
"""``t`` -> frame ``t`` as ``(H, W, 3)`` uint8 RGB. Frames are read one at a time, so that a set larger than memory works."""


@dataclass(frozen=True)
class ImageFiles:
    """Frames in image files, one file per frame.

    Attributes:
        paths: the files.
        turned: turn the pictures by their EXIF orientation; see :mod:`srn_core.io.images`.
    """

    paths: tuple[Path, ...]
    turned: bool = False

    def count(self) -> int:
        """The number of frames."""
        return len(self.paths)

    def __call__(self, t: int) -> np.ndarray:
        return read_image(self.paths[t], self.turned)

    def size(self, t: int) -> tuple[int, int]:
        """Width and height of frame ``t``, from the file's header."""
        facts = picture_facts(self.paths[t])
        across = self.turned and facts.orientation > 4
        return (facts.height, facts.width) if across else (facts.width, facts.height)


@dataclass(frozen=True)
class ChosenFrames:
    """Some frames of another source."""

    source: FrameSource
    kept: tuple[int, ...]

    def __call__(self, t: int) -> np.ndarray:
        return self.source(self.kept[t])


def turned_frames(source: FrameSource) -> FrameSource:
    """The same frames, pictures turned by their EXIF orientation."""
    if isinstance(source, ChosenFrames):
        return ChosenFrames(turned_frames(source.source), source.kept)
    return ImageFiles(source.paths, True) if isinstance(source, ImageFiles) else source


def size_of_frame(source: FrameSource, t: int) -> tuple[int, int] | None:
    """Width and height of a frame as far as they are known without reading it."""
    if isinstance(source, ChosenFrames):
        return size_of_frame(source.source, source.kept[t])
    return source.size(t) if isinstance(source, ImageFiles | VideoFrames) else None


@dataclass(frozen=True)
class NoFrames:
    """In place of frames where there are only annotations."""

    message: str

    def __call__(self, t: int) -> np.ndarray:
        raise UserError(self.message)


class VideoFrames:
    """Frames of a video file, decoded on demand; reading in order is fast, jumping back reopens the file.

    A frame that the decoder would repair is refused, and so are all that follow: they are built on it. The exception is a
    format whose decoder finds no damage (VP9). A frame is turned as its file says, as players do. The :data:`KEPT_OPEN` files
    that were read last stay open, whoever reads them: the limit is the process's. A forked process opens them anew.
    """

    _kept: ClassVar[OrderedDict[int, "VideoFrames"]] = OrderedDict()

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: OpenedVideo | None = None
        self._process = os.getpid()
        self._next = 0
        self._times: list[float] = []
        # The first frame that cannot be read, and why.
        self._end: tuple[float, str] = (math.inf, "")

    def __reduce__(self) -> tuple[Any, ...]:
        return VideoFrames, (self.path,)

    def count(self) -> int:
        """The number of frames that the container states; where it states none they are counted."""
        return self._facts.stated or self.counted()

    def counted(self) -> int:
        """The number of frames that the file holds. It is read to its end, but not decoded."""
        return self._counted

    def fps(self) -> float:
        """Frames per second, on average; 25 where the container does not say."""
        return self._facts.rate or 25.0

    def size(self, t: int = 0) -> tuple[int, int]:
        """Width and height of the frames."""
        return self._facts.size

    def time(self, t: int) -> float:
        """When frame ``t`` is shown, in seconds after frame 0, also where the frame rate varies. Frame ``t`` is decoded."""
        if t >= len(self._times):
            self(t)
        return self._times[t] - self._times[0]

    @cached_property
    def _facts(self) -> VideoFacts:
        with open_video(self.path) as opened:
            return opened.facts()

    @cached_property
    def _counted(self) -> int:
        with open_video(self.path) as opened:
            return opened.count()

    def _keep_open(self) -> OpenedVideo:
        self._kept.pop(id(self), None)
        if self._opened is None:
            self._opened, self._next, self._process = open_video(self.path), 0, os.getpid()
        while len(self._kept) >= KEPT_OPEN:
            self._kept[next(iter(self._kept))].close()
        self._kept[id(self)] = self
        return self._opened

    def close(self) -> None:
        """Close the file; reading another frame opens it again."""
        self._kept.pop(id(self), None)
        if self._opened is not None:
            self._opened.close()
        self._opened = None

    def __call__(self, t: int) -> np.ndarray:
        if t < self._next or self._process != os.getpid():
            self.close()
        if t >= self._end[0]:
            raise UserError(self._end[1])
        opened = self._keep_open()
        try:
            while True:
                frame = opened.next_frame(self._next)
                if self._next == len(self._times):
                    self._times.append(frame.time if frame.time is not None else self._next / self.fps())
                self._next += 1
                if self._next > t:
                    return to_rgb(frame)
        except UserError as error:
            self._end = (self._next, str(error))
            self.close()
            raise

"""Where a clip's frames come from: picture files or a video, read on demand."""

import math
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from srn_core.errors import UserError
from srn_core.io.decoding import OpenedVideo, Packets, VideoFacts, open_video, to_rgb
from srn_core.io.images import PictureFacts, picture_facts, read_image

# A container that states more frames per second states a unit of time.
FASTEST = 1000.0
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


def turned_frames(source: FrameSource, turned: bool) -> FrameSource:
    """The same frames, turned as their files say, or as they are stored."""
    if isinstance(source, ChosenFrames):
        return ChosenFrames(turned_frames(source.source, turned), source.kept)
    if isinstance(source, ImageFiles):
        return ImageFiles(source.paths, turned)
    return VideoFrames(source.path, turned) if isinstance(source, VideoFrames) else source


def stored_frame(source: FrameSource, t: int) -> tuple[Path, PictureFacts, bool] | None:
    """The file of a frame, what it says about its stored pixels, and whether they are turned; None where there is no file."""
    if isinstance(source, ChosenFrames):
        return stored_frame(source.source, source.kept[t])
    if isinstance(source, ImageFiles):
        return source.paths[t], picture_facts(source.paths[t]), source.turned
    return (source.path, source.picture_facts(), source.turned) if isinstance(source, VideoFrames) else None


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


# One for all videos: reading one may close another. A process is forked while nobody reads.
_reading = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_reading.acquire, after_in_parent=_reading.release, after_in_child=_reading.release)


class VideoFrames:
    """Frames of a video file, decoded on demand; reading in order is fast, jumping back reopens the file.

    A frame that the decoder would repair is refused, and so are all that follow: they are built on it. The exception is a
    format whose decoder finds no damage (VP9). The :data:`KEPT_OPEN` files that were read last stay open, whoever reads them:
    the limit is the process's. A forked process opens them anew. Threads may share a video; one at a time reads.

    Args:
        path: the file.
        turned: turn and mirror frames as the file says and players do; otherwise they come as they are stored.
    """

    _kept: ClassVar[OrderedDict[int, "VideoFrames"]] = OrderedDict()

    def __init__(self, path: Path, turned: bool = True) -> None:
        self.path, self.turned = path, turned
        self._opened: OpenedVideo | None = None
        self._process = os.getpid()
        self._next = 0
        self._times: list[float] = []
        self._shift = 0.0
        # The first frame that cannot be read, and why.
        self._end: tuple[float, str] = (math.inf, "")

    def __reduce__(self) -> tuple[Any, ...]:
        return VideoFrames, (self.path, self.turned)

    def count(self) -> int:
        """The number of frames that the container states and its index lists; where these are not the same they are counted."""
        return self._facts.stated if 0 < self._facts.stated == self._facts.indexed else self.counted()

    def counted(self) -> int:
        """The number of frames that the file holds. It is read to its end, but not decoded."""
        return self._packets.shown

    def places(self) -> tuple[int, ...]:
        """Where each frame stands by its time, see :class:`srn_core.io.decoding.Packets`. The file is read to its end."""
        return self._packets.places

    def expected(self) -> int:
        """How many frames can be decoded if the file is whole. It is read to its end."""
        shown, hidden, places = self._packets
        # The container also counts the frames that an edit list hides, and in an AVI file the gaps.
        gaps = places[-1] + 1 - shown if places else 0
        return max(shown, self._facts.stated - hidden - gaps)

    def begins_late(self) -> bool:
        """Whether frames at the start of the file cannot be decoded; frame 0 is then a later one."""
        return self._facts.late

    def fps(self) -> float:
        """Frames per second, on average; 25 where the container does not say."""
        return self._facts.rate if 0 < self._facts.rate <= FASTEST else 25.0

    def size(self, t: int = 0) -> tuple[int, int]:
        """Width and height of the frames."""
        facts = self._facts
        across = self.turned and facts.orientation > 4
        return (facts.height, facts.width) if across else (facts.width, facts.height)

    def picture_facts(self) -> PictureFacts:
        """What the file says about the stored pixels of its frames."""
        return PictureFacts(self._facts.width, self._facts.height, self._facts.orientation)

    def time(self, t: int) -> float:
        """When frame ``t`` is shown, in seconds after frame 0, also where the frame rate varies. Frame ``t`` is decoded.

        Times never fall: where the file counts anew, as after two were joined, they go on.
        """
        if t >= len(self._times):
            self(t)
        return self._times[t] - self._times[0]

    @cached_property
    def _facts(self) -> VideoFacts:
        with open_video(self.path) as opened:
            return opened.facts()

    @cached_property
    def _packets(self) -> Packets:
        with open_video(self.path) as opened:
            return opened.packets()

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
        with _reading:
            self._kept.pop(id(self), None)
            if self._opened is not None:
                self._opened.close()
            self._opened = None

    def _add_time(self, time: float) -> None:
        if self._times and time + self._shift < self._times[-1]:
            self._shift = self._times[-1] + 1 / self.fps() - time
        self._times.append(time + self._shift)

    def __call__(self, t: int) -> np.ndarray:
        with _reading:
            return self._read(t)

    def _read(self, t: int) -> np.ndarray:
        if t < self._next or self._process != os.getpid():
            self.close()
        if t >= self._end[0]:
            raise UserError(self._end[1])
        opened = self._keep_open()
        try:
            while True:
                frame = opened.next_frame(self._next)
                if self._next == len(self._times):
                    self._add_time(frame.time if frame.time is not None else self._next / self.fps())
                self._next += 1
                if self._next > t:
                    return to_rgb(frame, self.turned)
        except UserError as error:
            self._end = (self._next, str(error))
            self.close()
            raise

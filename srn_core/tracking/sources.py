"""What ``srn track`` and ``srn detect`` read: videos, cameras, folders and patterns of pictures."""

import glob
import itertools
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from srn_core.errors import UserError
from srn_core.io.frames import VideoFrames
from srn_core.io.images import IMAGE_ENDINGS, read_image

TimedFrames = Iterator[tuple[np.ndarray, float]]
"""Pictures ``(H, W, 3)`` uint8 RGB, and when each is shown, s."""

# Frames per second of a sequence of pictures, and of a camera that does not say.
SEQUENCE_RATE = 25.0
# OpenCV takes no larger number.
MOST_CAMERA = 2**31 - 1


class VideoSource:
    """The frames of a video file, of a camera, or of pictures in the order of their names.

    Attributes:
        text: as the user named it.
        stem: a path without ending, from which the names of outputs are made: beside the input; for a camera here.
        files: the files that are read.
        rate: frames per second.
        count: number of frames; None where it is not known.
    """

    def __init__(self, text: str) -> None:
        """Find out what ``text`` names.

        Raises:
            UserError: it names nothing, or one picture.
        """
        self.text = text
        self._camera = int(text) if text.isdecimal() and not Path(text).exists() else None
        path = Path(text)
        self.files = [path]
        self._video: VideoFrames | None = None
        if self._camera is not None:
            self.files, self.stem, self.rate, self.count = [], Path(f"camera{text}"), SEQUENCE_RATE, None
        elif path.is_dir() or (not path.exists() and glob.has_magic(text)):
            self.files = list_pictures([text])
            folder = path if path.is_dir() else self.files[0].parent
            self.stem, self.rate, self.count = folder.resolve(), SEQUENCE_RATE, len(self.files)
        elif path.suffix.lower() in IMAGE_ENDINGS:
            raise UserError(f"{path}: is a picture; expected a video, a camera's number or a folder of frames; use srn detect")
        else:
            self._video = VideoFrames(path)
            self.stem, self.rate = path.with_suffix(""), self._video.fps()
            stated = self._video.count()
            self.count = stated if stated > 0 else None

    def frames(self) -> TimedFrames:
        """The frames, read one at a time.

        Raises:
            UserError: the first frame cannot be read, the camera does not answer, or pictures differ in size.
        """
        if self._camera is not None:
            return _camera_frames(self._camera)
        return _read_to_end(self._video) if self._video else self._sequence()

    def _sequence(self) -> TimedFrames:
        size = None
        for t, path in enumerate(self.files):
            image = read_image(path, turned=True)
            if size not in (None, image.shape[:2]):
                raise UserError(
                    f"{path}: {image.shape[1]} x {image.shape[0]} px, but the pictures before it have another size; expected "
                    "the frames of one video; for separate pictures use srn detect"
                )
            size = image.shape[:2]
            yield image, t / self.rate


def list_pictures(texts: Sequence[str]) -> list[Path]:
    """The picture files that paths, folders and patterns (``*.jpg``) name, sorted within each; numbers in names count.

    Raises:
        UserError: one of them names no picture.
    """
    found: list[Path] = []
    for text in texts:
        path = Path(text)
        if path.is_dir():
            named = [file for file in sorted(path.iterdir(), key=_by_number) if _is_picture(file)]
        elif path.exists() or not glob.has_magic(text):
            named = [path]
        else:
            named = [file for file in sorted(map(Path, glob.glob(text)), key=_by_number) if _is_picture(file)]
        if not named:
            raise UserError(f"{text}: no pictures there; expected files that end in {', '.join(IMAGE_ENDINGS)}")
        found += named
    return found


def _by_number(path: Path) -> tuple[list[tuple[int, str]], str]:
    """For sorting by name, in which numbers count as such: frame 2 comes before frame 10, padded or not."""
    parts = re.split(r"([0-9]+)", str(path))
    return [(int(part), "") if part.isdecimal() and part.isascii() else (-1, part) for part in parts], str(path)


def _is_picture(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in IMAGE_ENDINGS and not path.name.startswith(".")


def _read_to_end(video: VideoFrames) -> TimedFrames:
    """All frames that can be decoded, with a warning if the file should have more."""
    width, height = video.size()
    for t in itertools.count():
        try:
            frame = video(t)
        except UserError:
            if t == 0:
                raise
            if t < (expected := video.expected()):
                tqdm.write(f"warning: {video.path}: only {t} of {expected} frames can be decoded", file=sys.stderr)
            return
        if frame.shape[:2] != (height, width):
            size = f"{frame.shape[1]} x {frame.shape[0]} px"
            raise UserError(
                f"{video.path}: frame {t} has {size}, and those before it {width} x {height} px; expected one size; cut the "
                f"video there, or scale it: ffmpeg -i FILE -vf scale={width}:{height} OUT.mp4"
            )
        yield frame, video.time(t)


def _camera_frames(number: int) -> TimedFrames:
    """What a camera sees, until it ends or the user presses Ctrl-C."""
    if number > MOST_CAMERA:
        raise UserError(f"camera {number}: no such camera; expected the number of a connected camera, or a video file")
    capture, seen = cv2.VideoCapture(number), False
    try:
        if not capture.isOpened():
            raise UserError(f"camera {number}: cannot be opened; expected the number of a connected camera, or a video file")
        start = time.monotonic()
        while True:
            found, frame = capture.read()
            if not found:
                if not seen:
                    raise UserError(f"camera {number}: gives no picture; is another program using it?")
                return
            seen = True
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), time.monotonic() - start
    except KeyboardInterrupt:
        if not seen:
            raise
    finally:
        capture.release()

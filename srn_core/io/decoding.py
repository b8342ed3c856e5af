"""Decoding video files with FFmpeg (PyAV). A damaged frame is an error: FFmpeg alone fills what is lost from its neighbours."""

from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from srn_core.errors import UserError
from srn_core.io.images import WEBP, is_whole_jpeg

# FFmpeg also reports broken files on stderr. Our own line that names the file is enough.
av.logging.set_level(None)
STRICT = {"err_detect": "crccheck+bitstream+buffer+careful+explode"}
# A JPEG frame without its own code tables cannot be checked by itself.
CODE_TABLES = b"\xff\xc4"
CONVERT = "convert it: ffmpeg -i FILE -c:v libx264 OUT.mp4"


class VideoFacts(NamedTuple):
    """What the container says.

    Attributes:
        stated: number of frames; 0 where none is stated.
        rate: frames per second on average; 0 where none is stated.
        size: width and height of the first frame as it is shown.
    """

    stated: int
    rate: float
    size: tuple[int, int]


class OpenedVideo:
    """A video file that is being read. One thread decodes: a forked process would wait for the others for ever."""

    def __init__(self, path: Path, file: BinaryIO, container: InputContainer, stream: VideoStream) -> None:
        self.path, self._file, self._container, self._stream = path, file, container, stream
        stream.codec_context.thread_count = 1
        stream.codec_context.options = dict(STRICT)
        self._frames = self._decoded()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._frames.close()
        self._container.close()
        self._file.close()

    def facts(self) -> VideoFacts:
        """What the container says; decodes the first frame."""
        frame, rate = self.next_frame(0), self._stream.average_rate or self._stream.guessed_rate or Fraction(0)
        size = (frame.height, frame.width) if frame.rotation % 180 else (frame.width, frame.height)
        return VideoFacts(max(self._stream.frames, 0), float(rate), size)

    def count(self) -> int:
        """The number of frames, from the start of the file; not decoded."""
        try:
            return sum(bool(packet.size) and not packet.is_discard for packet in self._container.demux(self._stream))
        except av.FFmpegError as error:
            raise UserError(f"{self.path}: truncated or damaged ({error.strerror}); restore the file") from None

    def next_frame(self, number: int) -> VideoFrame:
        """The next frame.

        Args:
            number: of the frame, for messages.

        Raises:
            UserError: the file ends before it, or it is damaged.
        """
        try:
            frame = next(self._frames, None)
        except (av.FFmpegError, ValueError) as error:
            raise self._undecodable(number, str(getattr(error, "strerror", None) or error)) from None
        if frame is None:
            said = "the file has no frame that can be decoded" if number == 0 else f"the file ends after {number} frames"
            raise UserError(f"{self.path}: frame {number} cannot be decoded; {said}; restore the file")
        if frame.is_corrupt:
            raise self._undecodable(number, "a part of it is lost")
        return frame

    def _decoded(self) -> Generator[VideoFrame, None, None]:
        check = self._stream.codec_context.name == "mjpeg"
        for number, packet in enumerate(self._container.demux(self._stream)):
            if check and packet.size and CODE_TABLES in (data := bytes(packet)) and not is_whole_jpeg(data):
                if number:
                    raise ValueError("a JPEG picture with lost parts")
                check = False  # Not damaged, but written in another way.
            yield from packet.decode()

    def _undecodable(self, number: int, why: str) -> UserError:
        if self._container.format.name == "webp_pipe":
            return UserError(
                f"{self.path}: an animated WebP, which FFmpeg cannot read; expected a video; save it as MP4 or GIF"
            )
        return UserError(f"{self.path}: frame {number} cannot be decoded; the file is truncated or damaged ({why}); restore it")


def open_video(path: Path) -> OpenedVideo:
    """Open a video file.

    Raises:
        UserError: it is missing, no video, or in a format that cannot be decoded here.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected a video")
    file = path.open("rb")
    try:
        # An open file: FFmpeg would take a colon in a name for a protocol, and cannot open names that are not UTF-8.
        container = av.open(file, "r")
        stream = container.streams.best("video")
        if not isinstance(stream, VideoStream):
            raise UserError(f"{path}: no pictures in it; expected a video")
        if stream.codec_context is None:
            raise UserError(f"{path}: a video in a format that cannot be decoded here; {CONVERT}")
        return OpenedVideo(path, file, container, stream)
    except UserError:
        file.close()
        raise
    except (av.FFmpegError, OSError, ValueError) as error:
        file.seek(0)
        start = file.read(12)
        file.close()
        found = (
            "an empty file" if not start else "a WebP picture" if start[:4] == WEBP else "not a video, or its start is damaged"
        )
        why = "" if not start else f" ({getattr(error, 'strerror', None) or error})"
        raise UserError(f"{path}: cannot be opened as a video: {found}{why}; expected a file that FFmpeg decodes") from None


def to_rgb(frame: VideoFrame) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB as players show it: turned as the file says."""
    # One thread here too: see OpenedVideo.
    pixels = frame.to_ndarray(format="rgb24", threads=1)
    return np.ascontiguousarray(np.rot90(pixels, frame.rotation // 90)) if frame.rotation else pixels

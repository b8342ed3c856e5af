"""Decoding video files with FFmpeg (PyAV). A damaged frame is an error: FFmpeg alone fills what is lost from its neighbours."""

import weakref
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from srn_core.errors import UserError
from srn_core.io.images import is_whole_jpeg, turn
from srn_core.io.kinds import kind_of

# FFmpeg also reports broken files on stderr. Our own line that names the file is enough.
av.logging.set_level(None)
STRICT = {"err_detect": "crccheck+bitstream+buffer+careful+explode"}
# A JPEG frame without its own code tables cannot be checked by itself.
CODE_TABLES = b"\xff\xc4"
CONVERT = "convert it: ffmpeg -i FILE -c:v libx264 OUT.mp4"


class VideoFacts(NamedTuple):
    """What the container says, and the first frame.

    Attributes:
        stated: number of frames; 0 where none is stated.
        indexed: how many of them the container's index lists, without those that an edit list hides.
        rate: frames per second on average; 0 where none is stated.
        width: of the stored pixels.
        height: of the stored pixels.
        orientation: how players turn and mirror the frames, 1 to 8 as in EXIF; 1: as they are stored.
        late: the file begins with frames that cannot be decoded, as after a cut between two whole pictures.
    """

    stated: int
    indexed: int
    rate: float
    width: int
    height: int
    orientation: int
    late: bool


class Packets(NamedTuple):
    """The frames that a file holds, from a look at all of it without decoding.

    Attributes:
        shown: how many players show.
        hidden: how many an edit list hides.
        places: where each shown frame stands by its time, rising from 0. A step above 1 is a gap: frames are missing, or
            players hold the one before. Without gaps where the frame rate varies, or times are not stated.
    """

    shown: int
    hidden: int
    places: tuple[int, ...]


class OpenedVideo:
    """A video file that is being read. One thread decodes: a forked process would wait for the others for ever."""

    def __init__(self, path: Path, file: BinaryIO, container: InputContainer, stream: VideoStream) -> None:
        self.path, self._file, self._container, self._stream = path, file, container, stream
        # At the end of Python at the latest; it would warn of an open file.
        weakref.finalize(self, file.close)
        stream.codec_context.thread_count = 1
        stream.codec_context.options = dict(STRICT)
        self._frames = self._decoded()
        # Of the packets read before the first frame came out: when they are shown, and whether an edit list hides one.
        self._began: list[int] = []
        self._edited = self._frames_came = False

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
        late = frame.pts is not None and min(self._began, default=frame.pts) < frame.pts
        indexed = sum(not entry.is_discard for entry in self._stream.index_entries)
        size = frame.width, frame.height
        return VideoFacts(max(self._stream.frames, 0), indexed, float(rate), *size, _orientation(frame), late)

    def packets(self) -> Packets:
        """The frames that the file holds, from its start; not decoded."""
        try:
            found = [(packet.pts, packet.is_discard) for packet in self._container.demux(self._stream) if packet.size]
        except av.FFmpegError as error:
            raise UserError(f"{self.path}: truncated or damaged ({error.strerror}); restore the file") from None
        shown = [time for time, hidden in found if not hidden]
        return Packets(len(shown), len(found) - len(shown), self._places(shown))

    def _places(self, times: list[int | None]) -> tuple[int, ...]:
        """See :class:`Packets`."""
        plain, rate, unit = tuple(range(len(times))), self._stream.base_rate, self._stream.time_base
        if len(times) < 2 or None in times or not rate or not unit:
            return plain
        stated = np.sort(np.array(times, np.float64))
        places = np.rint((stated - stated[0]) * float(unit * rate)).astype(int)
        steps = np.diff(places)
        # Otherwise the frame rate varies.
        regular = steps.min() >= 1 and np.median(steps) == 1
        return tuple(places.tolist()) if regular else plain

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
        if number == 0 and not self._edited and not frame.key_frame and frame.pict_type in (PictureType.P, PictureType.B):
            raise self._undecodable(number, "it says how it differs from an earlier frame, which is missing")
        return frame

    def _decoded(self) -> Generator[VideoFrame, None, None]:
        check = self._stream.codec_context.name == "mjpeg"
        for number, packet in enumerate(self._container.demux(self._stream)):
            if not self._frames_came:
                self._edited |= packet.is_discard
                self._began += [] if packet.pts is None or packet.is_discard else [packet.pts]
            if check and packet.size and CODE_TABLES in (data := bytes(packet)) and not is_whole_jpeg(data):
                if number:
                    raise ValueError("a JPEG picture with lost parts")
                check = False  # Not damaged, but written in another way.
            for frame in packet.decode():
                self._frames_came = True
                yield frame

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
        streams = container.streams.video
        videos = [stream for stream in streams if not stream.disposition & Disposition.attached_pic]
        stream = container.streams.best("video") if len(videos) == len(streams) else next(iter(videos), None)
        if not isinstance(stream, VideoStream):
            found = "a sound file with a cover picture" if streams else "no pictures in it"
            raise UserError(f"{path}: {found}; expected a video")
        if stream.codec_context is None:
            raise UserError(f"{path}: a video in a format that cannot be decoded here; {CONVERT}")
        return OpenedVideo(path, file, container, stream)
    except UserError:
        file.close()
        raise
    except (av.FFmpegError, OSError, ValueError) as error:
        file.seek(0)
        start = file.read(512)
        file.close()
        why = f" ({getattr(error, 'strerror', None) or error})" if start else ""
        raise UserError(f"{path}: cannot be opened as a video: {_not_a_video(start)}{why}") from None


def _not_a_video(start: bytes) -> str:
    """What a file is that FFmpeg does not open, and what to do, from its first bytes."""
    if start[4:8] in (b"ftyp", b"mdat", b"wide", b"free") and "picture" not in kind_of(start)[0]:
        return "an MP4 or QuickTime file without its index, which stands at the end; copy or record it anew to its end"
    found, remedy = kind_of(start)
    found = found or "not a video, or its start is damaged"
    return f"{found}; expected a file that FFmpeg decodes" + (f"; {remedy}" if remedy else "")


def _orientation(frame: VideoFrame) -> int:
    """How players turn and mirror a frame, as EXIF's orientation: the right angle that is nearest to the display matrix."""
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return 1
    # Shown x = a x + c y, shown y = b x + d y.
    a, b, _, c, d, *_ = np.frombuffer(bytes(matrix), np.int32).astype(np.int64).tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return {(False, False): 1, (True, False): 2, (True, True): 3, (False, True): 4}[a < 0, d < 0]
    return {(False, False): 5, (False, True): 6, (True, True): 7, (True, False): 8}[b < 0, c < 0]


def to_rgb(frame: VideoFrame, turned: bool = True) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB as players show it, or with ``turned`` False as it is stored."""
    # One thread here too: see OpenedVideo.
    pixels = frame.to_ndarray(format="rgb24", threads=1)
    return turn(pixels, _orientation(frame)) if turned else pixels

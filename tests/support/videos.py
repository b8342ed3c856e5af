"""Video files with the facts that a test needs: times, lost packets, edit lists, turns."""

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.packet import Packet

RATE = 25
SIDES = 64, 48
IDENTITY = (1, 0, 0, 1)


def pictures(count: int) -> list[np.ndarray]:
    """Frames ``(48, 64, 3)`` that rise in brightness, brighter at the left."""
    ramp = np.linspace(60, 0, SIDES[0])[None, :, None]
    return [np.broadcast_to(20 + 8 * t + ramp, (SIDES[1], SIDES[0], 3)).astype(np.uint8) for t in range(count)]


def write(
    path: Path,
    frames: Sequence[np.ndarray],
    codec: str = "mpeg4",
    times: Sequence[int] | None = None,
    kept: Callable[[int], bool] = lambda i: True,
    shift: int = 0,
    rate: int = RATE,
) -> Path:
    """Encode frames of one size.

    Args:
        path: its ending chooses the container.
        frames: RGB.
        codec: ``mpeg4``, where frames say how they differ from the one before, or ``mjpeg``.
        times: of the frames in 1 / ``rate`` s; None: one after the other.
        kept: whether a packet, by number, is written.
        shift: earlier by so many frames; an MP4 then hides those before 0 by an edit list.
        rate: frames per second.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options={"g": "100"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        packets: list[Packet] = []
        for t, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24")
            picture.pts, picture.time_base = times[t] if times else t, Fraction(1, rate)
            packets += stream.encode(picture)
        for i, packet in enumerate([*packets, *stream.encode(None)]):
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            if kept(i):
                container.mux(packet)
    return path


def turn_matrix(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Give an MP4 the display matrix ``a, b, c, d``: shown x = a x + c y, shown y = b x + d y."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 44
    a, b, c, d = (value << 16 for value in matrix)
    data[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


def write_two_sizes(path: Path) -> None:
    """A video whose frames become smaller in the middle."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = *SIDES, "yuvj420p"
        for t, (width, height) in enumerate([SIDES] * 3 + [(32, 32)] * 3):
            encoder = av.CodecContext.create("mjpeg", "w")
            encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = width, height, "yuvj420p", Fraction(1, RATE)
            frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), 90, np.uint8), "rgb24").reformat(format="yuvj420p")
            for packet in [*encoder.encode(frame), *encoder.encode(None)]:
                packet.stream, packet.pts, packet.dts, packet.time_base = stream, t, t, Fraction(1, RATE)
                container.mux(packet)


def write_sound(path: Path, cover: bool) -> None:
    """A sound file, with a cover picture if asked."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libmp3lame", rate=44100)
        if cover:
            picture = container.add_stream("mjpeg", rate=1)
            picture.width, picture.height, picture.pix_fmt = *SIDES, "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
            frame = av.VideoFrame.from_ndarray(pictures(1)[0], "rgb24")
            container.mux([*picture.encode(frame), *picture.encode(None)])
        for t in range(10):
            silence = av.AudioFrame.from_ndarray(np.zeros((2, 1152), np.float32), "fltp", "stereo")
            silence.rate, silence.pts = 44100, 1152 * t
            container.mux(sound.encode(silence))
        container.mux(sound.encode(None))

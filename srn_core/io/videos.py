"""Writing video files with OpenCV, which does not say when a write fails."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from srn_core.errors import UserError

CODECS = {".mp4": "mp4v", ".avi": "MJPG"}
# OpenCV takes a colon for a protocol and % for a pattern, and ends Python on bytes that are no UTF-8.
PLAIN_NAME = re.compile(r"[\w/\\:. -]+" if os.name == "nt" else r"[\w/. -]+", re.ASCII)


def write_video(path: Path, frames: Iterable[np.ndarray], fps: float, quality: int | None = None) -> None:
    """Write RGB frames ``(H, W, 3)`` uint8 of one size as they come; all are read back as a check.

    Args:
        path: ``.mp4`` or ``.avi``.
        frames: the video. An odd side is written one pixel longer: the last row or column is repeated.
        fps: frames per second.
        quality: of the JPEG images of an ``.avi``, 0 to 100 (60 keeps about 45 dB); OpenCV's own encoder then replaces FFmpeg.

    Raises:
        UserError: OpenCV cannot write such a file here, or the file is not whole, as on a full disk.
    """
    if not PLAIN_NAME.fullmatch(str(path)):
        with tempfile.TemporaryDirectory() as folder:
            plain = Path(folder, f"video{path.suffix}")
            write_video(plain, frames, fps, quality)
            shutil.copyfile(plain, path)
        return
    writer, count = cv2.VideoWriter(), 0
    backend = cv2.CAP_ANY if quality is None else cv2.CAP_OPENCV_MJPEG
    try:
        for frame in frames:
            # OpenCV would cut an odd row or column off.
            frame = cv2.copyMakeBorder(frame, 0, frame.shape[0] % 2, 0, frame.shape[1] % 2, cv2.BORDER_REPLICATE)
            height, width = frame.shape[:2]
            if not writer.isOpened() and not writer.open(
                str(path), backend, cv2.VideoWriter.fourcc(*CODECS[path.suffix.lower()]), fps, (width, height)
            ):
                what = f"{path.suffix} video of {width} x {height} px, {fps:g} frames per second"
                raise UserError(f"{what}: OpenCV cannot write it here; try .avi")
            if quality is not None and not count:
                writer.set(cv2.VIDEOWRITER_PROP_QUALITY, quality)
            writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
            count += 1
    finally:
        writer.release()
    if (whole := _readable_frames(path, count)) != count:
        raise UserError(
            f"{path.parent}: a video of {count} frames could not be written completely ({whole} can be read); is the disk full?"
        )


def _readable_frames(path: Path, most: int) -> int:
    """How many frames of a video can be decoded one after the other, up to ``most``."""
    capture = cv2.VideoCapture(str(path))
    try:
        return next((number for number in range(most) if not capture.grab()), most)
    finally:
        capture.release()

"""Reading image files: every picture of the package comes through :func:`read_image`, by one rule.

Pixels are read as they are stored. Most annotations were made that way (MATLAB, dlib and Pillow ignore the EXIF orientation).
Viewers and browsers turn a picture by it; ``turned=True`` reads what they show. A file that a decoder would only read by
guessing lost parts is refused.
"""

import io
import os
import warnings
import zlib
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import cv2
import numpy as np
import simplejpeg
from PIL.Image import Exif
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from srn_core.errors import UserError
from srn_core.io.kinds import kind_of

IMAGE_ENDINGS = (".jpg", ".png", ".jpeg")
"""In lower case; files may have them in upper case."""
# How the files begin. Who reads their headers: Image.open would refuse large pictures.
JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG"
HEADERS: dict[str, Any] = {"a JPEG picture": JpegImageFile, "a PNG picture": PngImageFile, "a WebP picture": WebPImageFile}
ORIENTATION = 0x0112
# What OpenCV reads.
MOST_PIXELS = 2**30


class PictureFacts(NamedTuple):
    """What the header of a picture says.

    Attributes:
        width: of the stored pixels.
        height: of the stored pixels.
        orientation: EXIF's, 1 to 8; 1 means that viewers show the pixels as they are stored.
        frames: above 1 for an animation.
    """

    width: int
    height: int
    orientation: int = 1
    frames: int = 1


def read_image(path: Path, turned: bool = False) -> np.ndarray:
    """Read an image file as ``(H, W, 3)`` uint8 RGB.

    Args:
        path: a JPEG, PNG or WebP file, whatever its ending. Bytes behind the end of a picture are ignored.
        turned: turn it by its EXIF orientation, as viewers do. Otherwise the pixels come as they are stored.

    Raises:
        UserError: the file is missing, truncated, damaged, too large or no image.
    """
    data = _bytes(path)
    facts = _facts(path, data, io.BytesIO(data))
    if facts.frames > 1:
        raise UserError(f"{path}: an animation of {facts.frames} frames; expected one picture; save its frames as pictures")
    if facts.width * facts.height > MOST_PIXELS:
        size = f"{facts.width} x {facts.height} px"
        raise UserError(f"{path}: {size}; expected at most 2^30 pixels; cut the face out or shrink the picture")
    image = decode_image(data)
    if image is None:
        raise UserError(f"{path}: truncated or damaged; expected a whole JPEG, PNG or WebP picture; restore the file")
    return turn(image, facts.orientation) if turned else image


def picture_facts(path: Path) -> PictureFacts:
    """What the header of a picture says; the pixels are not read.

    Raises:
        UserError: the file is missing or no image.
    """
    try:
        with path.open("rb") as file:
            return _facts(path, file.read(2**16), file)
    except UserError:  # A header may be longer, because of an embedded preview.
        data = _bytes(path)
        return _facts(path, data, io.BytesIO(data))
    except OSError as error:
        raise _unreadable(path, error) from None


def decode_image(data: bytes, flags: int = cv2.IMREAD_COLOR_RGB) -> np.ndarray | None:
    """The image in the bytes of a file, ``(H, W, 3)`` uint8 RGB or as OpenCV's ``flags`` say; None if damaged or no image."""
    if data.startswith(JPEG) and flags == cv2.IMREAD_COLOR_RGB:
        # OpenCV fills the lost parts of a damaged JPEG and says nothing. Pixels are the same.
        whole, image = _decoded_jpeg(data)
        if image is not None or not whole:
            return image
    if not data or (data.startswith(PNG) and not _is_whole_png(data)):
        return None
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:  # A damaged header may promise more pixels than OpenCV takes.
        return None
    return None if image is None else np.asarray(image)


def is_whole_jpeg(data: bytes) -> bool:
    """Whether a JPEG decodes without a complaint. It is decoded in an eighth of its size, which is quick."""
    try:
        simplejpeg.decode_jpeg(data, "GRAY", min_height=1, min_width=1)
    except ValueError:
        return False
    return True


def turn(image: np.ndarray, orientation: int) -> np.ndarray:
    """Stored pixels ``(H, W, 3)`` as a viewer shows them, by EXIF's orientation 1 to 8."""
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def _decoded_jpeg(data: bytes) -> tuple[bool, np.ndarray | None]:
    """Whether the file is sound, and its image; None also for a kind of JPEG that OpenCV has to read."""
    try:
        if simplejpeg.decode_jpeg_header(data)[2] not in ("Gray", "YCbCr", "RGB"):
            return is_whole_jpeg(data), None
        return True, simplejpeg.decode_jpeg(data, "RGB")
    except ValueError:
        return False, None


def _is_whole_png(data: bytes) -> bool:
    """Whether all chunks up to the last are there and have the right checksums. OpenCV does not look."""
    at = 8
    while at + 12 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 8 + length
        if zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return False
        if kind == b"IEND":
            return True
        at = end + 4
    return False


def _facts(path: Path, data: bytes, file: BinaryIO) -> PictureFacts:
    """See :func:`picture_facts`; ``data`` are the first bytes of the open file."""
    found, remedy = kind_of(data)
    kind = HEADERS.get(found)
    if kind is None:
        found, remedy = found or "not an image", remedy or "restore the file"
        raise UserError(f"{path}: {found}; expected a JPEG, PNG or WebP picture; {remedy}")
    try:
        with warnings.catch_warnings(action="ignore"), kind(io.BytesIO(data)) as header:
            exif = Exif()
            exif.load(header.info.get("exif") or (_png_exif(file) if kind is PngImageFile else b""))
            orientation = exif.get(ORIENTATION, 1)
            width, height = header.size
            frames = getattr(header, "n_frames", 1)
    except Exception as error:  # Pillow raises errors of many kinds on damaged headers.
        raise UserError(f"{path}: truncated or not an image ({error}); expected a whole picture; restore the file") from None
    return PictureFacts(width, height, orientation if orientation in range(1, 9) else 1, frames)


def _png_exif(file: BinaryIO) -> bytes:
    """The EXIF of a PNG, which may stand behind its pixels; Pillow would decode them to find it."""
    file.seek(8)
    while len(start := file.read(8)) == 8:
        if start[4:] == b"eXIf":
            return file.read(int.from_bytes(start[:4], "big"))
        file.seek(int.from_bytes(start[:4], "big") + 4, os.SEEK_CUR)
    return b""


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(f"{path}: cannot be read ({error.strerror}); expected an image file")

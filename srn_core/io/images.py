"""Reading image files: every picture of the package comes through :func:`read_image`, by one rule.

Pixels are read as they are stored. Most annotations were made that way (MATLAB, dlib and Pillow ignore the EXIF orientation).
Viewers and browsers turn a picture by it; ``turned=True`` reads what they show. A file that a decoder would only read by
guessing lost parts is refused.
"""

import io
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import simplejpeg
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from srn_core.errors import UserError

IMAGE_ENDINGS = (".jpg", ".png", ".jpeg")
"""In lower case; files may have them in upper case."""
# How the files begin, and who reads their headers. Image.open would refuse large pictures.
JPEG, PNG, WEBP = b"\xff\xd8\xff", b"\x89PNG", b"RIFF"
HEADERS: dict[bytes, Any] = {JPEG: JpegImageFile, PNG: PngImageFile, WEBP: WebPImageFile}
# What else a file may be: how it begins, from which byte on, and its name.
OTHERS = (
    (b"GIF8", 0, "a GIF"),
    (b"BM", 0, "a BMP"),
    (b"II*\0", 0, "a TIFF"),
    (b"MM\0*", 0, "a TIFF"),
    (b"ftyp", 4, "a HEIC, AVIF or MP4"),
)
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
    facts = _facts(path, data)
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
            return _facts(path, file.read(2**16))
    except UserError:  # A header may be longer, because of an embedded preview.
        return _facts(path, _bytes(path))
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


def image_path(base: Path, endings: Sequence[str] = IMAGE_ENDINGS) -> Path | None:
    """The picture of this name without ending, in lower or upper case; None if there is none."""
    for ending in (*endings, *map(str.upper, endings)):
        if (path := base.with_name(base.name + ending)).is_file():
            return path
    return None


def _decoded_jpeg(data: bytes) -> tuple[bool, np.ndarray | None]:
    """Whether the file is sound, and its image; None also for a kind of JPEG that OpenCV has to read."""
    try:
        if simplejpeg.decode_jpeg_header(data)[2] not in ("Gray", "YCbCr", "RGB"):
            return True, None
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


def _facts(path: Path, data: bytes) -> PictureFacts:
    kind = next((kind for start, kind in HEADERS.items() if data.startswith(start)), None)
    if kind is None:
        found = next(
            (f"{name} file" for start, at, name in OTHERS if data[at:].startswith(start)), "empty" if not data else None
        )
        remedy = "convert it" if found and data else "restore the file"
        raise UserError(f"{path}: {found or 'not an image'}; expected a JPEG, PNG or WebP picture; {remedy}")
    try:
        with warnings.catch_warnings(action="ignore"), kind(io.BytesIO(data)) as header:
            orientation = header.getexif().get(ORIENTATION, 1) if "exif" in header.info else 1
            width, height = header.size
            frames = getattr(header, "n_frames", 1)
    except Exception as error:  # Pillow raises errors of many kinds on damaged headers.
        raise UserError(f"{path}: truncated or not an image ({error}); expected a whole picture; restore the file") from None
    return PictureFacts(width, height, orientation if orientation in range(1, 9) else 1, frames)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(f"{path}: cannot be read ({error.strerror}); expected an image file")

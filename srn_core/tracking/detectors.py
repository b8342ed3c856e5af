"""Optional face detectors: from an image to the boxes of its faces.

A detector sees the picture at the sizes for which it was trained: with the longest side at :data:`SIDES` pixels, whatever the
size of the picture. Each detector's boxes are mapped to those on which the trackers were trained, which end at the brows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from srn_core.errors import UserError
from srn_core.face.geometry import box_overlap
from srn_core.tracking.centerface import CenterFace, centerface_file

Detector = Callable[[np.ndarray], np.ndarray]
"""``(H, W, 3)`` uint8 RGB -> ``(N, 4)`` float32 face boxes ``x0, y0, x1, y1`` in pixels, the largest first."""
RawDetector = Callable[[np.ndarray], np.ndarray]
"""``(H, W, 3)`` uint8 RGB -> ``(N, 5)`` boxes as the detector draws them, and their scores."""

DEFAULT_DETECTOR = "centerface"
# The longest side of the picture, px. If no face is found at the first, the next is tried: small faces need more pixels, a face
# that fills the picture fewer.
SIDES = (320, 640, 160)
# Pictures with several faces: small ones are looked for too. The last is tried where none was found.
SIDES_FOR_ALL = (320, 640, 1280, 160)
# From so many pixels on a face can be so small a part of the picture that one face is also looked for at the largest side. In
# smaller pictures that is not worth its time.
LARGE = 2560
# Boxes of two sizes of the picture that overlap by this much show one face.
SAME = 0.4


@dataclass(frozen=True)
class BoxFit:
    """How 68 landmarks' box lies in a detector's box: factors of width and height, and shift down in units of the new box.

    The medians over faces of 300-W's training part (AFW, HELEN, LFPW).
    """

    width: float
    height: float
    down: float

    def __call__(self, boxes: np.ndarray) -> np.ndarray:
        """``(N, 4)`` boxes as the detector draws them -> those that 68 landmarks would have."""
        low, high = boxes[:, :2], boxes[:, 2:4]
        half = (high - low) * (self.width, self.height) / 2
        centre = (low + high) / 2
        centre[:, 1] += self.down * np.linalg.norm(2 * half, axis=1) / 2**0.5
        return np.concatenate([centre - half, centre + half], 1)


# The first two include the forehead. 200 faces for CenterFace, 266 for YuNet, 65 for dlib.
CENTERFACE_FIT, YUNET_FIT = BoxFit(0.997, 0.770, 0.153), BoxFit(1.037, 0.751, 0.161)
DLIB_FIT = BoxFit(0.962, 0.937, 0.078)


def load_detector(spec: str = DEFAULT_DETECTOR, all_faces: bool = False) -> Detector:
    """The detector of a spec: ``centerface``, ``yunet:PATH`` or ``dlib``.

    Args:
        spec: the detector.
        all_faces: look for small faces also where a large one was found.

    Raises:
        UserError: the name is unknown, the file is missing or not YuNet, or the package is not installed.
    """
    name, _, path = spec.partition(":")
    if name == "yunet":
        raw, fit = _yunet(Path(path)), YUNET_FIT
    elif spec == "centerface":
        raw, fit = _centerface(), CENTERFACE_FIT
    elif spec == "dlib":
        raw, fit = _dlib(), DLIB_FIT
    else:
        raise UserError(f"detector '{spec}': unknown; expected centerface, yunet:PATH (an ONNX file of YuNet) or dlib")
    return at_sizes(raw, fit, all_faces)


def at_sizes(raw: RawDetector, fit: BoxFit, all_faces: bool) -> Detector:
    """A detector that looks at a picture at several sizes, until it finds a face; at all of them with ``all_faces``."""

    def find(image: np.ndarray) -> np.ndarray:
        longest = max(image.shape[:2])
        found = np.zeros((0, 5))
        sides = SIDES_FOR_ALL if all_faces or longest >= LARGE else SIDES
        for side in sides:
            # A picture is enlarged to the first size only; more pixels would show no more.
            if side > max(longest, SIDES[0]) or (len(found) and (not all_faces or side == sides[-1])):
                continue
            scale = side / longest
            seen = raw(
                cv2.resize(image, _scaled_size(image, scale), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
            )
            found = _joined(found, seen / (scale, scale, scale, scale, 1))
        return _largest_first(fit(found))

    return find


def _scaled_size(image: np.ndarray, scale: float) -> tuple[int, int]:
    return max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))


def _joined(known: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Faces ``(N, 5)`` with those of another size of the picture that are not among them."""
    if len(known):
        seen = seen[box_overlap(seen[:, None, :4], known[None, :, :4]).max(1) < SAME]
    return np.concatenate([known, seen])


def _centerface() -> RawDetector:
    file = centerface_file()
    if file is None:
        raise UserError(
            "no face detector is installed; pip install 'srn-occlusion[detect]', or say where the face is: --box X,Y,W,H"
        )
    return CenterFace(file)


def _yunet(path: Path) -> RawDetector:
    if not path.is_file():
        raise UserError(f"detector 'yunet:{path}': no such file; expected the ONNX file of YuNet")
    try:
        # Not by its path: OpenCV ends Python on a name that is no UTF-8.
        model = cv2.FaceDetectorYN.create("onnx", np.fromfile(path, np.uint8), np.zeros(0, np.uint8), (320, 320))
        # Other networks may load, but fail when they run.
        model.detect(np.zeros((320, 320, 3), np.uint8))
    except cv2.error:
        raise UserError(f"{path}: OpenCV cannot load it; expected the ONNX file of YuNet") from None

    def find(image: np.ndarray) -> np.ndarray:
        model.setInputSize((image.shape[1], image.shape[0]))
        _, faces = model.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        if faces is None:
            return np.zeros((0, 5))
        found = faces.astype(np.float64)
        return np.concatenate([found[:, :2], found[:, :2] + found[:, 2:4], found[:, -1:]], 1)

    return find


def _dlib() -> RawDetector:
    try:
        import dlib
    except ImportError:
        raise UserError("detector 'dlib': the package is not installed; pip install 'srn-occlusion[detectors]'") from None
    detect = dlib.get_frontal_face_detector()

    def find(image: np.ndarray) -> np.ndarray:
        faces, scores, _ = detect.run(np.ascontiguousarray(image), 1, 0.0)
        rows = [
            [face.left(), face.top(), face.right(), face.bottom(), score] for face, score in zip(faces, scores, strict=True)
        ]
        return np.array(rows, np.float64).reshape(-1, 5)

    return find


def _largest_first(boxes: np.ndarray) -> np.ndarray:
    found = boxes.astype(np.float32)
    return found[np.argsort(-(found[:, 2:] - found[:, :2]).prod(1), kind="stable")]

"""What ``srn track`` and ``srn detect`` share: options, the face to follow, drawing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from srn_core.checkpoints import load_pretrained
from srn_core.errors import UserError
from srn_core.face.drawing import TRUTH, draw_box, draw_label, draw_landmarks
from srn_core.face.schemes import Scheme
from srn_core.tracking.attack import Attacked
from srn_core.tracking.detectors import DEFAULT_DETECTOR, load_detector
from srn_core.tracking.records import VISIBLE, check_endings
from srn_core.tracking.tracker import Tracker
from srn_core.tracking.video import TrackedFace, VideoFaces


@dataclass(frozen=True, kw_only=True)
class FaceArgs:
    """Options of commands that find faces and their landmarks."""

    checkpoint: str = "srn-small"
    """The tracker: a checkpoint's name or folder."""
    out: Path | None = None
    """Write the annotated result here. Default: beside the input."""
    box: str | None = None
    """The face, X,Y,W,H: left, top, width and height in pixels. In place of a detector; see also --detector."""
    detector: str | None = None
    """What finds faces: centerface (default; pip install 'srn-occlusion[detect]'), yunet:PATH (an ONNX file of YuNet) or
    dlib."""
    all_faces: bool = False
    """Take all faces, each with an id. Default: one face, the largest."""
    json: Path | None = None
    """Write landmarks here, in pixels: .json, .jsonl for one record per line, or - for the standard output. A box is x0, y0,
    x1, y1. Values are null where no face is tracked."""
    csv: Path | None = None
    """Write a table here, one row per face: box, confidence, points. - is the standard output."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""


class FaceFinder:
    """Gives a new :class:`VideoFaces` for each video or picture.

    Raises:
        UserError: the options contradict each other, or checkpoint or detector cannot be loaded.
    """

    def __init__(self, args: FaceArgs) -> None:
        if args.box is not None and args.detector is not None:
            raise UserError("both --box and --detector; give one: --box X,Y,W,H of the face, or a detector that finds it")
        if args.box is not None and args.all_faces:
            raise UserError("both --box and --all-faces; a box is one face; leave one of them out")
        check_endings(args.json, args.csv)
        self.args = args
        self._box = None if args.box is None else parse_box(args.box)
        self._find = load_detector(args.detector or DEFAULT_DETECTOR, args.all_faces) if self._box is None else None
        self.tracker = Tracker(load_pretrained(args.checkpoint), args.device)

    def faces(self, first: np.ndarray) -> VideoFaces:
        """For a video or picture that begins with the frame ``first`` ``(H, W, 3)``.

        Raises:
            UserError: the box lies outside it.
        """
        if self._box is None:
            return VideoFaces(self.tracker, self._find, all_faces=self.args.all_faces)
        height, width = first.shape[:2]
        if not ((self._box[2:] > 0).all() and (self._box[:2] < (width, height)).all()):
            raise UserError(f"--box {self.args.box}: outside the picture of {width} x {height} px; expected a face in it")
        return VideoFaces(self.tracker, box=self._box)

    def advice(self) -> str:
        """What to do where no face is found."""
        if self._box is not None:
            return f"--box {self.args.box} shows none; expected the tight box of a face, from the brows to the chin"
        return "give the face in the first picture as --box X,Y,W,H"


def parse_box(text: str) -> np.ndarray:
    """``X,Y,W,H`` -> ``(4,)`` float32 ``x0, y0, x1, y1``."""
    try:
        x, y, width, height = (float(word) for word in text.split(","))
    except ValueError:
        raise UserError(f"--box {text}: expected four numbers X,Y,W,H in pixels, for example 120,80,200,200") from None
    if not (np.isfinite([x, y]).all() and 0 < width < np.inf and 0 < height < np.inf):
        raise UserError(f"--box {text}: expected finite numbers with width and height above 0")
    return np.array([x, y, x + width, y + height], np.float32)


def draw_faces(image: np.ndarray, faces: Sequence[TrackedFace], scheme: Scheme, numbered: bool) -> np.ndarray:
    """A copy of the image with the faces' landmarks and boxes; with ``numbered`` their numbers too."""
    for face in faces:
        visible = None if face.visibility is None else face.visibility >= VISIBLE
        image = draw_box(draw_landmarks(image, face.landmarks, scheme, visible=visible), face.box)
        if numbered:
            image = draw_label(image, face.box, str(face.number))
    return image


def draw_attack(attacked: Attacked, face: TrackedFace, scheme: Scheme) -> np.ndarray:
    """The covered frame with the landmarks of the bare one (yellow) and the tracker's answer on it."""
    bare = draw_landmarks(attacked.image, face.landmarks, scheme, TRUTH)
    return draw_box(draw_landmarks(bare, attacked.landmarks, scheme), face.box)

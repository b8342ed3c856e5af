"""Landmark models of other people behind one call: a picture and a face box in, points of the model's own scheme out."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from srn_core.errors import UserError
from srn_core.face.geometry import CropSpec, box_frame, box_overlap, crop_image, crop_map
from srn_core.tracking.detectors import DLIB_FIT
from srn_core.tracking.tracker import Tracker
from srn_core.victims.onnx import open_network, parse_options

Locate = Callable[[np.ndarray, np.ndarray], np.ndarray | None]
"""A picture ``(H, W, 3)`` uint8 RGB and a face box ``(4,)`` -> ``(M, 2)`` points in its pixels; None: no face found there."""
# MediaPipe looks for the face by itself, in a square round the box: so many sides of the box, the first that shows it a face.
VIEWS = (2.0, 1.5, 3.0)
# The square is enlarged to at least so many pixels, and shrunk to at most as many.
VIEW_SIDE = 384
# A face that dlib finds is the wanted one if its box overlaps the given one by this (intersection over union).
SAME_FACE = 0.3
DLIB_FILE = "models/shape_predictor_68_face_landmarks.dat"


@dataclass(frozen=True)
class OtherModel:
    """A model to compare.

    Attributes:
        name: in tables.
        locate: finds the points of one face.
        same_points: whether its points are the 68 of the data. If not, each of the 68 is taken from the point nearest to it.
        close: ends what the model started.
    """

    name: str
    locate: Locate
    same_points: bool = True
    close: Callable[[], None] = lambda: None


def own_model(name: str, tracker: Tracker, mirror: bool) -> OtherModel:
    """A tracker of this project; ``mirror`` averages with the mirror image."""

    def locate(image: np.ndarray, box: np.ndarray) -> np.ndarray:
        return tracker.detect([image], box[None], mirror=mirror)[0]

    return OtherModel(name, locate)


def mediapipe_model(file: Path) -> OtherModel:
    """MediaPipe's face landmarker (478 points), which has a face detector of its own.

    Raises:
        UserError: the package or the file is missing, or MediaPipe cannot read the file.
    """
    if not file.is_file():
        raise UserError(
            f"--mediapipe {file}: no such file; expected face_landmarker.task, see Google's page of MediaPipe models"
        )
    try:
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision
    except ImportError:
        raise UserError("--mediapipe: the package is not installed; pip install 'srn-occlusion[peers]'") from None
    try:
        options = vision.FaceLandmarkerOptions(base_options=BaseOptions(model_asset_path=str(file)), num_faces=1)
        landmarker = vision.FaceLandmarker.create_from_options(options)
    except (RuntimeError, ValueError) as error:
        raise UserError(f"--mediapipe {file}: MediaPipe cannot read it ({' '.join(str(error).split())})") from None

    def locate(image: np.ndarray, box: np.ndarray) -> np.ndarray | None:
        for factor in VIEWS:
            spec = CropSpec(VIEW_SIDE, factor)
            view = crop_image(image, box, spec)
            data = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(view))
            if found := landmarker.detect(data).face_landmarks:
                # Its unit is the side of the picture; the first pixel's centre is half a pixel inside.
                points = np.array([[point.x, point.y] for point in found[0]]) * VIEW_SIDE - 0.5
                return crop_map(box, spec).to_frame(points)
        return None

    # It must be closed by hand: at the interpreter's end, its own attempt fails.
    return OtherModel("MediaPipe", locate, same_points=False, close=landmarker.close)


def dlib_models(file: Path | None) -> list[OtherModel]:
    """dlib's shape predictor of 68 points: with dlib's own face detector, and in the given boxes.

    The predictor starts from the box and was trained in its detector's boxes. Given boxes become such squares; they fit worse.

    Args:
        file: of the predictor; None: the one inside the package ``face_recognition_models``.

    Raises:
        UserError: a package or the file is missing, or it is not a shape predictor.
    """
    try:
        import dlib
    except ImportError:
        raise UserError("--dlib: the package dlib is not installed; pip install 'srn-occlusion[peers]'") from None
    path = file or _packed_predictor()
    if not path.is_file():
        raise UserError(f"--dlib {path}: no such file; expected shape_predictor_68_face_landmarks.dat")
    try:
        predictor = dlib.shape_predictor(str(path))
    except RuntimeError as error:
        raise UserError(f"--dlib {path}: dlib cannot read it ({error})") from None

    detect = dlib.get_frontal_face_detector()

    def points(image: np.ndarray, place: Any) -> np.ndarray:
        return np.array([[point.x, point.y] for point in predictor(image, place).parts()], np.float32)

    def own_box(image: np.ndarray, box: np.ndarray) -> np.ndarray | None:
        places = list(detect(np.ascontiguousarray(image)))
        seen = np.array([[p.left(), p.top(), p.right(), p.bottom()] for p in places], np.float64).reshape(-1, 4)
        overlap = box_overlap(seen, dlib_box(box))
        if not len(seen) or overlap.max() < SAME_FACE:
            return None
        return points(np.ascontiguousarray(image), places[int(overlap.argmax())])

    def given_box(image: np.ndarray, box: np.ndarray) -> np.ndarray:
        left, top, right, bottom = (round(float(value)) for value in dlib_box(box))
        return points(np.ascontiguousarray(image), dlib.rectangle(left, top, right, bottom))

    return [OtherModel("dlib, its own boxes", own_box), OtherModel("dlib, given boxes", given_box)]


def dlib_box(box: np.ndarray) -> np.ndarray:
    """The square that dlib's detector draws round a face whose 68 landmarks have this box: the inverse of its fit, ``(4,)``."""
    (centre, unit), fit = box_frame(box), DLIB_FIT
    width, height = (box[2:] - box[:2]) / (fit.width, fit.height)
    half = (width + height) / 4
    middle = centre - (0, fit.down * unit)
    return np.concatenate([middle - half, middle + half])


def _packed_predictor() -> Path:
    # The package itself is not imported: it needs pkg_resources, which setuptools no longer has.
    found = importlib.util.find_spec("face_recognition_models")
    if found is None or not found.submodule_search_locations:
        message = (
            "the package face_recognition_models is not installed; pip install 'srn-occlusion[peers]', or give --dlib-file"
        )
        raise UserError(f"--dlib: {message}")
    return Path(next(iter(found.submodule_search_locations))) / DLIB_FILE


def onnx_model(spec: str) -> OtherModel:
    """A network in an ONNX file, ``onnx:PATH?key=value&...`` as for victims, on crops of the whole picture.

    Raises:
        UserError: the file is missing or cannot be run, or an option is unknown.
    """
    head, _, query = spec.partition("?")
    path = Path(head.removeprefix("onnx:"))
    options = parse_options(spec, query)
    network = open_network(spec, path, options)
    crop = CropSpec(options.size, options.crop)
    unit = options.size if options.output == "unit" else 1

    def locate(image: np.ndarray, box: np.ndarray) -> np.ndarray:
        pixels: Any = crop_image(image, box, crop).transpose(2, 0, 1).astype(np.float32)
        points = network(options.normalised(pixels)).reshape(-1, 2) * unit
        return crop_map(box, crop).to_frame(points)

    return OtherModel(path.stem, locate, same_points=options.scheme == "68")

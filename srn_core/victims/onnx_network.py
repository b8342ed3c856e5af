"""Networks in ONNX files, run by OpenCV or by onnxruntime, one face at a time, so that files with a fixed batch of one work."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from srn_core.data.spec import split_query
from srn_core.errors import UserError
from srn_core.face.schemes import SCHEMES

Network = Callable[[np.ndarray], np.ndarray]
"""``(1, 3, n, n)`` or ``(1, n, n, 3)`` float32 -> the numbers of one output, float32 ``(1, ...)``."""

LARGEST = 4096
CHOICES = {
    "rgb": ("1", "0"),
    "layout": ("nchw", "nhwc"),
    "output": ("unit", "pixel"),
    "runtime": ("opencv", "onnxruntime"),
    "preset": ("small", "paper"),
    "scheme": tuple(SCHEMES),
}


@dataclass(frozen=True)
class OnnxOptions:
    """What a network in an ONNX file wants and gives.

    Attributes:
        size: side n of its input, px.
        crop: the input covers this many sides of a square face box (as ``CropSpec.factor``).
        scale: input = (pixel - mean) * scale, pixels being 0 to 255; one number, or three with commas.
        mean: see ``scale``.
        rgb: 1: channels are red, green, blue; 0: the other way round.
        layout: ``nchw`` or ``nhwc``, the order of the input's axes.
        output: x, y, x, y, ...: ``unit``: fractions of the input's side; ``pixel``: its pixels.
        blob: name of the output, where there are several.
        runtime: ``opencv``, or ``onnxruntime`` (the extra ``onnx``).
        preset: whose crop and patches the game plays with: ``small`` or ``paper``.
        scheme: the landmarks that it gives: ``68``, ``98`` (WFLW) or ``29`` (COFW).
    """

    size: int = 112
    crop: float = 1.0
    scale: tuple[float, ...] = (1 / 255,)
    mean: tuple[float, ...] = (0.0,)
    rgb: str = "1"
    layout: str = "nchw"
    output: str = "unit"
    blob: str = ""
    runtime: str = "opencv"
    preset: str = "small"
    scheme: str = "68"

    def normalised(self, crop: np.ndarray) -> np.ndarray:
        """A face as the network wants it: ``(3, n, n)`` RGB, 0 to 255 -> ``(1, ...)`` float32."""
        image = crop if self.rgb == "1" else crop[::-1]
        scale, mean = (np.array(values, np.float32).reshape(-1, 1, 1) for values in (self.scale, self.mean))
        image = (image - mean) * scale
        image = image if self.layout == "nchw" else image.transpose(1, 2, 0)
        return np.ascontiguousarray(image[None], np.float32)


def parse_options(name: str, query: str) -> OnnxOptions:
    """Read ``key=value&key=value``; ``name`` is the whole spec, for messages.

    Raises:
        UserError: an unknown key or value.
    """
    given = split_query(query)
    known = [field.name for field in dataclasses.fields(OnnxOptions)]
    if unknown := sorted(set(given) - set(known)):
        raise UserError(f"victim '{name}': unknown option '{unknown[0]}'; onnx knows {', '.join(known)}")
    return OnnxOptions(**{key: _read(name, key, value) for key, value in given.items()})


def open_network(name: str, path: Path, options: OnnxOptions) -> Network:
    """The network of a file.

    Raises:
        UserError: no such file, one that the runtime cannot load, or an output that is not there.
    """
    if not path.is_file():
        raise UserError(f"victim '{name}': {path}: no such file; expected onnx:PATH?key=value with the path of an ONNX file")
    open_file = _opencv if options.runtime == "opencv" else _onnxruntime
    return open_file(name, path, options.blob)


def _read(name: str, key: str, text: str) -> Any:
    if key == "blob":
        return text
    if key in CHOICES:
        if text not in CHOICES[key]:
            raise UserError(f"victim '{name}': {key}={text}; expected {' or '.join(CHOICES[key])}")
        return text
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    wanted = {"size": f"a whole number of 1 to {LARGEST}", "crop": "a number above 0"}.get(
        key, "a number, or three with commas"
    )
    fits = len(values) in ((1,) if key in ("size", "crop") else (1, 3)) and all(map(math.isfinite, values))
    if fits and key == "size":
        fits = values[0].is_integer() and 1 <= values[0] <= LARGEST
    if not fits or (key == "crop" and values[0] <= 0):
        raise UserError(f"victim '{name}': {key}={text}; expected {wanted}")
    return int(values[0]) if key == "size" else values[0] if key == "crop" else values


def _opencv(name: str, path: Path, blob: str) -> Network:
    try:
        network = cv2.dnn.readNetFromONNX(str(path))
    except cv2.error as error:
        raise UserError(f"victim '{name}': OpenCV cannot load it ({_one_line(error.err)}); try runtime=onnxruntime") from None
    output = _pick_output(name, list(network.getUnconnectedOutLayersNames()), blob)

    def run(image: np.ndarray) -> np.ndarray:
        try:
            network.setInput(image)
            return np.asarray(network.forward(output), np.float32)
        except cv2.error as error:
            raise UserError(
                f"victim '{name}': OpenCV cannot run it on shape {image.shape} ({_one_line(error.err)}); "
                "check size and layout, or try runtime=onnxruntime"
            ) from None

    return run


def _onnxruntime(name: str, path: Path, blob: str) -> Network:
    try:
        import onnxruntime
    except ImportError:
        raise UserError(
            f"victim '{name}': the package onnxruntime is not installed; pip install 'srn-occlusion[onnx]', or runtime=opencv"
        ) from None
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common base of their own
        raise UserError(f"victim '{name}': onnxruntime cannot load it ({_one_line(str(error))})") from None
    output = _pick_output(name, [value.name for value in session.get_outputs()], blob)
    source = session.get_inputs()[0].name

    def run(image: np.ndarray) -> np.ndarray:
        try:
            return np.asarray(session.run([output], {source: image})[0], np.float32)
        except Exception as error:
            raise UserError(
                f"victim '{name}': onnxruntime cannot run it on shape {image.shape} ({_one_line(str(error))}); "
                "check size and layout"
            ) from None

    return run


def _pick_output(name: str, outputs: list[str], blob: str) -> str:
    if not blob and len(outputs) == 1:
        return outputs[0]
    if blob not in outputs:
        raise UserError(f"victim '{name}': blob={blob}; expected the name of an output, one of {', '.join(outputs)}")
    return blob


def _one_line(message: str) -> str:
    return " ".join(message.split())

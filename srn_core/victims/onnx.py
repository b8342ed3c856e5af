"""A network in an ONNX file as a victim. It sees one face at a time, because many files fix the batch to one."""

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import cv2
import numpy as np
import torch
from torch import Tensor

from srn_core.data.spec import split_query, unescape_path
from srn_core.errors import UserError
from srn_core.face.geometry import CropSpec, crop_map
from srn_core.model.config import Preset
from srn_core.victims.constant import Memoryless

Network = Callable[[np.ndarray], np.ndarray]
"""``(1, 3, n, n)`` or ``(1, n, n, 3)`` float32 -> the numbers of one output, float32 ``(1, ...)``."""
Opened = tuple[list[str], Callable[[str, np.ndarray], Any]]
"""The names of a network's outputs, and a function that gives one output of an input."""

LARGEST = 4096


@dataclass(frozen=True)
class OnnxOptions:
    """Input and output of a network in an ONNX file.

    Attributes:
        size: side n of its input, px.
        crop: its input covers this many sides of a square face box (as ``CropSpec.factor``).
        scale: input = (pixel - mean) * scale, with pixels of 0 to 255; one number, or three with commas.
        mean: see ``scale``.
        rgb: order of the channels: 1: red, green, blue; 0: blue, green, red.
        layout: order of the input's axes, ``nchw`` or ``nhwc``.
        output: unit of the output x, y, x, y, ...: ``unit``: sides of the input; ``pixel``: pixels of the input.
        blob: name of the output; needed if there are several.
        runtime: ``opencv``, or ``onnxruntime`` (the extra ``onnx``).
        preset: the SRN preset whose crop and patch size the game uses: ``tiny``, ``small`` or ``paper``.
        scheme: the landmarks of the output: ``68``, ``98`` (WFLW) or ``29`` (COFW).
    """

    size: int = 112
    crop: float = 1.0
    scale: tuple[float, ...] = (1 / 255,)
    mean: tuple[float, ...] = (0.0,)
    rgb: Literal["1", "0"] = "1"
    layout: Literal["nchw", "nhwc"] = "nchw"
    output: Literal["unit", "pixel"] = "unit"
    blob: str = ""
    runtime: Literal["opencv", "onnxruntime"] = "opencv"
    preset: Preset = "small"
    scheme: Literal["68", "98", "29"] = "68"

    def normalised(self, crop: np.ndarray) -> np.ndarray:
        """The network's input ``(1, ...)`` float32 from a face ``(3, n, n)``, RGB of 0 to 255."""
        image = crop if self.rgb == "1" else crop[::-1]
        scale, mean = (np.array(values, np.float32).reshape(-1, 1, 1) for values in (self.scale, self.mean))
        image = (image - mean) * scale
        image = image if self.layout == "nchw" else image.transpose(1, 2, 0)
        return np.ascontiguousarray(image[None], np.float32)


class OnnxVictim(Memoryless):
    """A network in an ONNX file that maps the crop of a face to the coordinates of its landmarks.

    Args:
        name: ``onnx:PATH?key=value&...``; :class:`OnnxOptions` lists the keys. PATH is written as in a data spec: ``%3F`` for
            ``?``, ``%26`` for ``&``, ``%25`` for ``%``.
        device: of the frames and landmarks. The network itself runs on the CPU.

    Raises:
        UserError: the file is missing, an option is unknown, or the network has another input or number of points.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        head, _, query = name.partition("?")
        path = Path(unescape_path(head.removeprefix("onnx:")))
        self.options: OnnxOptions = parse_options(name, query)
        self._network: Network = open_network(name, path, self.options)
        key = f"{zlib.crc32(query.encode(), zlib.crc32(path.read_bytes())):08x}"
        super().__init__(device, key, self.options.preset, self.options.scheme)
        blank = self.options.normalised(np.zeros((3, self.options.size, self.options.size), np.float32))
        values = self._network(blank).size
        if values != 2 * self.scheme.num_landmarks:
            raise UserError(
                f"victim '{name}': the network gives {values} numbers; expected x and y of {self.scheme.num_landmarks} points, "
                f"{2 * self.scheme.num_landmarks}; give its scheme as scheme=NAME, or its output as blob=NAME"
            )

    @torch.inference_mode()
    def step(self, frames: Tensor, boxes: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """See :meth:`Victim.step`."""
        options = self.options
        mapping = crop_map(boxes.cpu().numpy(), CropSpec(options.size, options.crop))
        grid = np.stack(np.meshgrid(np.arange(options.size), np.arange(options.size)), -1).reshape(1, -1, 2)
        source = torch.from_numpy(mapping.to_frame(grid)).to(self.device).unflatten(1, (options.size, options.size))
        # For grid_sample, the first pixel's centre is -1 and the last one's 1.
        crops = torch.nn.functional.grid_sample(frames.float(), source * 2 / (frames.shape[-1] - 1) - 1, align_corners=True)
        points = np.concatenate([self._network(options.normalised(crop)) for crop in crops.cpu().numpy()])
        points = points.reshape(len(frames), -1, 2) * (options.size if options.output == "unit" else 1)
        return torch.from_numpy(mapping.to_frame(points)).to(self.device), state


def parse_options(name: str, query: str) -> OnnxOptions:
    """Read ``key=value&key=value``; ``name`` is the whole spec, for messages.

    Raises:
        UserError: a key or value is unknown.
    """
    given, kinds = split_query(query), get_type_hints(OnnxOptions)
    if unknown := sorted(set(given) - set(kinds)):
        raise UserError(f"victim '{name}': unknown option '{unknown[0]}'; onnx knows {', '.join(kinds)}")
    choices = {key: get_args(kind) for key, kind in kinds.items() if get_origin(kind) is Literal}
    return OnnxOptions(**{key: _read(name, key, value, choices.get(key, ())) for key, value in given.items()})


def _read(name: str, key: str, text: str, choices: tuple[str, ...]) -> Any:
    if key == "blob" or text in choices:
        return text
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    one, finite = len(values) == 1, all(map(math.isfinite, values))
    if key == "size" and one and values[0] in range(1, LARGEST + 1):
        return int(values[0])
    if key == "crop" and one and finite and values[0] > 0:
        return values[0]
    if key in ("scale", "mean") and len(values) in (1, 3) and finite:
        return values
    numbers = {"size": f"a whole number of 1 to {LARGEST}", "crop": "a number above 0"}
    expected = " or ".join(choices) or numbers.get(key, "a number, or three with commas")
    raise UserError(f"victim '{name}': {key}={text}; expected {expected}")


def open_network(name: str, path: Path, options: OnnxOptions) -> Network:
    """The network of a file.

    Raises:
        UserError: the file is missing, the runtime cannot load it, or it has no such output.
    """
    if not path.is_file():
        raise UserError(f"victim '{name}': {path}: no such file; expected onnx:PATH?key=value with the path of an ONNX file")
    try:
        outputs, run = (_opencv if options.runtime == "opencv" else _onnxruntime)(path)
    except ImportError:
        message = "the package onnxruntime is not installed; pip install 'srn-occlusion[onnx]', or use runtime=opencv"
        raise UserError(f"victim '{name}': {message}") from None
    except Exception as error:  # The exceptions of onnxruntime have no base class of their own.
        raise UserError(f"victim '{name}': {options.runtime} cannot load it ({_text(error)}); try another runtime=") from None
    output = options.blob or (outputs[0] if len(outputs) == 1 else "")
    if output not in outputs:
        raise UserError(f"victim '{name}': blob={options.blob}; expected the name of an output, one of {', '.join(outputs)}")

    def checked(image: np.ndarray) -> np.ndarray:
        try:
            return np.asarray(run(output, image), np.float32)
        except Exception as error:
            problem = f"{options.runtime} cannot run it on shape {image.shape} ({_text(error)})"
            raise UserError(f"victim '{name}': {problem}; check size= and layout=, or try another runtime=") from None

    return checked


def _opencv(path: Path) -> Opened:
    # Not by its path: OpenCV ends Python on a name that is no UTF-8.
    network = cv2.dnn.readNetFromONNX(np.fromfile(path, np.uint8))

    def run(output: str, image: np.ndarray) -> Any:
        network.setInput(image)
        return network.forward(output)

    return list(network.getUnconnectedOutLayersNames()), run


def _onnxruntime(path: Path) -> Opened:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0].name
    return [value.name for value in session.get_outputs()], lambda output, image: session.run([output], {source: image})[0]


def _text(error: Exception) -> str:
    return " ".join(str(getattr(error, "err", error)).split())

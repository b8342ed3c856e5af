"""Write a checkpoint's detector as an ONNX file, which runs without this package.

srn export srn-small --onnx srn-small.onnx
"""

import json
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import torch
import tyro

from srn_core.checkpoints import load_pretrained
from srn_core.cli.options import read_options
from srn_core.errors import UserError
from srn_core.io.files import check_outputs, report_stream, write_atomically
from srn_core.model import SRN
from srn_core.model.traceable import TraceableDetector
from srn_core.victims.exported import MARK, METADATA

OPSET = 18
OUTPUTS = ("points", "visibility", "expected_error")


@dataclass(frozen=True, kw_only=True)
class ExportArgs:
    """The checkpoint and the file. The file takes any number of faces: crop (N, S, S, 3) uint8 RGB and box (N, 4) float32, the
    face boxes x0, y0, x1, y1 in crop pixels. It gives points (N, L, 2) in crop pixels and, of a checkpoint with that head,
    visibility and expected_error (N, L). Its metadata entry srn says how faces are cropped."""

    checkpoint: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CHECKPOINT")]
    """A checkpoint's name or folder."""
    onnx: Path
    """Write the network here (.onnx)."""


def run(words: Sequence[str]) -> None:
    """The command ``srn export``."""
    args = read_options(ExportArgs, __doc__, "srn export", words)
    if args.onnx.suffix.lower() != ".onnx":
        raise UserError(f"--onnx {args.onnx}: unknown ending; expected a name that ends in .onnx")
    check_outputs((args.onnx,), ())
    if find_spec("onnx") is None:
        raise UserError("srn export needs the package onnx, which is not installed; pip install 'srn-occlusion[onnx]'")
    model = load_pretrained(args.checkpoint)
    data = onnx_file(model)
    write_atomically(args.onnx, lambda temporary: temporary.write_bytes(data))
    said_on = report_stream((args.onnx,))
    print(f"wrote {args.onnx}, {len(data) / 1e6:.1f} MB", file=said_on)
    if model.certainty is None:
        print(
            f"note: {args.checkpoint} has no head for visibility and expected errors; the file gives points alone", file=said_on
        )


def onnx_file(model: SRN) -> bytes:
    """The detector of a model, without memory, as the bytes of an ONNX file."""
    config = model.config
    detector = TraceableDetector(model).eval()
    names = OUTPUTS if model.certainty is not None else OUTPUTS[:1]
    # Two faces, so that nothing in the graph can take the batch for one.
    size = config.image_size
    crops = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    boxes = torch.tensor([[0.2, 0.2, 0.8, 0.8]] * 2) * size
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():
        # torch recommends its newer exporter, which needs one more package and much longer for the same graph.
        warnings.simplefilter("ignore")
        path = Path(folder) / "network.onnx"
        torch.onnx.export(
            detector, (crops, boxes), str(path), input_names=["crop", "box"], output_names=list(names), opset_version=OPSET,
            dynamic_axes=dict.fromkeys(("crop", "box", *names), {0: "faces"}), dynamo=False,
        )  # fmt: skip
        network = path.read_bytes()
    told = {
        "scheme": config.scheme, "landmarks": config.landmarks.num_landmarks, "image_size": size,
        "crop_factor": config.crop_factor, "patch_size": config.patch_size, "normaliser": config.landmarks.normaliser,
    }  # fmt: skip
    return network + _metadata_entry(METADATA, MARK.decode() + ", " + json.dumps(told)[1:])


def _metadata_entry(key: str, value: str) -> bytes:
    """An entry of the metadata as it may follow an ONNX file: field 14 of ``ModelProto``, with the key as field 1, value 2.

    Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto; https://protobuf.dev/programming-guides/encoding.
    """
    return _field(14, _field(1, key.encode()) + _field(2, value.encode()))


def _field(number: int, data: bytes) -> bytes:
    length = len(data)
    digits = [number << 3 | 2]
    while length > 127:
        digits.append(length & 127 | 128)
        length >>= 7
    return bytes([*digits, length]) + data

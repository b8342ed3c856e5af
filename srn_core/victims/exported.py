"""A detector that ``srn export`` wrote, as a victim: crops and boxes go in as they are, and points come out.

The file's metadata has an entry ``srn``: JSON with the landmark scheme and how faces are cropped.
"""

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from srn_core.errors import UserError
from srn_core.face.geometry import CropSpec
from srn_core.face.schemes import SCHEMES

METADATA = "srn"
# What stands in the file where its metadata begin; no other file needs to be opened to find out.
MARK = b'{"srn_export": 1'


def is_exported(path: Path) -> bool:
    """Whether ``srn export`` wrote the file."""
    return path.is_file() and MARK in path.read_bytes()


class ExportedVictim:
    """A file of ``srn export``, run by onnxruntime on the CPU, without memory.

    Args:
        name: ``onnx:PATH``, for messages.
        path: the file.
        device: of the frames and landmarks.

    Raises:
        UserError: onnxruntime is not installed or cannot load the file.
    """

    def __init__(self, name: str, path: Path, device: torch.device) -> None:
        self._session = open_exported(name, path)
        told = json.loads(self._session.get_modelmeta().custom_metadata_map[METADATA])
        self.scheme, self.crop = SCHEMES[told["scheme"]], CropSpec(told["image_size"], told["crop_factor"])
        self.patch_size: int = told["patch_size"]
        self.device, self.key = device, f"{zlib.crc32(path.read_bytes()):08x}"

    def start(self, batch: int) -> Tensor:
        """No memory: ``(B, 0)``."""
        return torch.zeros(batch, 0, device=self.device)

    def step(self, frames: Tensor, boxes: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """See :meth:`Victim.step`."""
        crops = np.ascontiguousarray(frames.permute(0, 2, 3, 1).cpu().numpy())
        [points] = self._session.run(["points"], {"crop": crops, "box": boxes.float().cpu().numpy()})
        return torch.from_numpy(points).to(self.device), state


def open_exported(name: str, path: Path) -> Any:
    """The file as an ``onnxruntime.InferenceSession`` on the CPU."""
    try:
        import onnxruntime
    except ImportError:
        message = "a file of srn export needs onnxruntime, which is not installed; pip install 'srn-occlusion[onnx]'"
        raise UserError(f"victim '{name}': {message}") from None
    try:
        return onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    except Exception as error:  # The exceptions of onnxruntime have no base class of their own.
        text = " ".join(str(error).split())
        raise UserError(f"victim '{name}': onnxruntime cannot load it ({text}); export the checkpoint again") from None

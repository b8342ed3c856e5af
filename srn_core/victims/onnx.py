"""A network in an ONNX file as a victim."""

import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from srn_core.errors import UserError
from srn_core.face.geometry import CropSpec, crop_map
from srn_core.victims.constant import Memoryless
from srn_core.victims.onnx_network import Network, OnnxOptions, open_network, parse_options


class OnnxVictim(Memoryless):
    """A network in an ONNX file that maps the crop of a face to the coordinates of its landmarks.

    Args:
        name: ``onnx:PATH?key=value&...``; :class:`srn_core.victims.onnx_network.OnnxOptions` lists the keys.
        device: of the frames and landmarks. The network itself runs on the CPU.

    Raises:
        UserError: the file is missing, an option is unknown, or the network has another input or number of points.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        head, _, query = name.partition("?")
        path = Path(head.removeprefix("onnx:"))
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

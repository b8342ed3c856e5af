"""Landmark models that the game can attack besides the SRN, and how all of them are named.

================================= ===========================================================================
name                              victim
================================= ===========================================================================
a checkpoint's name or folder     :class:`srn_core.tracker.Tracker`
``onnx:PATH?size=112&...``        :class:`OnnxVictim`: any network that regresses the landmarks from a crop
``constant``                      :class:`ConstantVictim`: the mean shape in the box, whatever the frame shows
``MODULE:FUNCTION``               your own: ``FUNCTION(device)`` of an importable module gives a
                                  :class:`srn_core.tracker.Victim`, the same one at each call
================================= ===========================================================================
"""

from __future__ import annotations

import importlib
import re
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from srn_core.checkpoint import pick_device
from srn_core.errors import UserError
from srn_core.geometry import CropSpec, crop_map, from_box_units
from srn_core.landmarks import SCHEMES
from srn_core.model import SRNConfig
from srn_core.model.mean_shape import MEAN_SHAPES
from srn_core.onnx_network import Network, OnnxOptions, open_network, parse_options
from srn_core.tracker import Victim, load_tracker

FACTORY = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_]\w*)")
VICTIM_PARTS = ("scheme", "crop", "patch_size", "device", "key", "start", "step")


def is_srn(name: str) -> bool:
    """Whether a victim's name is that of a checkpoint."""
    return name != "constant" and not name.startswith("onnx:") and not is_own(name)


def is_own(name: str) -> bool:
    """Whether a victim's name is ``MODULE:FUNCTION``."""
    return not name.startswith("onnx:") and FACTORY.fullmatch(name) is not None


def load_victim(name: str, device: str = "auto") -> Victim:
    """The victim of a name, see the module.

    Raises:
        UserError: no such checkpoint, file or function, an unknown option, or a network of another number of points.
    """
    if name == "constant":
        return ConstantVictim(pick_device(device))
    if name.startswith("onnx:"):
        return OnnxVictim(name, pick_device(device))
    if match := FACTORY.fullmatch(name):
        return _made_by(name, match[1], match[2], pick_device(device))
    return load_tracker(name, device)


def _made_by(name: str, module: str, function: str, device: torch.device) -> Victim:
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise UserError(f"victim '{name}': {error}; expected MODULE:FUNCTION that can be imported") from None
    make = getattr(found, function, None)
    if not callable(make):
        raise UserError(f"victim '{name}': {module} has no function '{function}'; expected MODULE:FUNCTION")
    victim: Victim = make(device)
    if missing := [part for part in VICTIM_PARTS if not hasattr(victim, part)]:
        raise UserError(f"victim '{name}': has no {', '.join(missing)}; expected what srn_core.tracker.Victim names")
    return victim


class Memoryless:
    """What victims have in common that see every frame afresh; the game plays with them on a preset SRN's crop and patches."""

    def __init__(self, device: torch.device, key: str, preset: str = "small", scheme: str = "68") -> None:
        config = SRNConfig.preset(preset)
        self.scheme, self.crop, self.patch_size = SCHEMES[scheme], config.crop, config.patch_size
        self.device, self.key = device, key

    def start(self, batch: int) -> Tensor:
        """No memory: ``(B, 0)``."""
        return torch.zeros(batch, 0, device=self.device)


class ConstantVictim(Memoryless):
    """Predicts the mean shape in the box; no occluder changes its error."""

    def __init__(self, device: torch.device) -> None:
        super().__init__(device, "constant")
        self._mean_shape = torch.tensor(MEAN_SHAPES[self.scheme.name], device=device)

    def step(self, frames: Tensor, boxes: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """See :meth:`Victim.step`."""
        return from_box_units(self._mean_shape, boxes), state


class OnnxVictim(Memoryless):
    """A network in an ONNX file that maps the crop of a face to the coordinates of its landmarks."""

    def __init__(self, name: str, device: torch.device) -> None:
        """Load the network and run it once.

        Args:
            name: ``onnx:PATH?key=value&...``, see :class:`srn_core.onnx_network.OnnxOptions` for the keys.
            device: where frames come from and landmarks go; the network itself runs on the CPU.

        Raises:
            UserError: no such file, an unknown option, or a network of another input or number of points.
        """
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
                f"{2 * self.scheme.num_landmarks}; name its scheme with scheme=NAME, or its output with blob=NAME"
            )

    @torch.inference_mode()
    def step(self, frames: Tensor, boxes: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """See :meth:`Victim.step`."""
        options = self.options
        mapping = crop_map(boxes.cpu().numpy(), CropSpec(options.size, options.crop))
        grid = np.stack(np.meshgrid(np.arange(options.size), np.arange(options.size)), -1).reshape(1, -1, 2)
        source = torch.from_numpy(mapping.to_frame(grid)).to(self.device).unflatten(1, (options.size, options.size))
        # grid_sample counts from -1 at the first pixel's centre to 1 at the last one's.
        crops = torch.nn.functional.grid_sample(frames.float(), source * 2 / (frames.shape[-1] - 1) - 1, align_corners=True)
        points = np.concatenate([self._network(options.normalised(crop)) for crop in crops.cpu().numpy()])
        points = points.reshape(len(frames), -1, 2) * (options.size if options.output == "unit" else 1)
        return torch.from_numpy(mapping.to_frame(points)).to(self.device), state

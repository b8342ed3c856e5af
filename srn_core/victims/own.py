"""A torch module of your own as a victim, which can also be trained: face crops and boxes in, landmarks out.

The name ``MODULE:FUNCTION`` stands for what ``FUNCTION(device)`` returns. With ``?weights=PATH`` the module then gets other
weights: those of a safetensors file, or of a folder that holds ``model.safetensors``.
"""

import copy
import dataclasses
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from srn_core.checkpoints import CARD, WEIGHTS
from srn_core.errors import UserError
from srn_core.face.geometry import CropSpec, crop_map
from srn_core.io.files import write_json
from srn_core.io.tensors import load_tensors, save_tensors
from srn_core.model import SRNConfig
from srn_core.tracking.step import as_tensors
from srn_core.victims.constant import Memoryless

_NAME = re.compile(r"(?P<module>[A-Za-z_][\w.]*):(?P<function>[A-Za-z_]\w*)(?:\?weights=(?P<weights>.+))?")


class OwnName(NamedTuple):
    """The parts of ``MODULE:FUNCTION?weights=PATH``; ``weights`` is the safetensors file, None without ``?weights=``."""

    module: str
    function: str
    weights: Path | None


def read_own_name(name: str) -> OwnName | None:
    """The parts of a name of this kind; None for another kind.

    >>> read_own_name("my_net:net").function, read_own_name("srn-small")
    ('net', None)
    """
    if (found := _NAME.fullmatch(name)) is None:
        return None
    weights = Path(found["weights"]) if found["weights"] else None
    if weights is not None and weights.suffix != ".safetensors":
        weights /= WEIGHTS
    return OwnName(found["module"], found["function"], weights)


def with_weights(name: str, folder: Path) -> str:
    """The name of the same module with the weights in a folder.

    >>> with_weights("my_net:net?weights=runs/first", Path("runs/second"))
    'my_net:net?weights=runs/second'
    """
    return f"{name.partition('?')[0]}?weights={folder}"


class OwnVictim(Memoryless):
    """A ``torch.nn.Module`` as a victim without memory (:class:`srn_core.victims.protocol.Victim`).

    The module is called with crops ``(B, 3, S, S)`` float32 RGB in [0, 1] and face boxes ``(B, 4)`` float32 ``x0, y0, x1, y1``
    in crop pixels. It returns landmarks ``(B, L, 2)`` in crop pixels. All its attributes that are read are optional:

    - ``crop``: how faces are cropped, a :class:`srn_core.face.geometry.CropSpec`. Default: ``CropSpec(112, 1.4)``, S = 112.
    - ``scheme``: the landmarks, ``"68"`` (default), ``"98"`` or ``"29"``.
    - ``loss(crops, boxes, truth, length)``: the loss ``()`` of a training batch. ``truth`` is ``(B, L, 2)`` crop pixels,
      ``length`` ``(B,)`` the distance that errors are divided by. Default: the mean distance of the landmarks over ``length``.

    Attributes:
        name: ``MODULE:FUNCTION?weights=PATH``.
        model: a copy of the module, in eval mode.
        config: how faces are cropped, in the terms of a training. Its other fields say nothing about the module.

    Args:
        name: see above.
        model: what the function returned.
        device: where the module is moved.
        weights: a safetensors file with its state dict; None: as returned.
        batch_size: faces per forward pass of :meth:`detect_crops`.

    Raises:
        UserError: the weights do not fit, an attribute is wrong, or the answer to an empty picture has a wrong shape or is not
            finite.
    """

    def __init__(
        self, name: str, model: nn.Module, device: torch.device, weights: Path | None = None, batch_size: int = 128
    ) -> None:
        self.name, self.batch_size = name, batch_size
        self.config = _read_config(name, model)
        # A copy, because the function may return the same object at each call.
        self.model = copy.deepcopy(model).to(device).eval()
        if weights is not None:
            _load_weights(name, self.model, weights)
        super().__init__(device, _key(name, self.model), scheme=self.config.scheme)
        self.crop = self.config.crop
        with torch.inference_mode():
            self.checked_answer(self.model, *self.blank_faces(2))

    @torch.inference_mode()
    def step(self, frames: Tensor, boxes: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """See :meth:`Victim.step`."""
        return self.model(frames.float() / 255, boxes).float(), state

    @torch.inference_mode()
    def detect_crops(self, crops: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Landmarks ``(N, L, 2)`` float32, frame pixels, of crops ``(N, S, S, 3)`` uint8 with their frame boxes ``(N, 4)``.

        Raises:
            UserError: a landmark is nan or infinite.
        """
        found = [np.zeros((0, self.scheme.num_landmarks, 2), np.float32)]
        for first in range(0, len(crops), self.batch_size):
            part = slice(first, first + self.batch_size)
            images, places = as_tensors(crops[part], boxes[part], self.crop, self.device)
            answer = self.step(images, places, self.start(len(images)))[0]
            self._check_finite(answer)
            found.append(crop_map(boxes[part], self.crop).to_frame(answer.cpu().numpy()))
        return np.concatenate(found)

    def blank_faces(self, count: int) -> tuple[Tensor, Tensor]:
        """Grey crops ``(N, 3, S, S)`` and the box in the middle of each ``(N, 4)``, as the module gets them."""
        size, half = self.crop.size, self.crop.size / self.crop.factor / 2
        middle = (size - 1) / 2
        box = torch.tensor([middle - half, middle - half, middle + half, middle + half], device=self.device)
        return torch.full((count, 3, size, size), 0.5, device=self.device), box.repeat(count, 1)

    def checked_answer(self, model: nn.Module, crops: Tensor, boxes: Tensor) -> Tensor:
        """The landmarks ``(N, L, 2)`` that ``model``, this module or a copy, answers.

        Raises:
            UserError: it cannot be called like this, or its answer has a wrong shape or is not finite.
        """
        try:
            found = model(crops, boxes)
        except Exception as error:  # Whatever a module of somebody else raises.
            called = f"crops {tuple(crops.shape)} and boxes {tuple(boxes.shape)}"
            raise UserError(f"victim '{self.name}': fails on {called} ({error}); see srn_core.victims.own.OwnVictim") from error
        expected = len(crops), self.scheme.num_landmarks, 2
        if not isinstance(found, Tensor) or tuple(found.shape) != expected:
            given = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
            raise UserError(f"victim '{self.name}': answers {given}; expected landmarks of shape {expected}, crop pixels")
        self._check_finite(found)
        return found

    def _check_finite(self, points: Tensor) -> None:
        if not points.isfinite().all():
            raise UserError(f"victim '{self.name}': answers nan or infinite landmarks; expected finite crop pixels")


def save_own(model: nn.Module, folder: Path, card: Mapping[str, Any]) -> None:
    """Write a module's state dict under its own names, as ``model.safetensors``, and ``card.json`` beside it."""
    save_tensors(folder / WEIGHTS, model.state_dict(), {})
    write_json(folder / CARD, dict(card))


def _read_config(name: str, model: nn.Module) -> SRNConfig:
    small = SRNConfig.preset("small")
    crop, scheme = getattr(model, "crop", small.crop), getattr(model, "scheme", small.scheme)
    if not isinstance(crop, CropSpec):
        raise UserError(f"victim '{name}': crop is {crop!r}; expected a srn_core.face.geometry.CropSpec(size, factor)")
    try:
        return dataclasses.replace(small, scheme=scheme, image_size=crop.size, crop_factor=crop.factor, memory="off")
    except UserError as error:
        raise UserError(f"victim '{name}': its crop or scheme cannot be used: {error}") from None


def _load_weights(name: str, model: nn.Module, weights: Path) -> None:
    try:
        model.load_state_dict(load_tensors(weights)[0])
    except RuntimeError as error:
        problem = str(error).split("\n", 1)[-1]
        raise UserError(f"victim '{name}': the weights of {weights} do not fit the module ({problem})") from None


def _key(name: str, model: nn.Module) -> str:
    """Eight hex digits of the function's name and the module's weights."""
    value = zlib.crc32(name.partition("?")[0].encode())
    for entry, tensor in model.state_dict().items():
        flat = tensor.detach().cpu().reshape(-1).contiguous().view(torch.uint8)
        value = zlib.crc32(entry.encode() + flat.numpy().tobytes(), value)
    return f"{value:08x}"

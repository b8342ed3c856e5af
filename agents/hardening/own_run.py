"""One round of fine-tuning a torch module of your own (:class:`srn_core.victims.own.OwnVictim`)."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from agents.hardening.placements import derived_seed
from agents.hardening.run import FinetuningRun
from srn_core.errors import UserError
from srn_core.face.geometry import from_box_units
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.model import SRNConfig
from srn_core.training.augment import TrainingBatch
from srn_core.training.losses import landmark_loss
from srn_core.victims.own import OwnVictim, save_own
from srn_core.victims.registry import load_victim


class OwnFinetuningRun(FinetuningRun):
    """A round whose tracker is a module of your own. The frames of a sequence are single faces to it."""

    def first_model(self, scheme: str) -> tuple[nn.Module, SRNConfig]:
        """The module with its gradients, and how faces are cropped for it."""
        found = load_own(str(self.args.init), self.args.device)
        return found.model, found.config

    def loss(self, batch: TrainingBatch) -> Tensor:
        """The module's own loss, else the mean error, of all faces of a batch."""
        images, boxes, truth, length, *_ = (values.flatten(0, 1) for values in batch)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.args.precision == "bfloat16"):
            return own_loss(self.model, images + 0.5, boxes, truth, length)

    def update(self, step: int) -> Tensor:
        """See :meth:`TrainingRun.update`."""
        # What the module draws, as for dropout, depends on seed and step alone, so a resumed run repeats it.
        torch.manual_seed(derived_seed(self.args.seed, step))
        return super().update(step)

    def averaged(self) -> nn.Module:
        """A copy of the module with the averaged weights."""
        averaged = copy.deepcopy(self.model)
        averaged.load_state_dict(self.average.tensors)
        return averaged

    def as_tracker(self, model: Any) -> OwnVictim:
        """See :meth:`FinetuningRun.as_tracker`."""
        return OwnVictim(str(self.args.init), model, self.device)

    def keep(self, model: Any, card: dict[str, Any]) -> None:
        """Write the module's state dict under its own names; see :meth:`FinetuningRun.keep`."""
        save_own(model, self.args.out, card)


def own_loss(model: Any, crops: Tensor, boxes: Tensor, truth: Tensor, length: Tensor) -> Tensor:
    """The loss ``()`` of a batch of faces: the module's ``loss``, or the mean error over the normaliser (eq. 8).

    Args:
        model: a module, see :class:`srn_core.victims.own.OwnVictim`.
        crops: ``(B, 3, S, S)`` float32 RGB in [0, 1].
        boxes: ``(B, 4)`` crop pixels.
        truth: ``(B, L, 2)`` crop pixels.
        length: ``(B,)`` crop pixels.
    """
    if callable(getattr(model, "loss", None)):
        found: Tensor = model.loss(crops, boxes, truth, length)
        return found
    return landmark_loss(model(crops, boxes).float(), truth, length).mean()


def load_own(name: str, device: str) -> OwnVictim:
    """The module of a name, ready to be trained; a batch of two faces is tried on a copy.

    Raises:
        UserError: the function returns no ``torch.nn.Module``, no parameter can be trained, the loss or the answer is not as
            expected, or does not depend on the parameters.
    """
    victim = load_victim(name, device)
    if not isinstance(victim, OwnVictim):
        kind = type(victim).__name__
        raise UserError(f"--tracker {name}: returned a {kind}, which cannot be trained; expected a torch.nn.Module")
    if not any(parameter.requires_grad for parameter in victim.model.parameters()):
        raise UserError(f"--tracker {name}: has no trainable parameters; expected at least one with requires_grad")
    trial = copy.deepcopy(victim.model).train()
    crops, boxes = victim.blank_faces(2)
    with torch.random.fork_rng(devices=[]):
        victim.checked_answer(trial, crops, boxes)
        truth = from_box_units(torch.tensor(MEAN_SHAPES[victim.scheme.name], device=victim.device), boxes)
        found = _tried_loss(name, trial, crops, boxes, truth)
    if not isinstance(found, Tensor) or found.ndim or not found.isfinite():
        raise UserError(f"--tracker {name}: its loss is {_one_line(found)}; expected a finite tensor of shape ()")
    if not found.requires_grad:
        raise UserError(f"--tracker {name}: its loss does not depend on its parameters; leave out no_grad and detach")
    return victim


def _tried_loss(name: str, model: nn.Module, crops: Tensor, boxes: Tensor, truth: Tensor) -> Any:
    try:
        return own_loss(model, crops, boxes, truth, torch.full((len(crops),), 30.0, device=crops.device))
    except Exception as error:  # Whatever a module of somebody else raises.
        raise UserError(f"--tracker {name}: its loss fails ({error}); see srn_core.victims.own.OwnVictim") from error


def _one_line(value: Any) -> str:
    return f"of shape {tuple(value.shape)}" if isinstance(value, Tensor) and value.ndim else str(value)

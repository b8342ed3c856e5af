"""Landmark models that the game can attack, by name.

================================= =============================================================================
name                              victim
================================= =============================================================================
name or folder of a checkpoint    an SRN, :class:`srn_core.tracking.tracker.Tracker`
``onnx:PATH?size=112&...``        :class:`OnnxVictim`: a network that maps a crop to landmarks
``onnx:PATH``                     a file of ``srn export``, :class:`ExportedVictim`: it knows its options itself
``crossfit:DIR``                  :class:`CrossFitted`: the trackers of ``srn train --fold k/K`` in DIR; on each clip
                                  answers the one that was trained without the clip's person
``constant``                      :class:`ConstantVictim`: the mean shape in the face box, whatever the frame shows
``MODULE:FUNCTION``               your own: ``FUNCTION(device)`` of a module that can be imported returns a
                                  :class:`srn_core.victims.protocol.Victim`, at each call the same one
================================= =============================================================================
"""

import importlib
import re
from pathlib import Path

import torch

from srn_core.checkpoints import WEIGHTS, given_name, load_pretrained, resolve_checkpoint
from srn_core.devices import pick_device
from srn_core.errors import UserError
from srn_core.tracking.tracker import Tracker
from srn_core.victims.constant import ConstantVictim
from srn_core.victims.crossfit import CROSSFIT, CrossFitted, fold_weights
from srn_core.victims.exported import ExportedVictim, is_exported
from srn_core.victims.onnx import OnnxVictim
from srn_core.victims.protocol import Victim

FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
VICTIM_PARTS = ("scheme", "crop", "patch_size", "device", "key", "start", "step")


def is_srn(name: str) -> bool:
    """Whether a name is that of a checkpoint."""
    return name != "constant" and not name.startswith(("onnx:", CROSSFIT)) and not is_own(name)


def is_own(name: str) -> bool:
    """Whether a name is ``MODULE:FUNCTION``."""
    return not name.startswith(("onnx:", CROSSFIT)) and FACTORY.fullmatch(name) is not None


def is_crossfit(name: str) -> bool:
    """Whether a name is ``crossfit:DIR``."""
    return name.startswith(CROSSFIT)


def weight_files(name: str) -> list[Path]:
    """The files with the weights of a victim that is made of checkpoints; of others none.

    Raises:
        UserError: the checkpoint does not exist.
    """
    if is_crossfit(name):
        return fold_weights(name)
    return [resolve_checkpoint(name) / WEIGHTS] if is_srn(name) else []


def load_victim(name: str | Path, device: str = "auto") -> Victim:
    """The victim of a name, see this module's table; a path is the folder of a checkpoint.

    Raises:
        UserError: the checkpoint, file, function or option does not exist, or the network has another number of points.
    """
    name = given_name(name)
    if name == "constant":
        return ConstantVictim(pick_device(device))
    if name.startswith("onnx:"):
        path = Path(name.removeprefix("onnx:"))
        return ExportedVictim(name, path, pick_device(device)) if is_exported(path) else OnnxVictim(name, pick_device(device))
    if is_crossfit(name):
        return CrossFitted(name, pick_device(device))
    if is_own(name):
        return _made_by(name, pick_device(device))
    return Tracker(load_pretrained(name), device)


def _made_by(name: str, device: torch.device) -> Victim:
    module, _, function = name.partition(":")
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise UserError(f"victim '{name}': {error}; expected MODULE:FUNCTION of a module that can be imported") from None
    make = getattr(found, function, None)
    if not callable(make):
        raise UserError(f"victim '{name}': {module} has no function '{function}'; expected MODULE:FUNCTION")
    victim: Victim = make(device)
    if missing := [part for part in VICTIM_PARTS if not hasattr(victim, part)]:
        raise UserError(f"victim '{name}': has no {', '.join(missing)}; expected all of srn_core.victims.protocol.Victim")
    return victim

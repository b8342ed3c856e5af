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
                                  :class:`srn_core.victims.protocol.Victim`, at each call the same one, or a
                                  ``torch.nn.Module``, see :class:`srn_core.victims.own.OwnVictim`
``MODULE:FUNCTION?weights=PATH``  the same module with the weights of a safetensors file, or of a folder's
                                  ``model.safetensors``
================================= =============================================================================
"""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from srn_core.checkpoints import CARD, WEIGHTS, given_name, load_pretrained, resolve_checkpoint
from srn_core.data.spec import unescape_path
from srn_core.devices import pick_device
from srn_core.errors import UserError
from srn_core.io.files import read_json
from srn_core.io.modules import import_named
from srn_core.tracking.tracker import Tracker
from srn_core.victims.constant import ConstantVictim
from srn_core.victims.crossfit import CROSSFIT, CrossFitted, fold_weights
from srn_core.victims.exported import ExportedVictim, is_exported
from srn_core.victims.onnx import OnnxVictim
from srn_core.victims.own import OwnName, OwnVictim, read_own_name, with_weights
from srn_core.victims.protocol import Victim

VICTIM_PARTS = ("scheme", "crop", "patch_size", "device", "key", "start", "step")


def is_srn(name: str) -> bool:
    """Whether a name is that of a checkpoint."""
    return name != "constant" and not name.startswith(("onnx:", CROSSFIT)) and not is_own(name)


def is_own(name: str) -> bool:
    """Whether a name is ``MODULE:FUNCTION``, with or without weights."""
    return not name.startswith(("onnx:", CROSSFIT)) and read_own_name(name) is not None


def is_crossfit(name: str) -> bool:
    """Whether a name is ``crossfit:DIR``."""
    return name.startswith(CROSSFIT)


def weight_files(name: str) -> list[Path]:
    """The files with the weights of a victim, as far as its name says where they are.

    Raises:
        UserError: the checkpoint does not exist.
    """
    if is_crossfit(name):
        return fold_weights(name)
    if is_own(name):
        own = read_own_name(name)
        return [own.weights] if own and own.weights else []
    return [resolve_checkpoint(name) / WEIGHTS] if is_srn(name) else []


def trained_name(name: str, folder: Path) -> str:
    """The name of a tracker after a training that started from ``name`` and wrote its weights to ``folder``."""
    return with_weights(name, folder) if is_own(name) else str(folder)


def weights_card(name: str) -> dict[str, Any]:
    """The card beside the weights of a name; empty where there is none.

    Raises:
        UserError: the checkpoint does not exist, or the card is no JSON.
    """
    cards = [file.with_name(CARD) for file in weight_files(name)]
    return dict(read_json(cards[0])) if len(cards) == 1 and cards[0].is_file() else {}


def load_victim(name: str | Path, device: str = "auto") -> Victim:
    """The victim of a name, see this module's table; a path is the folder of a checkpoint.

    Raises:
        UserError: the checkpoint, file, function or option does not exist, or the network has another number of points.
    """
    name = given_name(name)
    if name == "constant":
        return ConstantVictim(pick_device(device))
    if name.startswith("onnx:"):
        path = Path(unescape_path(name.removeprefix("onnx:")))
        return ExportedVictim(name, path, pick_device(device)) if is_exported(path) else OnnxVictim(name, pick_device(device))
    if is_crossfit(name):
        return CrossFitted(name, pick_device(device))
    if (own := read_own_name(name)) is not None:
        return _made_by(name, own, pick_device(device))
    return Tracker(load_pretrained(name), device)


def _folder_called(name: str) -> str:
    """What to do where a checkpoint's folder has a name that means a function."""
    return f"; the checkpoint in the folder of this name is ./{name}" if (Path(name) / WEIGHTS).is_file() else ""


def _made_by(name: str, own: OwnName, device: torch.device) -> Victim:
    try:
        found = import_named(own.module)
    except ImportError as error:
        raise UserError(
            f"victim '{name}': {error}; expected MODULE:FUNCTION of a module that is installed or lies in the current folder"
            + _folder_called(name)
        ) from None
    make = getattr(found, own.function, None)
    if not callable(make):
        problem = f"{own.module} has no function '{own.function}'"
        raise UserError(f"victim '{name}': {problem}; expected MODULE:FUNCTION{_folder_called(name)}")
    # So that a module without trained weights is the same at each call.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            made = make(device)
        except UserError:
            raise
        except Exception as error:  # Whatever somebody else's code raises.
            problem = f"{own.function}({device}) fails ({type(error).__name__}: {error})"
            raise UserError(f"victim '{name}': {problem}; expected a function of the device") from error
    missing = [part for part in VICTIM_PARTS if not hasattr(made, part)]
    if missing and isinstance(made, nn.Module):
        return OwnVictim(name, made, device, own.weights)
    kind = type(made).__name__
    if missing:
        problem = f"returned a {kind}, which has no {', '.join(missing)}"
        raise UserError(f"victim '{name}': {problem}; expected a torch.nn.Module, or a srn_core.victims.protocol.Victim")
    if own.weights is not None:
        raise UserError(f"victim '{name}': returned a {kind}; ?weights= is for a function that returns a torch.nn.Module")
    victim: Victim = made
    return victim

"""What lies in a run's folder, and whose run it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agents.baselines.extra import LIBRARY
from srn_core.checkpoints import CARD
from srn_core.errors import UserError
from srn_core.io.files import read_json

if TYPE_CHECKING:
    pass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


POLICY, STATE = "policy.safetensors", "state.safetensors"


def start_run_dir(folder: Path, resume: bool) -> Path:
    """Make the run's folder; a run that is there already is only touched to resume it."""
    there = (folder / STATE).is_file()
    if there and not resume:
        raise UserError(
            f"{folder}: holds a run of agents/dqn.py already; go on with that with --resume, or give another --run-dir"
        )
    if resume and not there:
        raise UserError(f"{folder / STATE}: nothing to resume; expected the folder of a run that was stopped")
    if is_sb3_run(folder):
        raise UserError(f"{folder}: holds a run of agents/sb3.py already; give another --run-dir")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def is_sb3_run(folder: Path) -> bool:
    """Whether a folder's card says that agents/sb3.py wrote it."""
    if not (folder / CARD).is_file():
        return False
    card = read_json(folder / CARD)
    return isinstance(card, dict) and card.get("library") == LIBRARY

"""What a run's folder holds, and which command wrote it."""

from pathlib import Path

from agents.baselines.extra import LIBRARY
from srn_core.checkpoints import CARD
from srn_core.errors import UserError
from srn_core.io.files import read_json

POLICY, STATE = "policy.safetensors", "state.safetensors"


def start_run_dir(folder: Path, resume: bool) -> Path:
    """Make the run's folder.

    Raises:
        UserError: it already holds a run that is not to be resumed, or nothing to resume.
    """
    stopped = (folder / STATE).is_file()
    if stopped and not resume:
        raise UserError(f"{folder}: already holds a run of agents/dqn.py; continue it with --resume, or give another --run-dir")
    if resume and not stopped:
        raise UserError(f"{folder / STATE}: not found, nothing to resume; expected the folder of a run that was stopped")
    if is_sb3_run(folder):
        raise UserError(f"{folder}: already holds a run of agents/sb3.py; give another --run-dir")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def is_sb3_run(folder: Path) -> bool:
    """Whether agents/sb3.py wrote the folder, by its card."""
    if not (folder / CARD).is_file():
        return False
    card = read_json(folder / CARD)
    return isinstance(card, dict) and card.get("library") == LIBRARY

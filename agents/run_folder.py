"""What a run's folder holds, and which command wrote it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agents.baselines.extra import LIBRARY
from srn_core.checkpoints import CARD
from srn_core.errors import UserError
from srn_core.io.claims import claimed
from srn_core.io.files import read_json

POLICY, STATE = "policy.safetensors", "state.safetensors"


@contextmanager
def claimed_run(folder: Path, resume: bool) -> Iterator[Path]:
    """Make the run's folder and hold it until the block ends; yields the folder.

    Raises:
        UserError: it already holds a run that is not to be resumed, or nothing to resume, or another process is using it.
    """
    # Checked before the folder is made, and again once no other run can write into it.
    _check_run(folder, resume)
    with claimed(folder, "--run-dir"):
        _check_run(folder, resume)
        yield folder


def _check_run(folder: Path, resume: bool) -> None:
    stopped = (folder / STATE).is_file()
    if stopped and not resume:
        raise UserError(f"{folder}: already holds a run of agents/dqn.py; continue it with --resume, or give another --run-dir")
    if resume and not stopped:
        raise UserError(f"{folder / STATE}: not found, nothing to resume; expected the folder of a run that was stopped")
    if is_sb3_run(folder):
        raise UserError(f"{folder}: already holds a run of agents/sb3.py; give another --run-dir")


def is_run(folder: Path) -> bool:
    """Whether the folder holds a trained policy."""
    return (folder / POLICY).is_file() or is_sb3_run(folder)


def is_sb3_run(folder: Path) -> bool:
    """Whether agents/sb3.py wrote the folder, by its card."""
    if not (folder / CARD).is_file():
        return False
    card = read_json(folder / CARD)
    return isinstance(card, dict) and card.get("library") == LIBRARY

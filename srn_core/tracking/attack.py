"""Attacking a face while it is tracked: what ``srn track --occlude`` needs from the players, which live above this package."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

import numpy as np

from srn_core.errors import UserError
from srn_core.tracking.tracker import Tracker
from srn_core.tracking.video import TrackedFace

# Named here and imported when it is asked for. The folder of the players is in the checkout and not in the installed package.
PLAYERS = "agents.playing.live"
CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Attacked:
    """What an occluder did to one face in one frame.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB, the frame with the occluder.
        landmarks: ``(L, 2)`` pixels, the tracker's answer on it.
        covered: the landmark under the occluder, -1 for none.
        moved: mean distance of the answer from the landmarks of the bare frame, as a fraction of the scheme's normaliser.
    """

    image: np.ndarray
    landmarks: np.ndarray
    covered: int
    moved: float


class Attack(Protocol):
    """Covers one face, frame by frame."""

    def __call__(self, image: np.ndarray, face: TrackedFace) -> Attacked:
        """The frame ``(H, W, 3)`` uint8 RGB with an occluder on the face that was found in it."""
        ...


def load_attack(policy: str, tracker: Tracker, checkpoint: str) -> Attack:
    """The attack of a policy: a name that ``agents/evaluate.py`` knows, or the folder of a trained run.

    Raises:
        UserError: the policy is unknown, or the players are not here.
    """
    # A console command does not have the checkout on its path.
    module = CHECKOUT.joinpath(*PLAYERS.split("."))
    if not module.with_suffix(".py").is_file():
        raise UserError(
            f"--occlude {policy}: the players are not here; install from the project's checkout (pip install --editable)"
        )
    players = import_module(PLAYERS)
    attack: Attack = players.LiveAttack(policy, tracker, checkpoint)
    return attack

"""The interface of a policy."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from torch import Tensor

from srn_gym.game import OcclusionGame


class Position(NamedTuple):
    """The current place of B episodes that are played together. All are at the same frame number of their clips.

    Attributes:
        clip: ``(B,)`` int64.
        frame: ``(B,)`` int64, the shown frame.
        landmark: ``(B,)`` int64, the landmark covered before.
        state: ``(B, D)`` the tracker's memory.
        earned: ``(B, 2, L)`` what the episodes earned on their clips so far (:mod:`srn_gym.memory`); zeros unless the policy
            ``remembers``.
    """

    clip: Tensor
    frame: Tensor
    landmark: Tensor
    state: Tensor
    earned: Tensor


class Policy(Protocol):
    """Chooses the landmark to cover. Under the rules of the game it is one of the three candidates.

    A policy may have an attribute ``remembers``. Where it is true, positions say what was earned. That costs up to two answers
    of the tracker per frame.
    """

    def begin(self, game: OcclusionGame, clip: Tensor, landmark: Tensor, rngs: Sequence[np.random.Generator]) -> None:
        """Start episodes on clips ``(B,)`` with first landmarks ``(B,)``; each has its own random generator."""
        ...

    def targets(self, position: Position, running: Tensor) -> Tensor:
        """``(B,)`` landmarks to cover, -1 for none; entries of episodes that are not ``running`` ``(B,)`` bool are not used."""
        ...

"""What every policy looks like to a rollout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from torch import Tensor

from srn_gym.game import OcclusionGame


class Position(NamedTuple):
    """Where the episodes of a rollout stand: all at the same frame number of their clips.

    Attributes:
        clip: ``(B,)`` int64.
        frame: ``(B,)`` int64, the shown frame.
        landmark: ``(B,)`` int64, the landmark covered before.
        state: ``(B, D)`` the tracker's memory.
    """

    clip: Tensor
    frame: Tensor
    landmark: Tensor
    state: Tensor


class Policy(Protocol):
    """Chooses the landmark to cover. A policy inside the game's rules answers with one of the three candidates."""

    def begin(self, game: OcclusionGame, clip: Tensor, landmark: Tensor, rngs: Sequence[np.random.Generator]) -> None:
        """New episodes on clips ``(B,)`` round first landmarks ``(B,)``, each with a generator of its own."""
        ...

    def targets(self, position: Position, running: Tensor) -> Tensor:
        """``(B,)`` landmarks to cover, -1 for none; only those of ``running`` ``(B,)`` bool episodes count."""
        ...

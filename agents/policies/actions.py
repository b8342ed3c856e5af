"""The base of policies that take one of the game's three actions."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from agents.policies.protocol import Position
from srn_gym.game import OcclusionGame


class ActionPolicy(ABC):
    """Turns actions into landmarks; a subclass chooses the actions.

    Attributes:
        game: the game of the last :meth:`begin`.
        remembers: see :class:`agents.policies.protocol.Policy`.
    """

    game: OcclusionGame | None = None
    remembers: bool = False

    def begin(self, game: OcclusionGame, clip: Tensor, landmark: Tensor, rngs: Sequence[np.random.Generator]) -> None:
        if self.game is not game:
            self.prepare(game)
            self.game = game

    @torch.no_grad()
    def targets(self, position: Position, running: Tensor) -> Tensor:
        assert self.game is not None
        live = running.nonzero()[:, 0]
        shown = Position(*(values[live] for values in position))
        candidates = self.game.candidates(shown.landmark)
        targets = position.landmark.clone()
        targets[live] = candidates.gather(1, self.actions(self.game, shown, candidates)[:, None])[:, 0]
        return targets

    def prepare(self, game: OcclusionGame) -> None:
        """Called before the first episode of each new game."""
        return

    @abstractmethod
    def actions(self, game: OcclusionGame, position: Position, candidates: Tensor) -> Tensor:
        """The actions 0, 1 or 2 of ``B`` episodes: ``(B,)`` int64; ``candidates`` ``(B, 3)`` are the landmarks they cover."""

"""Policies without a plan: ``none``, ``static``, ``random-walk``, ``random-jump`` and ``greedy``."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from agents.policies.actions import ActionPolicy
from agents.policies.protocol import Position
from srn_gym.game import NO_OCCLUDER, NUM_ACTIONS, OcclusionGame


class Fixed:
    """``none`` leaves every frame clean; ``static`` stays on the first landmark."""

    def __init__(self, clean: bool) -> None:
        self.clean = clean

    def begin(self, game: OcclusionGame, clip: Tensor, landmark: Tensor, rngs: Sequence[np.random.Generator]) -> None:
        pass

    def targets(self, position: Position, running: Tensor) -> Tensor:
        return torch.full_like(position.landmark, NO_OCCLUDER) if self.clean else position.landmark


class Random:
    """``random-walk`` takes one of the three actions; ``random-jump`` covers any landmark (the paper's RSF)."""

    def __init__(self, jump: bool) -> None:
        self.jump = jump

    def begin(self, game: OcclusionGame, clip: Tensor, landmark: Tensor, rngs: Sequence[np.random.Generator]) -> None:
        self.game, self.rngs = game, rngs

    def targets(self, position: Position, running: Tensor) -> Tensor:
        count = self.game.num_landmarks if self.jump else NUM_ACTIONS
        drawn = torch.tensor([int(rng.integers(count)) for rng in self.rngs], device=position.landmark.device)
        return drawn if self.jump else self.game.candidates(position.landmark).gather(1, drawn[:, None])[:, 0]


class Greedy(ActionPolicy):
    """One-step look-ahead with the true error."""

    def actions(self, game: OcclusionGame, position: Position, candidates: Tensor) -> Tensor:
        clip, frame, state = (
            values.repeat_interleave(NUM_ACTIONS, 0) for values in (position.clip, position.frame, position.state)
        )
        return game.respond(clip, frame, candidates.flatten(), state).nme.view(-1, NUM_ACTIONS).argmax(1)

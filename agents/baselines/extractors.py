"""Feature extractors for SB3: each candidate passes through the same weights, then the results are joined.

SB3's own heads see the joined candidates, so only the extractors can treat all candidates the same way.
"""

import copy
from collections.abc import Callable
from typing import Any, Self

import torch
from gymnasium.spaces import Box
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from agents.deepq.features import load_encoder
from srn_core.errors import UserError

# Frames whose patches pass through the trunk at once. This bounds its memory.
TRUNK_BATCH = 64


class CandidateFeatures(BaseFeaturesExtractor):
    """For all observations but ``patches``: one layer on each candidate's vector, ``(B, A, F)`` -> ``(B, A * width)``."""

    def __init__(self, observation_space: Box, width: int = 64) -> None:
        candidates, size = observation_space.shape
        super().__init__(observation_space, candidates * width)
        self.head = _head(size, width)

    def forward(self, observations: Tensor) -> Tensor:
        return self.head(observations).flatten(1)


class CandidatePatches(BaseFeaturesExtractor):
    """For the observation ``patches``: an SRN's pre-trained trunk, then one layer on each candidate.

    ``(B, A, L, 3, P, P)`` in 0..255 -> ``(B, A * width)``.

    Attributes:
        trunk: the convolutions.
        head: the layer after them.
    """

    def __init__(self, observation_space: Box, tracker: str, width: int = 64, train_trunk: bool = False) -> None:
        """Take the trunk of a tracker.

        Args:
            observation_space: the env's.
            tracker: the victim's name; if the victim is not an SRN, the trunk of srn-small is used.
            width: outputs of the layer per candidate.
            train_trunk: train the trunk too; otherwise it is frozen.

        Raises:
            UserError: the patch sizes of the SRN and the observation differ.
        """
        candidates, landmarks, _, patch_size, _ = observation_space.shape
        super().__init__(observation_space, candidates * width)
        model = load_encoder(tracker)
        if model.config.patch_size != patch_size:
            raise UserError(
                f"tracker '{tracker}': patches of {model.config.patch_size} px, but the observation has {patch_size} px; "
                "give the tracker that the game is played against"
            )
        # A copy, because a user's own victim is the same object as the tracker of the game.
        self.trunk = copy.deepcopy(model.trunk).requires_grad_(train_trunk)
        self.head = _head(landmarks * model.trunk.channels * model.trunk.side**2, width)

    def forward(self, observations: Tensor) -> Tensor:
        frames = observations.flatten(0, 1)
        found = torch.cat([self.trunk(part.flatten(0, 1) / 255 - 0.5) for part in frames.split(TRUNK_BATCH)])
        return self.head(found.reshape(len(frames), -1)).unflatten(0, observations.shape[:2]).flatten(1)

    def apply(self, fn: Callable[[nn.Module], Any]) -> Self:
        """Apply ``fn`` to the head only: PPO initialises layers this way, which would erase the trunk's weights."""
        self.head.apply(fn)
        return self


def _head(size: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(size), nn.Linear(size, width), nn.ReLU())

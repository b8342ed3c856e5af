"""A trained Q-network as a policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from agents.deepq.features import FrozenFeatures, shared_features
from agents.deepq.network import QNet
from agents.policies.protocol import Position
from srn_core.checkpoints import fingerprint
from srn_core.errors import UserError
from srn_gym.game import OcclusionGame

if TYPE_CHECKING:
    pass


def check_encoder(run: Path | str, card: Mapping[str, Any], key: str) -> None:
    """Refuse to use a policy with another SRN before it than the one that it was trained with, as its ``card`` says.

    Raises:
        UserError: the SRN of that name has other weights now, those of ``key``.
    """
    if card.get("encoder_key", key) != key:
        raise UserError(f"{run}: sees through an SRN whose weights have changed since its training; restore them or train anew")


class LearnedPolicy:
    """A trained Q-network as a policy: the candidate of the highest value.

    Attributes:
        features: what it sees of the game being played; None before the first.
        network: the :class:`QNet`, once a game has begun.
    """

    def __init__(self, run: Path | str, tensors: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
        """``tensors`` of a :class:`QNet`, and the ``card`` beside them; ``run`` names them to the user."""
        self.run, self.tensors, self.card, self.arguments = run, tensors, card, card["arguments"]
        self.features: FrozenFeatures | None = None

    def begin(self, game: OcclusionGame, clip: Tensor, landmark: Tensor, rngs: Sequence[np.random.Generator]) -> None:
        if self.features is None or self.features.game is not game:
            self.features = shared_features(game, self.arguments["tracker"], self.arguments["encoder"])
            check_encoder(self.run, self.card, fingerprint(self.features.model))
            # Switches that came later: off in the runs from before.
            switches = {
                name: self.arguments.get(name, False) for name in ("landmark_only", "relative_to_clean", "without_landmark_id")
            }
            self.network = QNet(self.features, self.arguments["trunk"] == "tuned", **switches).to(game.device).eval()
            self.network.load_state_dict(self.tensors)
            if self.network.encoder is not None:
                # A tuned trunk learns no more: its answers are shared and remembered as those of a frozen one.
                self.features, self.network.encoder = FrozenFeatures(game, self.network.encoder), None

    @torch.no_grad()
    def targets(self, position: Position, running: Tensor) -> Tensor:
        assert self.features is not None
        targets = position.landmark.clone()
        live = running.nonzero()[:, 0]
        landmark = position.landmark[live]
        values = self.network.candidate_values(self.features, position.clip[live], position.frame[live], landmark)
        candidates = self.features.game.candidates(landmark)
        targets[live] = candidates.gather(1, values.argmax(1, keepdim=True))[:, 0]
        return targets

"""A trained Q-network as a policy."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from agents.deepq.features import network_features
from agents.deepq.network import QNet
from agents.policies.actions import ActionPolicy
from agents.policies.landmark_plan import LandmarkPlan
from agents.policies.protocol import Position
from srn_core.errors import UserError
from srn_gym.game import OcclusionGame


def check_encoder(run: Path | str, trained_with: str, key: str) -> None:
    """Refuse to use a policy with another SRN than it was trained with.

    Args:
        run: names the policy to the user.
        trained_with: fingerprint of the SRN of the training.
        key: fingerprint of the SRN of that name now.

    Raises:
        UserError: they differ.
    """
    if trained_with != key:
        raise UserError(f"{run}: the encoder's weights have changed since the training; restore them or train again")


class LearnedPolicy(ActionPolicy):
    """Takes the candidate that a trained Q-network values most.

    Attributes:
        features: what it sees of the game that it plays, set by :meth:`prepare`.
        network: the :class:`QNet`, set by :meth:`prepare`.
    """

    def __init__(self, run: Path | str, tensors: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
        """``tensors`` of a :class:`QNet`, and the ``card`` saved with them; ``run`` names them to the user."""
        self.run, self.tensors, self.card, self.arguments = run, tensors, card, card["arguments"]
        self.plans = self.arguments["plan"] != "none" and not self.arguments["without_landmark_id"]
        self.remembers = self.plans and self.arguments["plan"] == "clip"

    def prepare(self, game: OcclusionGame) -> None:
        arguments = self.arguments
        self.features = network_features(game, arguments["encoder"], arguments["view"])
        if arguments["encoder"]:
            check_encoder(self.run, self.card["encoder_key"], self.features.key)
        switches = {name: arguments[name] for name in ("landmark_only", "without_landmark_id", "view")}
        plan = LandmarkPlan(game.neighbours, arguments["gamma"], self.remembers) if self.plans else None
        self.network = QNet(self.features, arguments["trunk"] == "tuned", **switches, plan=plan).to(game.device).eval()
        self.network.load_state_dict(self.tensors)
        if self.network.encoder is not None:
            # The trunk no longer changes, so its features can be remembered like those of a frozen one.
            self.features, self.network.encoder = game.features(self.network.encoder, self.features.encode), None

    def actions(self, game: OcclusionGame, position: Position, candidates: Tensor) -> Tensor:
        return self.values(position, candidates).argmax(1)

    def values(self, position: Position, candidates: Tensor) -> Tensor:
        """What the network expects of covering each of the candidates ``(B, 3)``: ``(B, 3)``, in standardised rewards."""
        shown = position.clip, position.frame, candidates, position.earned
        return self.network.candidate_values(self.features, *shown)

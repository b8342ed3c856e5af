"""Files of a training run: the policy to use, the state to go on from; safetensors and JSON, written atomically."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from agents.features import FrozenFeatures, shared_features
from agents.policies import Policy, Position
from agents.qnet import QNet
from agents.sb3_extra import LIBRARY, require
from srn_core.checkpoint import CARD, load_tensors, plain, plain_defaults, read_json, save_tensors
from srn_core.errors import UserError, check_resumed
from srn_core.tracker import Victim, fingerprint
from srn_gym.dynamics import OcclusionGame
from srn_gym.rules import GameRules, rules_of

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.replay import NStep
    from srn_gym.episodes import Episodes

POLICY, STATE = "policy.safetensors", "state.safetensors"
# Arguments that may change when a run goes on; total_steps sets how far.
FREE = {"total_steps", "val_clips", "eval_episodes", "save_every", "device", "run_dir", "resume"}
EPISODE_TENSORS = ("clip", "frame", "landmark", "start", "state", "returns")


def start_run_dir(folder: Path, resume: bool) -> Path:
    """Make the run's folder; a run that is there already is only touched to resume it."""
    there = (folder / STATE).is_file()
    if there and not resume:
        raise UserError(
            f"{folder}: holds a run of agents/dqn.py already; go on with that with --resume, or give another --run-dir"
        )
    if resume and not there:
        raise UserError(f"{folder / STATE}: nothing to resume; expected the folder of a run that was stopped")
    if is_sb3_run(folder):
        raise UserError(f"{folder}: holds a run of agents/sb3.py already; give another --run-dir")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def save_run(
    folder: Path, step: int, learner: Learner, episodes: Episodes, rngs: Sequence[np.random.Generator], n_step: NStep
) -> None:
    """Write the policy, then everything that the next step depends on."""
    keys = {"tracker_key": learner.game.tracker.key, "encoder_key": learner.encoder_key}
    card = {"step": step, "arguments": plain(learner.args), **keys}
    save_tensors(folder / POLICY, learner.online.state_dict(), card)
    tensors = _prefixed("online", learner.online.state_dict()) | _prefixed("target", learner.target.state_dict())
    for index, values in learner.optimiser.state_dict()["state"].items():
        tensors |= _prefixed(f"optimiser.{index}", values)
    tensors |= {f"replay.{name}": torch.from_numpy(array.copy()) for name, array in learner.replay.state().items()}
    tensors |= {f"episodes.{name}": getattr(episodes, name) for name in EPISODE_TENSORS}
    if n_step.pending:
        tensors["pending"] = torch.from_numpy(np.stack(n_step.pending).view(np.uint8))
    metadata = {
        "step": step,
        "clips_key": clips_key(learner.game),
        "rewards": [learner.reward_count, learner.reward_mean, learner.reward_square],
        "generators": [rng.bit_generator.state for rng in (learner.rng, *rngs)],
    }
    save_tensors(folder / STATE, tensors, metadata)


def load_run(folder: Path, learner: Learner, episodes: Episodes, rngs: Sequence[np.random.Generator], n_step: NStep) -> int:
    """Restore what :func:`save_run` wrote into the same objects; returns the step to go on from.

    Raises:
        UserError: a damaged file, or a run of other arguments, on other clips or against other weights.
    """
    card = load_tensors(folder / POLICY)[1]
    check_arguments(folder, card, learner.args)
    check_tracker(folder, card, learner.game.tracker)
    check_encoder(folder, card, learner.encoder_key)
    tensors, metadata = load_tensors(folder / STATE)
    # The replay holds clips as numbers.
    if metadata.get("clips_key", clips_key(learner.game)) != clips_key(learner.game):
        raise UserError(f"{folder}: was begun on other clips than {learner.args.clips} has now; restore them or start anew")
    learner.online.load_state_dict(_under("online", tensors))
    learner.target.load_state_dict(_under("target", tensors))
    optimiser = learner.optimiser.state_dict()
    for name, value in _under("optimiser", tensors).items():
        index, _, key = name.partition(".")
        optimiser["state"].setdefault(int(index), {})[key] = value
    learner.optimiser.load_state_dict(optimiser)
    learner.replay.load({name: value.numpy() for name, value in _under("replay", tensors).items()})
    for name, value in _under("episodes", tensors).items():
        setattr(episodes, name, value.to(learner.game.device))
    if "pending" in tensors:
        n_step.load(tensors["pending"].numpy())
    learner.reward_count, learner.reward_mean, learner.reward_square = metadata["rewards"]
    for rng, state in zip((learner.rng, *rngs), metadata["generators"], strict=True):
        rng.bit_generator.state = state
    return int(metadata["step"])


def check_arguments(folder: Path, card: Mapping[str, Any], args: Any) -> None:
    """Refuse to go on with a DQN of other arguments than ``args``, those of a ``card`` that was written before an option came
    being its default.

    Raises:
        UserError: names what differs.
    """
    check_resumed(folder, plain_defaults(type(args)) | card["arguments"], plain(args), FREE)


def check_tracker(folder: Path, before: Mapping[str, Any], tracker: Victim) -> None:
    """Refuse to go on against other weights of the same name than those that the run's records ``before`` are of.

    Raises:
        UserError: they are.
    """
    if before.get("tracker_key", tracker.key) != tracker.key:
        raise UserError(f"{folder}: was begun against a tracker whose weights have changed since; give another folder")


def check_encoder(run: Path | str, card: Mapping[str, Any], key: str) -> None:
    """Refuse to use a policy with another SRN before it than the one that it was trained with, as its ``card`` says.

    Raises:
        UserError: the SRN of that name has other weights now, those of ``key``.
    """
    if card.get("encoder_key", key) != key:
        raise UserError(f"{run}: sees through an SRN whose weights have changed since its training; restore them or train anew")


def clips_key(game: OcclusionGame) -> str:
    """Eight hex digits of the names and lengths of a game's clips, in their order."""
    return f"{zlib.crc32(repr([(clip.name, len(clip)) for clip in game.clips]).encode()):08x}"


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
            switches = {name: self.arguments.get(name, False) for name in ("blind", "above_clean", "unnamed")}
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


def load_policy(folder: Path) -> Policy:
    """The policy that a run has saved last, of agents/dqn.py or of agents/sb3.py.

    Raises:
        UserError: no run there, a damaged file, or a run of SB3 where that is not installed.
    """
    if is_sb3_run(folder):
        require("stable_baselines3")
        # Only here: SB3 is an extra.
        from agents.sb3_policy import load_sb3_policy

        return load_sb3_policy(folder)
    if not (folder / POLICY).is_file():
        raise UserError(f"policy '{folder}': unknown; expected a policy's name or a run's folder with {POLICY}")
    tensors, card = load_tensors(folder / POLICY)
    if "trunk" not in card.get("arguments", {}):
        raise UserError(f"{folder / POLICY}: not a policy of this package; expected one that agents/dqn.py wrote")
    return LearnedPolicy(folder, tensors, card)


def is_sb3_run(folder: Path) -> bool:
    """Whether a folder's card says that agents/sb3.py wrote it."""
    if not (folder / CARD).is_file():
        return False
    card = read_json(folder / CARD)
    return isinstance(card, dict) and card.get("library") == LIBRARY


def trained_rules(policy: str) -> dict[str, Any]:
    """The rules of the game that a trained policy was trained with, see :func:`rules_of`; for a named one the default ones."""
    folder, rules = Path(policy), rules_of(GameRules())
    if is_sb3_run(folder):
        arguments = read_json(folder / CARD).get("arguments", {})
    elif (folder / POLICY).is_file():
        arguments = load_tensors(folder / POLICY)[1].get("arguments", {})
    else:
        return rules
    return {name: arguments.get(name, value) for name, value in rules.items()} if isinstance(arguments, dict) else rules


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}

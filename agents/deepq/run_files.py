"""Files of a DQN's run: the trained policy, and the state from which training continues. Both are safetensors."""

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.deepq.learner import Learner
from agents.deepq.policy import check_encoder
from agents.deepq.replay import NStep
from agents.run_folder import POLICY, STATE
from srn_core.data.several import specs_text
from srn_core.errors import UserError, check_resumed
from srn_core.io.files import plain
from srn_core.io.tensors import load_tensors, save_tensors
from srn_core.versions import versions
from srn_core.victims.protocol import Victim
from srn_gym.episodes import Episodes
from srn_gym.game import OcclusionGame

# Arguments that may change when a run is resumed; total_steps sets where it ends.
FREE = {"total_steps", "val_clips", "eval_episodes", "save_every", "device", "run_dir", "resume"}
EPISODE_TENSORS = ("clip", "frame", "landmark", "start", "state", "earned", "returns")


def save_run(
    folder: Path, step: int, learner: Learner, episodes: Episodes, rngs: Sequence[np.random.Generator], n_step: NStep
) -> None:
    """Write the policy, then all that the next step depends on."""
    keys = {"tracker_key": learner.game.tracker.key, "encoder_key": learner.encoder_key}
    card = {"step": step, "arguments": plain(learner.args), "versions": versions(), **keys}
    save_tensors(folder / POLICY, learner.online.state_dict(), card)
    tensors = _prefixed("online", learner.online.state_dict()) | _prefixed("target", learner.target.state_dict())
    for index, values in learner.optimiser.state_dict()["state"].items():
        tensors |= _prefixed(f"optimiser.{index}", values)
    tensors |= {f"replay.{name}": torch.from_numpy(array.copy()) for name, array in learner.replay.state().items()}
    tensors |= {f"episodes.{name}": getattr(episodes, name) for name in EPISODE_TENSORS}
    tensors["landmark_excess"] = torch.from_numpy(learner.landmark_excess)
    if n_step.pending:
        tensors["pending"] = torch.from_numpy(np.stack(n_step.pending).view(np.uint8))
    metadata = {
        "step": step,
        "clips_key": clips_key(learner.game),
        "rewards": [learner.reward_count, learner.reward_mean, learner.reward_square, learner.excess_mean],
        "generators": [rng.bit_generator.state for rng in (learner.rng, *rngs)],
    }
    save_tensors(folder / STATE, tensors, metadata)


def load_run(folder: Path, learner: Learner, episodes: Episodes, rngs: Sequence[np.random.Generator], n_step: NStep) -> int:
    """Restore what :func:`save_run` wrote into the same objects; returns the step at which to continue.

    Raises:
        UserError: a file is damaged, or the run had other arguments, clips or weights.
    """
    card = load_tensors(folder / POLICY)[1]
    check_arguments(folder, card, learner.args)
    check_tracker(folder, card, learner.game.tracker)
    check_encoder(folder, card["encoder_key"], learner.encoder_key)
    tensors, metadata = load_tensors(folder / STATE)
    # The replay holds clips as numbers.
    if metadata["clips_key"] != clips_key(learner.game):
        clips = specs_text(learner.args.clips)
        raise UserError(f"{folder}: started with other clips than {clips} holds now; restore them or start a new run")
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
    learner.landmark_excess = tensors["landmark_excess"].numpy()
    learner.reward_count, learner.reward_mean, learner.reward_square, learner.excess_mean = metadata["rewards"]
    for rng, state in zip((learner.rng, *rngs), metadata["generators"], strict=True):
        rng.bit_generator.state = state
    return int(metadata["step"])


def check_arguments(folder: Path, card: Mapping[str, Any], args: Any) -> None:
    """Raise a :class:`UserError` that names the differences if the run of ``card`` had other arguments than ``args``."""
    check_resumed(folder, card["arguments"], plain(args), FREE)


def check_tracker(folder: Path, before: Mapping[str, Any], tracker: Victim) -> None:
    """Raise a :class:`UserError` if a run was made with other weights of the tracker; ``before``: the run's records."""
    if before["tracker_key"] != tracker.key:
        raise UserError(f"{folder}: the tracker's weights have changed since this run started; give another folder")


def clips_key(game: OcclusionGame) -> str:
    """Eight hex digits of the names and lengths of a game's clips, in their order."""
    return f"{zlib.crc32(repr([(clip.name, len(clip)) for clip in game.clips]).encode()):08x}"


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}

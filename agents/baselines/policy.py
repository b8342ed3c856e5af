"""Runs of the SB3 baselines on disk, and their networks as policies.

``model.zip`` is SB3's own file, for ``DQN.load`` and the like; ``card.json`` says what it is. SB3's zips hold pickles, which
run code when they are loaded: give ``DQN.load`` only runs of your own. :func:`load_sb3_policy` builds the networks from the
card and takes only the weights out of the zip, which needs no pickle; still, play only what you have trained yourself.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, cast

import numpy as np
import stable_baselines3
import torch
from gymnasium.spaces import Box, Discrete
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.save_util import load_from_zip_file
from torch import Tensor

from agents.baselines.extra import LIBRARY, MODEL
from agents.baselines.hyper_parameters import Hparams
from agents.baselines.model import build_network
from agents.baselines.vec_env import add_landmark_ids
from agents.deepq.features import shared_groups
from agents.policies.protocol import Position
from srn_core.checkpoints import CARD
from srn_core.errors import UserError
from srn_core.io.files import read_json, write_atomically, write_json
from srn_gym.env import observation_box
from srn_gym.features import FrozenFeatures
from srn_gym.game import NUM_ACTIONS, OcclusionGame


def save_sb3_run(folder: Path, model: BaseAlgorithm, arguments: Mapping[str, Any], hparams: Hparams) -> None:
    """Write the model, then the card that makes the folder a policy."""
    write_atomically(folder / MODEL, model.save)
    assert model.observation_space.shape is not None
    card = {
        "library": LIBRARY,
        "version": stable_baselines3.__version__,
        "step": model.num_timesteps,
        "observation_shape": list(model.observation_space.shape),
        "arguments": json.loads(json.dumps(arguments, default=str)),
        "hparams": dataclasses.asdict(hparams),
    }
    write_json(folder / CARD, card)


def load_sb3_policy(folder: Path) -> SB3Policy:
    """The policy that a run has saved; see the module on whose.

    Raises:
        UserError: a file is missing or damaged, or is another algorithm's than the card says.
    """
    card = read_json(folder / CARD)
    try:
        arguments = card["arguments"]
        network = build_network(card, _observation_space(card), Discrete(NUM_ACTIONS))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{folder / CARD}: damaged ({error!r}); expected a card that agents/sb3.py wrote") from None
    try:
        _, weights, _ = load_from_zip_file(folder / MODEL, load_data=False, device="cpu")
        network.load_state_dict(cast(dict[str, Tensor], weights["policy"]))
    except (OSError, ValueError, KeyError, RuntimeError, EOFError, UnpicklingError) as error:
        raise UserError(f"{folder / MODEL}: cannot be used ({error!r}); expected the model that its {CARD} describes") from None
    return SB3Policy(network, arguments)


class SB3Policy:
    """A trained SB3 model as a policy: the action that it predicts, deterministically."""

    def __init__(self, network: BasePolicy, arguments: Mapping[str, Any]) -> None:
        self.network, self.arguments = network, arguments
        self._features: FrozenFeatures | None = None

    def begin(self, game: OcclusionGame, clip: Tensor, landmark: Tensor, rngs: Sequence[np.random.Generator]) -> None:
        self.game = game
        self.network.to(game.device)
        trained, shape = self.network.observation_space.shape, (game.num_landmarks, 3, game.patch_size, game.patch_size)
        if self.arguments["observation"] == "patches" and trained is not None and trained[1:] != shape:
            raise UserError(
                f"policy for patches {trained[1:]}, but the game's are {shape}; choose one that was trained on such"
            )
        # The features are those of the tracker that it was trained against, whichever this game is played against.
        if self.arguments["observation"] == "features":
            self._features = shared_groups(game, self.arguments["tracker"])

    def targets(self, position: Position, running: Tensor) -> Tensor:
        targets = position.landmark.clone()
        live = running.nonzero()[:, 0]
        landmark = position.landmark[live]
        observation = self._observe(position.clip[live], position.frame[live], landmark).cpu().numpy()
        # Runs from before it came have no such argument.
        if self.arguments.get("with_landmark_id", False):
            observation = add_landmark_ids(observation, self.game, landmark)
        actions, _ = self.network.predict(observation, deterministic=True)
        chosen = torch.from_numpy(np.asarray(actions)).to(landmark.device)
        targets[live] = self.game.candidates(landmark).gather(1, chosen[:, None])[:, 0]
        return targets

    def _observe(self, clip: Tensor, frame: Tensor, landmark: Tensor) -> Tensor:
        """What the env would show: ``(B, 3, F)`` float16 or ``(B, 3, L, 3, P, P)`` uint8."""
        if self._features is None:
            return self.game.observe(clip, frame, landmark)
        clip, frame = clip.repeat_interleave(NUM_ACTIONS), frame.repeat_interleave(NUM_ACTIONS)
        found = self._features(clip, frame, self.game.candidates(landmark).flatten())
        return found.half().unflatten(0, (-1, NUM_ACTIONS))


def _observation_space(card: Mapping[str, Any]) -> Box:
    return observation_box(card["arguments"]["observation"], tuple(card["observation_shape"]))

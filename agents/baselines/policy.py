"""Saved runs of the SB3 baselines, and their networks as policies.

``model.zip`` is SB3's file, which ``DQN.load`` reads; ``card.json`` describes it. SB3's files hold pickles, which can
run any code when ``DQN.load`` reads them. :func:`load_sb3_policy` reads only the weights, without pickles. Still, play only
what you have trained yourself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, cast

import numpy as np
import stable_baselines3
import torch
from gymnasium.spaces import Discrete
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.save_util import load_from_zip_file
from torch import Tensor

from agents.baselines.args import SB3Args
from agents.baselines.extra import LIBRARY, MODEL
from agents.baselines.hyper_parameters import Hparams
from agents.baselines.model import build_network
from agents.baselines.vec_env import add_landmark_ids
from agents.deepq.features import load_encoder
from agents.policies.actions import ActionPolicy
from agents.policies.protocol import Position
from srn_core.checkpoints import CARD
from srn_core.errors import UserError
from srn_core.io.files import plain, read_json, write_atomically, write_json
from srn_core.versions import versions
from srn_core.victims.registry import is_crossfit
from srn_gym.common import observation_box
from srn_gym.features import ENCODERS, observed
from srn_gym.game import NUM_ACTIONS, OcclusionGame


def save_sb3_run(folder: Path, model: BaseAlgorithm, args: SB3Args, hparams: Hparams) -> None:
    """Write the model, then the card by which the folder is recognised as a run."""
    write_atomically(folder / MODEL, model.save)
    assert model.observation_space.shape is not None
    card = {
        "library": LIBRARY,
        "version": stable_baselines3.__version__,
        "step": model.num_timesteps,
        "observation_shape": list(model.observation_space.shape),
        "arguments": plain(args),
        "versions": versions(),
        "hparams": dataclasses.asdict(hparams),
    }
    write_json(folder / CARD, card)


def load_sb3_policy(folder: Path) -> SB3Policy:
    """The policy of a run; see the module about foreign files.

    Raises:
        UserError: a file is missing or damaged, or the model is not what the card describes.
    """
    card = read_json(folder / CARD)
    try:
        space = observation_box(card["arguments"]["observation"], tuple(card["observation_shape"]))
        network = build_network(card, space, Discrete(NUM_ACTIONS))
        policy = SB3Policy(network, card["arguments"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{folder / CARD}: damaged ({error!r}); expected a card that agents/sb3.py wrote") from None
    try:
        _, weights, _ = load_from_zip_file(folder / MODEL, load_data=False, device="cpu")
        network.load_state_dict(cast(dict[str, Tensor], weights["policy"]))
    except (OSError, ValueError, KeyError, RuntimeError, EOFError, UnpicklingError) as error:
        raise UserError(f"{folder / MODEL}: cannot be used ({error!r}); expected the model that its {CARD} describes") from None
    return policy


class SB3Policy(ActionPolicy):
    """Takes the action that a trained SB3 model predicts, without exploration."""

    def __init__(self, network: BasePolicy, arguments: Mapping[str, Any]) -> None:
        self.network, self.tracker = network, arguments["tracker"]
        self.observation = arguments["observation"]
        self.remembers = self.observation == "memory"
        self.sees_patches = self.observation == "patches"
        self.with_landmark_id = arguments["with_landmark_id"]

    def prepare(self, game: OcclusionGame) -> None:
        self.network.to(game.device)
        trained, shape = self.network.observation_space.shape, (game.num_landmarks, 3, game.patch_size, game.patch_size)
        if self.sees_patches and trained is not None and trained[1:] != shape:
            raise UserError(
                f"policy for patches {trained[1:]}, but the game's are {shape}; choose one that was trained on such patches"
            )
        # A reaction is the opponent's. Features mean something else in every tracker, so they come from that of the training;
        # but crossfit:DIR is several.
        if not self.sees_patches:
            encode = ENCODERS[self.observation]
            if game.victim.models and (self.observation != "features" or is_crossfit(self.tracker)):
                self.features = game.own_features(encode)
            else:
                self.features = game.features(load_encoder(self.tracker).to(game.device), encode)

    def actions(self, game: OcclusionGame, position: Position, candidates: Tensor) -> Tensor:
        if self.sees_patches:
            shown = game.observe(position.clip, position.frame, position.landmark)
        else:
            places = position.clip, position.frame, position.earned
            clip, frame, earned = (values.repeat_interleave(NUM_ACTIONS, 0) for values in places)
            found = observed(self.observation, self.features, clip, frame, candidates.flatten(), earned)
            shown = found.unflatten(0, (-1, NUM_ACTIONS))
        observation = shown.cpu().numpy()
        if self.with_landmark_id:
            observation = add_landmark_ids(observation, game, position.landmark)
        actions, _ = self.network.predict(observation, deterministic=True)
        return torch.from_numpy(np.asarray(actions)).to(candidates.device)

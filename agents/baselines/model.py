"""SB3's environments, networks and algorithms, made from a run's arguments and hyper-parameters."""

import inspect
from collections.abc import Mapping
from typing import Any

from gymnasium.spaces import Space
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecEnv, VecMonitor, VecNormalize
from tqdm import tqdm

from agents.baselines.args import SB3Args
from agents.baselines.extra import find_algorithm
from agents.baselines.extractors import CandidateFeatures, CandidatePatches
from agents.baselines.hyper_parameters import Hparams
from agents.baselines.vec_env import SB3VecEnv
from srn_core.devices import pick_device
from srn_core.errors import UserError
from srn_gym.cache.store import Store
from srn_gym.games import SHARED
from srn_gym.rules import Rules, rules_of
from srn_gym.vector_env import OcclusionSynthesisVectorEnv

# Arguments of an algorithm that a file may not set, because the command sets them.
OWN_ARGUMENTS = {"self", "policy", "env", "policy_kwargs", "seed", "device", "tensorboard_log", "_init_setup_model"}


class Progress(BaseCallback):
    """A progress bar as in agents/dqn.py; the one in SB3 prints to stdout."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def _on_training_start(self) -> None:
        self.bar = tqdm(total=self.locals["total_timesteps"], desc=self.name, unit="step")

    def _on_step(self) -> bool:
        self.bar.update(self.training_env.num_envs)
        return True

    def _on_training_end(self) -> None:
        self.bar.close()


def build_envs(args: SB3Args, hparams: Hparams, store: Store = SHARED) -> VecEnv:
    """The envs to train on. The log shows the rewards of the game, also if the algorithm learns from normalised ones.

    Raises:
        UserError: an argument of the game or of the normalisation cannot be used.
    """
    batch = OcclusionSynthesisVectorEnv(
        hparams.n_envs, args.clips, args.tracker, args.device, args.window, store=store, **rules_of(args, Rules)
    )
    envs: VecEnv = SB3VecEnv(batch, args.with_landmark_id)
    envs = VecMonitor(envs)
    if hparams.normalize is None:
        return envs
    discount = {name: value for name, value in hparams.algorithm.items() if name == "gamma"}
    try:
        return VecNormalize(envs, **(discount | hparams.normalize))
    except TypeError as error:
        raise UserError(f"hyper-parameter normalize {hparams.normalize}: {error}; expected arguments of VecNormalize") from None


def build_model(args: SB3Args, hparams: Hparams, envs: VecEnv) -> BaseAlgorithm:
    """The algorithm. SB3 seeds the envs and the global generators of Python, NumPy and torch.

    Raises:
        UserError: the algorithm does not know a hyper-parameter, or refuses its value.
    """
    algorithm = find_algorithm(args.algo)
    known = set(inspect.signature(algorithm).parameters) - OWN_ARGUMENTS
    if unknown := sorted(set(hparams.algorithm) - known):
        raise UserError(f"hyper-parameter '{unknown[0]}': unknown to {args.algo}; expected one of {', '.join(sorted(known))}")
    options: dict[str, Any] = {"seed": args.seed, "device": pick_device(args.device), **hparams.algorithm}
    _check_policy(algorithm, hparams)
    networks = network_arguments(hparams, args.observation, args.tracker, args.train_trunk)
    try:
        return algorithm(hparams.policy, envs, policy_kwargs=networks, **options)
    except (TypeError, ValueError, AssertionError, NotImplementedError) as error:
        raise UserError(f"{args.algo} refuses its hyper-parameters: {error}; correct the file of --hparams") from None


def build_network(card: Mapping[str, Any], observation_space: Space, action_space: Space) -> BasePolicy:
    """The networks of a saved run with fresh weights; its ``card`` holds ``arguments`` and ``hparams``."""
    arguments, hparams = card["arguments"], Hparams(**card["hparams"])
    algorithm = find_algorithm(arguments["algo"])
    _check_policy(algorithm, hparams)
    networks = network_arguments(hparams, arguments["observation"], arguments["tracker"], arguments["train_trunk"])
    # The learning rate belongs to an optimiser that is never used.
    return algorithm.policy_aliases[hparams.policy](observation_space, action_space, lambda _: 0.0, **networks)


def network_arguments(hparams: Hparams, observation: str, tracker: str, train_trunk: bool) -> dict[str, Any]:
    """The policy's arguments, with the feature extractor for the observation."""
    extractor: dict[str, Any] = {"features_extractor_class": CandidateFeatures}
    if observation == "patches":
        kwargs = {"tracker": tracker, "train_trunk": train_trunk}
        extractor = {"features_extractor_class": CandidatePatches, "features_extractor_kwargs": kwargs}
    return {**hparams.policy_kwargs, **extractor}


def _check_policy(algorithm: type[BaseAlgorithm], hparams: Hparams) -> None:
    if hparams.policy not in algorithm.policy_aliases:
        known = ", ".join(algorithm.policy_aliases)
        raise UserError(f"hyper-parameter policy '{hparams.policy}': unknown; expected one of {known}")

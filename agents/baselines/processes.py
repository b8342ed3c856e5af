"""Single envs in a process each, as Stable-Baselines3 runs them: what the batched env is measured beside."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch

from agents.baselines.extra import require
from srn_gym.env import OcclusionSynthesisEnv
from srn_gym.game import NUM_ACTIONS


@contextmanager
def playing_processes(count: int, steps: int, options: Mapping[str, Any]) -> Iterator[Callable[[], None]]:
    """A function that plays ``steps`` steps of ``count`` envs, each in a spawned process with one thread.

    Args:
        count: processes.
        steps: of each env, always with the same actions.
        options: arguments of the env.

    Raises:
        UserError: SB3 is not installed.
    """
    require("stable_baselines3")
    from stable_baselines3.common.vec_env import SubprocVecEnv

    envs = SubprocVecEnv([partial(_env_of_one_thread, dict(options))] * count, start_method="spawn")
    try:
        envs.seed(0)
        envs.reset()
        actions = np.random.default_rng(0).integers(NUM_ACTIONS, size=(steps, count))

        def play() -> None:
            for chosen in actions:
                envs.step(chosen)

        yield play
    finally:
        envs.close()


def _env_of_one_thread(options: Mapping[str, Any]) -> OcclusionSynthesisEnv:
    torch.set_num_threads(1)
    return OcclusionSynthesisEnv(**options)

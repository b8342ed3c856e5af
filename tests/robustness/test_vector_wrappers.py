"""Gymnasium's wrappers of observations around the batched env, in the autoreset mode that each of them takes."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box
from gymnasium.wrappers import vector

import srn_gym  # noqa: F401
from srn_gym.vector_env import OcclusionSynthesisVectorEnv

SHAPE = (3, 68, 3, 10, 10)
WRAPPERS = {
    "normalize": lambda envs: vector.NormalizeObservation(envs),
    "normalize-reward": lambda envs: vector.NormalizeReward(envs),
    "flatten": lambda envs: vector.FlattenObservation(envs),
    "dtype": lambda envs: vector.DtypeObservation(envs, np.float32),
    "rescale": lambda envs: vector.RescaleObservation(envs, 0, 1),
    "transform": lambda envs: vector.TransformObservation(
        envs, lambda seen: seen / 255, Box(0, 1, (2, *SHAPE)), Box(0, 1, SHAPE)
    ),
    "statistics": lambda envs: vector.RecordEpisodeStatistics(envs),
}
# What changes observations refuses the default mode, as docs/environment.md says.
NEXT_STEP = ("normalize", "flatten", "dtype", "rescale", "transform")


def make(clip_spec: str, checkpoint: str, **mode: str) -> OcclusionSynthesisVectorEnv:
    arguments = {"clips": clip_spec, "tracker": checkpoint, "device": "cpu", "window": 2}
    return gym.make_vec("OcclusionSynthesis-v0", num_envs=2, **arguments, **mode)


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_wrapper_runs_past_the_end_of_episodes(name: str, clip_spec: str, tiny_checkpoint: str) -> None:
    mode = {"autoreset_mode": "NextStep"} if name in NEXT_STEP else {}
    envs = WRAPPERS[name](make(clip_spec, tiny_checkpoint, **mode))
    envs.reset(seed=0)
    ended = 0
    for _ in range(6):
        seen, rewards, terminated, truncated, _ = envs.step(np.array([0, 2]))
        ended += (terminated | truncated).sum()
        assert np.isfinite(seen).all() and np.isfinite(rewards).all()
    assert ended >= 4


@pytest.mark.parametrize("name", NEXT_STEP)
def test_what_refuses_the_default_mode_names_the_one_to_pass(name: str, clip_spec: str, tiny_checkpoint: str) -> None:
    with pytest.raises(ValueError, match="autoreset_mode.*NEXT_STEP"):
        WRAPPERS[name](make(clip_spec, tiny_checkpoint))

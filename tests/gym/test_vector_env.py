"""The batched environment against Gymnasium's SyncVectorEnv over single ones: the same in every autoreset mode."""

from __future__ import annotations

import functools
import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

import srn_gym
from srn_core.errors import UserError
from srn_gym.cache.store import Store
from srn_gym.games import NamedGame

ID = "OcclusionSynthesis-v0"
NUM_ENVS = 8


@pytest.fixture
def arguments(clip_spec: str, tiny_checkpoint: str) -> dict[str, str]:
    return {"clips": clip_spec, "tracker": tiny_checkpoint, "device": "cpu"}


@pytest.fixture
def envs(arguments):
    return gym.make_vec(ID, num_envs=NUM_ENVS, **arguments)


def assert_same(ours, theirs, tolerance: float = 0) -> None:
    """Equal keys, types, shapes and values, through tuples, dicts and arrays of objects."""
    assert type(ours) is type(theirs)
    if isinstance(ours, tuple):
        for a, b in zip(ours, theirs, strict=True):
            assert_same(a, b, tolerance)
    elif isinstance(ours, dict):
        assert set(ours) == set(theirs)
        for key in ours:
            assert_same(ours[key], theirs[key], tolerance)
    elif isinstance(ours, np.ndarray) and ours.dtype == object:
        for a, b in zip(ours, theirs, strict=True):
            assert_same(a, b, tolerance)
    elif ours is not None:
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("limits", [{}, {"window": 2}, {"max_episode_steps": 2}, {"window": 3, "max_episode_steps": 2}])
def test_equals_single_envs_step_by_step(arguments, mode, limits):
    envs = gym.make_vec(ID, num_envs=NUM_ENVS, autoreset_mode=mode.value, **limits, **arguments)
    singles = SyncVectorEnv([lambda: gym.make(ID, **limits, **arguments)] * NUM_ENVS, autoreset_mode=mode)
    assert envs.observation_space == singles.observation_space
    assert envs.action_space == singles.action_space
    assert envs.metadata["autoreset_mode"] is mode
    assert_same(envs.reset(seed=11), singles.reset(seed=11))
    rng = np.random.default_rng(0)
    ended = 0
    for _ in range(9):
        actions = rng.integers(3, size=NUM_ENVS)
        results = envs.step(actions), singles.step(actions)
        assert_same(*results)
        done = results[0][2] | results[0][3]
        ended += done.sum()
        if mode is AutoresetMode.DISABLED and done.any():
            assert_same(envs.reset(options={"reset_mask": done}), singles.reset(options={"reset_mask": done}))
    assert ended > NUM_ENVS


def test_batches_of_the_tracker_equal_single_faces(arguments, envs, monkeypatch):
    """Without a shared store: 8 faces in one batch against 8 games of one face."""
    games = iter([NamedGame(*envs.game.arguments, Store()) for _ in range(NUM_ENVS + 1)])
    for module in (srn_gym.env, srn_gym.vector_env):
        monkeypatch.setattr(module, "load_game", lambda *_, **__: next(games))
    envs = gym.make_vec(ID, num_envs=NUM_ENVS, **arguments)
    singles = SyncVectorEnv([lambda: gym.make(ID, **arguments)] * NUM_ENVS, autoreset_mode=AutoresetMode.SAME_STEP)
    assert_same(envs.reset(seed=2), singles.reset(seed=2))
    for action in (0, 2, 2):
        assert_same(envs.step(np.full(NUM_ENVS, action)), singles.step(np.full(NUM_ENVS, action)), 1e-4)


def test_seeds(envs):
    first, _ = envs.reset(seed=5)
    again, _ = envs.reset(seed=[5 + i for i in range(NUM_ENVS)])
    assert np.array_equal(first, again)
    assert not np.array_equal(first, envs.reset()[0])
    shifted, _ = envs.reset(seed=6)
    assert np.array_equal(first[1:], shifted[:-1])
    assert not np.array_equal(first, shifted)


def test_results_are_fresh_arrays(envs):
    observations, infos = envs.reset(seed=0)
    kept = observations.copy()
    infos["landmark"][:] = -5
    stepped = envs.step(np.ones(NUM_ENVS, int))
    assert np.array_equal(observations, kept)
    assert not np.shares_memory(observations, stepped[0])
    assert (stepped[4]["landmark"] >= 0).all()


def test_pickled_envs_go_on_where_they_were(envs):
    envs.reset(seed=1)
    actions = np.arange(NUM_ENVS) % 3
    envs.step(actions)
    copy = pickle.loads(pickle.dumps(envs))
    for _ in range(4):
        assert_same(envs.step(actions), copy.step(actions))


@pytest.mark.slow
def test_spawned_workers_play_the_same(arguments):
    rules = {"window": 3, "occluder": "texture", "neighbourhood": "graph", "reward": "excess"}
    makers = [functools.partial(gym.make, f"srn_gym:{ID}", **arguments, **rules) for _ in range(2)]
    spawned = AsyncVectorEnv(makers, context="spawn", autoreset_mode=AutoresetMode.SAME_STEP)
    envs = gym.make_vec(ID, num_envs=2, **arguments, **rules)
    try:
        assert_same(spawned.reset(seed=4)[0], envs.reset(seed=4)[0])
        for action in (0, 2, 1, 1):
            theirs, ours = (each.step(np.full(2, action))[:4] for each in (spawned, envs))
            assert_same(ours, theirs, 1e-5)
    finally:
        spawned.close()


def test_wrappers_for_vector_envs_work(envs):
    envs = gym.wrappers.vector.RecordEpisodeStatistics(envs)
    envs.reset(seed=0, options={"clip": 3})
    infos = envs.step(np.ones(NUM_ENVS, int))[4]
    assert infos["episode"]["l"].tolist() == [1] * NUM_ENVS


def test_render_draws_each_env(arguments):
    envs = gym.make_vec(ID, num_envs=2, render_mode="rgb_array", **arguments)
    envs.reset(seed=0)
    pictures = envs.render()
    assert len(pictures) == 2
    assert pictures[0].shape == (492, 448, 3)


def test_disabled_autoreset_insists_on_a_reset(arguments):
    envs = gym.make_vec(ID, num_envs=2, autoreset_mode="Disabled", **arguments)
    envs.reset(seed=0, options={"clip": [3, 0]})
    envs.step(np.ones(2, int))
    with pytest.raises(ResetNeeded, match=r"envs \[0\] have ended.*reset_mask"):
        envs.step(np.ones(2, int))


@pytest.mark.parametrize(
    ("actions", "message"),
    [([0] * 7, "expected 8 integers"), ([3] * 8, "each 0, 1 or 2"), ([0.5] * 8, "each 0, 1 or 2")],
)
def test_bad_actions_are_named(envs, actions, message):
    with pytest.raises(ResetNeeded, match="call reset"):
        envs.step(np.zeros(NUM_ENVS, int))
    envs.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        envs.step(np.array(actions))


def test_bad_arguments_are_named(arguments, envs):
    for argument, message in (
        ({"num_envs": 0}, "num_envs 0"),
        ({"max_episode_steps": 0}, "max_episode_steps 0"),
        ({"autoreset_mode": "Never"}, "autoreset_mode 'Never'.*SameStep"),
        ({"render_mode": "human"}, "render_mode 'human'"),
    ):
        with pytest.raises(UserError, match=message):
            gym.make_vec(ID, **{**arguments, **argument})
    with pytest.raises(ValueError, match="seed: 2 values"):
        envs.reset(seed=[1, 2])
    with pytest.raises(ValueError, match="reset_mask"):
        envs.reset(options={"reset_mask": np.ones(3, bool)})

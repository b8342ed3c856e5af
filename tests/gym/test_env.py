"""The single environment and the episodes below it, against Gymnasium's and Stable-Baselines3's checkers."""

from __future__ import annotations

import json
import pickle
import warnings

import cv2
import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

import srn_gym  # noqa: F401  (registers the environment)
from srn_core.errors import UserError
from srn_gym.episodes import Episodes
from srn_gym.games import load_game

ID = "OcclusionSynthesis-v0"


@pytest.fixture
def arguments(clip_spec: str, tiny_checkpoint: str) -> dict[str, str]:
    return {"clips": clip_spec, "tracker": tiny_checkpoint, "device": "cpu"}


@pytest.fixture
def env(arguments):
    return gym.make(ID, **arguments)


def play(env: gym.Env, seed: int, steps: int = 8) -> list[tuple]:
    """Observations, rewards, flags and infos of random play, resetting at the end of clips."""
    actions = np.random.default_rng(7).integers(3, size=steps)
    record = [env.reset(seed=seed)]
    for action in actions:
        record.append(env.step(int(action)))
        if record[-1][2] or record[-1][3]:
            record.append(env.reset())
    return record


def same(a, b) -> bool:
    return gym.utils.env_checker.data_equivalence(a, b)


def test_gymnasium_checker(arguments, monkeypatch):
    shown = []
    monkeypatch.setattr("srn_gym.render.require_display", lambda what, remedy: None)
    monkeypatch.setattr(cv2, "imshow", lambda title, picture: shown.append(picture))
    monkeypatch.setattr(cv2, "waitKey", lambda delay: -1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gym.make(ID, render_mode="rgb_array", **arguments).unwrapped)
    assert shown


def test_stable_baselines_checker(arguments):
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Its advice on observations that are neither vectors nor images; the agents bring their own extractor.
        warnings.filterwarnings("ignore", message=".*unconventional shape")
        checker.check_env(gym.make(ID, **arguments).unwrapped)


def test_both_ways_to_make_it(arguments):
    for name in (ID, f"srn_gym:{ID}"):
        assert gym.make(name, **arguments).observation_space.shape == (3, 68, 3, 10, 10)


def test_a_seed_repeats_an_episode_and_two_seeds_differ(arguments):
    first, again, other = (play(gym.make(ID, **arguments), seed) for seed in (3, 3, 4))
    assert same(first, again)
    assert not same(first, other)


def test_pickled_env_goes_on_where_it_was(env):
    env.reset(seed=5, options={"clip": 0})
    env.step(2)
    copy = pickle.loads(pickle.dumps(env))
    for action in (0, 2, 1):
        assert same(env.step(action), copy.step(action))
    assert same(env.reset(), copy.reset())
    assert same(play(env, 9), play(copy, 9))


def test_a_pickle_holds_names_not_clips(env):
    assert len(pickle.dumps(env.unwrapped.game)) < 1000


def test_spec_survives_json(arguments):
    rules = {
        "mode": "track", "occluder": "mask", "occluder_size": 40, "noise_seed": 2, "noise_per_frame": False,
        "neighbourhood": "graph", "reward": "excess", "reward_cap": 0.2, "observation": "features", "window": 3,
    }  # fmt: skip
    env = gym.make(ID, **arguments, **rules)
    text = env.spec.to_json()
    assert json.loads(text)["kwargs"] == {**arguments, **rules}
    restored = gym.make(gym.envs.registration.EnvSpec.from_json(text))
    assert restored.unwrapped.game.rules == env.unwrapped.game.rules
    assert same(play(env, 1), play(restored, 1))


def test_observations_are_rebuilt_from_clip_frame_and_landmark(env):
    game = env.unwrapped.game
    seen, info = env.reset(seed=0, options={"clip": 2, "landmark": 67})
    for action in (2, 0, 1):
        rebuilt = game.observe(*(torch.tensor([info[name]]) for name in ("clip", "frame", "landmark")))
        assert np.array_equal(seen, rebuilt[0].numpy())
        seen, _, terminated, _, info = env.step(action)
        assert not terminated
        info["frame"] += 1


def test_noise_does_not_depend_on_the_reset_seed(env):
    place = {"clip": 0, "frame": 2, "landmark": 30}
    first, other = (env.reset(seed=seed, options=place)[0] for seed in (0, 1))
    assert np.array_equal(first, other)


def test_info_is_of_the_covered_frame_in_its_own_pixels(env):
    _, info = env.reset(seed=0, options={"clip": 0, "landmark": 67})
    assert info == {"clip": 0, "frame": 0, "landmark": 67}
    _, reward, _, _, info = env.step(2)
    clip = env.unwrapped.game.clips[0]
    assert (info["clip"], info["frame"], info["landmark"]) == (0, 0, 0)
    assert type(info["nme"]) is float
    assert info["nme"] == reward
    assert np.array_equal(info["ground_truth"], clip.landmarks[0])
    eyes = np.linalg.norm(clip.landmarks[0, 36] - clip.landmarks[0, 45])
    errors = np.linalg.norm(info["prediction"] - info["ground_truth"], axis=-1)
    assert errors.mean() / eyes == pytest.approx(reward, rel=1e-4)


def test_the_clip_ends_on_its_last_frame(env):
    env.reset(seed=0, options={"clip": 1, "landmark": 10})
    steps = [env.step(2) for _ in range(4)]
    assert [step[2] for step in steps] == [False, False, False, True]
    assert not any(step[3] for step in steps)
    assert [step[4]["frame"] for step in steps] == [0, 1, 2, 3]
    assert [step[4]["landmark"] for step in steps] == [11, 12, 13, 14]
    repeated = env.unwrapped.game.observe(torch.tensor([1]), torch.tensor([3]), torch.tensor([14]))
    assert np.array_equal(steps[-1][0], repeated[0].numpy())


def test_a_single_frame_is_an_episode(env):
    env.reset(seed=0, options={"clip": 3})
    assert env.step(1)[2]


def test_a_window_truncates_and_the_next_frame_is_shown(arguments):
    env = gym.make(ID, window=2, **arguments)
    starts = set()
    for seed in range(20):
        _, info = env.reset(seed=seed, options={"clip": 0})
        starts.add(info["frame"])
        env.step(1)
        _, _, terminated, truncated, info = env.step(1)
        assert terminated == (info["frame"] == 5)
        assert truncated == (not terminated)
        assert int(env.unwrapped.episodes.frame) == min(info["frame"] + 1, 5)
    assert starts == {0, 1, 2, 3, 4}
    env.reset(seed=0, options={"clip": 3})
    assert env.step(1)[2:4] == (True, False)


def test_policies_may_place_anywhere_or_nowhere(arguments):
    episodes = Episodes(load_game(**arguments), 2)
    episodes.reset(range(2), [np.random.default_rng(i) for i in range(2)], {"clip": 0, "landmark": [20, 40]})
    step = episodes.place(torch.tensor([-1, 3]))
    assert step.landmark.tolist() == [-1, 3]
    assert episodes.landmark.tolist() == [20, 3]
    game = episodes.game
    assert step.reward.tolist() == game.nme_table(0)[0, [68, 3]].tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clip": 5}, "'clip': 5 is out of range; expected 0 to 4"),
        ({"clip": 1, "frame": 4}, "'frame': 4 .* 0 to 3"),
        ({"landmark": -1}, "'landmark': -1 .* 0 to 67"),
        ({"landmark": 1.5}, "'landmark': 1.5; expected a whole number"),
        ({"clips": 0}, "'clips': unknown; expected clip, frame, landmark"),
    ],
)
def test_bad_reset_options_are_named(env, options, message):
    with pytest.raises(ValueError, match=message):
        env.reset(options=options)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"clips": "nowhere"}, "unknown kind 'nowhere'"),
        ({"tracker": "no-such"}, "checkpoint 'no-such': not found"),
        ({"device": "abacus"}, "device 'abacus'"),
        ({"mode": "guess"}, "mode 'guess'"),
        ({"window": 0}, "window 0: expected a whole number of at least 1"),
        ({"window": 2.5}, "window 2.5: expected a whole number of at least 1"),
        ({"render_mode": "ascii"}, "render_mode 'ascii'"),
    ],
)
def test_bad_arguments_are_named(arguments, argument, message):
    with pytest.raises(UserError, match=message):
        srn_gym.env.OcclusionSynthesisEnv(**{**arguments, **argument})


def test_bad_actions_and_steps_without_an_episode_are_named(env):
    env = env.unwrapped
    with pytest.raises(ResetNeeded, match="call reset"):
        env.step(1)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="action 3: expected 0, 1 or 2"):
        env.step(3)
    env.reset(seed=0, options={"clip": 3})
    assert env.step(1)[2]
    with pytest.raises(ResetNeeded, match="after the episode ended"):
        env.step(1)
    env.reset()
    env.step(1)


def test_render_shows_truth_then_prediction(arguments):
    env = gym.make(ID, render_mode="rgb_array", **arguments)
    env.reset(seed=0, options={"clip": 0})
    before = env.render()
    env.step(1)
    after, again = env.render(), env.render()
    assert before.shape == after.shape == (492, 448, 3)
    assert before.dtype == np.uint8
    assert np.array_equal(after, again)
    pink = np.array(srn_gym.render.PREDICTION_COLOUR)
    assert not (before == pink).all(-1).any()
    assert (after == pink).all(-1).any()


def test_human_rendering_shows_every_frame_by_itself_and_closes_its_window(arguments, monkeypatch):
    shown, closed = [], []
    monkeypatch.setattr("srn_gym.render.require_display", lambda what, remedy: None)
    monkeypatch.setattr("cv2.imshow", lambda title, picture: shown.append((title, picture.shape)))
    monkeypatch.setattr("cv2.waitKey", lambda _: -1)
    monkeypatch.setattr("cv2.destroyWindow", closed.append)
    env = gym.make(ID, render_mode="human", **arguments)
    env.reset(seed=0, options={"clip": 0})
    for _ in range(2):
        env.step(1)
    assert shown == [("OcclusionSynthesis", (492, 448, 3))] * 3
    env.close()
    assert closed == ["OcclusionSynthesis"]


def test_human_rendering_without_a_display_is_an_error(arguments, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    env = gym.make(ID, render_mode="human", **arguments)
    with pytest.raises(UserError, match="no display.*rgb_array"):
        env.reset(seed=0)

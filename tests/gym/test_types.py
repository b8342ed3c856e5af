"""Numbers of NumPy, paths and devices are taken wherever Python's numbers and texts are."""

import dataclasses
import json
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch

from agents.deepq.args import DQNArgs
from agents.playing.args import EvaluateArgs
from agents.playing.evaluation import find_policy
from agents.playing.rollout import play
from srn_core import Tracker, load_pretrained
from srn_core.checkpoints import given_name
from srn_core.errors import UserError
from srn_core.io.files import plain
from srn_gym.games import load_game
from srn_gym.rules import Rules
from srn_gym.vector_env import OcclusionSynthesisVectorEnv

PLAIN = {"occluder_size": 40, "noise_seed": 3, "noise_per_frame": False, "reward_cap": 0.25}
NUMPY = {
    "occluder_size": np.int64(40),
    "noise_seed": np.uint8(3),
    "noise_per_frame": np.bool_(False),
    "reward_cap": np.float32(0.25),
}


def test_rules_of_numpy_are_the_same_rules() -> None:
    rules = Rules(**NUMPY)
    assert rules == Rules(**PLAIN) and hash(rules) == hash(Rules(**PLAIN))
    assert json.dumps(dataclasses.asdict(rules)) == json.dumps(dataclasses.asdict(Rules(**PLAIN)))
    for bad in ({"occluder_size": np.float64(40)}, {"noise_seed": np.int64(-1)}, {"reward_cap": np.float32("nan")}):
        with pytest.raises(UserError):
            Rules(**bad)


def test_an_env_takes_numpy_paths_and_devices(clip_spec: str, tiny_checkpoint: str) -> None:
    given = {"clips": clip_spec, "tracker": tiny_checkpoint, "device": "cpu", "window": 3, **PLAIN}
    other = {"clips": Path(clip_spec), "tracker": Path(tiny_checkpoint), "device": torch.device("cpu"), "window": np.int32(3)}
    envs = [gym.make("srn_gym:OcclusionSynthesis-v0", **kwargs) for kwargs in (given, {**other, **NUMPY})]
    options = [{"clip": 1, "landmark": 5}, {"clip": np.int64(1), "landmark": np.array(5)}]
    seen = [env.reset(seed=seed, options=chosen) for env, seed, chosen in zip(envs, (7, np.int64(7)), options, strict=True)]
    assert np.array_equal(seen[0][0], seen[1][0])
    for action in (np.int64(2), np.uint8(0), np.array(1)):
        one, two = envs[0].step(int(action)), envs[1].step(action)
        assert one[1:4] == two[1:4] and np.array_equal(one[0], two[0])


@pytest.mark.parametrize("seeds", [np.int64(4), np.array([4, 5]), [np.uint16(4), None]])
def test_a_vector_env_takes_numpy(seeds: object, clip_spec: str, tiny_checkpoint: str) -> None:
    env = OcclusionSynthesisVectorEnv(
        np.int64(2), clip_spec, Path(tiny_checkpoint), "cpu", max_episode_steps=np.int16(2), **NUMPY
    )
    plain_env = OcclusionSynthesisVectorEnv(2, clip_spec, tiny_checkpoint, "cpu", max_episode_steps=2, **PLAIN)
    first, again = (made.reset(seed=given)[0][0] for made, given in ((env, seeds), (plain_env, 4)))
    assert np.array_equal(first, again)
    assert np.array_equal(env.step(np.array([0, 2], np.uint8))[3], [False, False])
    assert type(env.num_envs) is int or env.num_envs == 2


def test_a_tracker_takes_numpy_and_paths(tiny_checkpoint: str) -> None:
    model = load_pretrained(Path(tiny_checkpoint))
    images, boxes = np.random.default_rng(0).integers(0, 256, (3, 60, 60, 3), np.uint8), np.array([[10, 10, 50, 50]] * 3)
    one = Tracker(model, "cpu", 2).detect(images, boxes, steps=1)
    two = Tracker(model, torch.device("cpu"), np.int64(2)).detect(list(images), boxes.tolist(), steps=np.int32(1))
    assert np.array_equal(one, two)


def test_policies_and_commands_take_paths_and_numpy(clip_spec: str, tiny_checkpoint: str, tmp_path: Path, monkeypatch) -> None:
    game = load_game(clip_spec, Path(tiny_checkpoint), "cpu")
    chosen = [find_policy(name, game, lambda: game) for name in ("random-walk", np.str_("random-walk"))]
    played = [
        play(game, policy, count, seed) for policy, count, seed in zip(chosen, (3, np.int64(3)), (1, np.int64(1)), strict=True)
    ]
    assert np.array_equal(played[0].targets, played[1].targets)
    with pytest.raises(UserError, match=r"policy 'greedy': unknown|policy '\./greedy': unknown"):
        find_policy(Path("greedy"), game, lambda: game)
    args = EvaluateArgs(policy=Path("runs/a"), tracker=Path(tiny_checkpoint), episodes=np.int64(2), seed=np.int8(1))
    assert json.dumps(plain(args)) == json.dumps(
        plain(EvaluateArgs(policy="runs/a", tracker=tiny_checkpoint, episodes=2, seed=1))
    )
    assert plain(DQNArgs(seed=np.int64(3), lr=np.float64(1e-3))) == plain(DQNArgs(seed=3, lr=1e-3))


@pytest.mark.parametrize(
    ("name", "text"), [("a", "a"), (Path("a"), "./a"), (Path("a/b"), "a/b"), (Path("/a"), "/a"), ("./a", "./a")]
)
def test_a_path_stays_a_path(name: str | Path, text: str) -> None:
    assert given_name(name) == text

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
from srn_core.data import load_clips
from srn_core.errors import UserError
from srn_core.io.files import plain
from srn_core.victims.registry import load_victim
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


SCALARS = {"numpy": np.int16, "array": lambda value: np.array(int(value)), "torch": lambda value: torch.tensor(int(value))}


@pytest.mark.parametrize("scalar", SCALARS)
def test_scalars_of_all_kinds_are_numbers(scalar: str, clip_spec: str, tiny_checkpoint: str) -> None:
    made = SCALARS[scalar]
    names = {"clips": np.array([clip_spec]), "tracker": np.str_(tiny_checkpoint), "device": np.str_("cpu")}
    rules = {"occluder_size": made(40), "noise_seed": made(3), "reward_cap": torch.tensor(0.25), "mode": np.str_("detect")}
    env = gym.make("srn_gym:OcclusionSynthesis-v0", **names, **rules, window=made(3), noise_per_frame=np.array(False))
    plain_env = gym.make("srn_gym:OcclusionSynthesis-v0", clips=clip_spec, tracker=tiny_checkpoint, window=3, **PLAIN)
    assert env.unwrapped.game.rules == plain_env.unwrapped.game.rules
    first, again = (made.reset(seed=3, options={"clip": 1})[0] for made in (env, plain_env))
    assert np.array_equal(first, again) and env.step(made(2))[1] == plain_env.step(2)[1]
    envs = OcclusionSynthesisVectorEnv(made(2), clip_spec, tiny_checkpoint, "cpu", max_episode_steps=made(2))
    assert envs.num_envs == 2 and np.array_equal(envs.reset(seed=made(4))[0], envs.reset(seed=[4, 5])[0])


@pytest.mark.parametrize("clips", [b"demo", None, 3, ["demo", None], {"demo": 1}.values()])
def test_what_are_no_clips_is_said(clips: object, tiny_checkpoint: str) -> None:
    with pytest.raises(UserError, match=r"data spec .*: expected a text"):
        load_game(clips, tiny_checkpoint, "cpu")
    with pytest.raises(UserError, match=r"data spec of type .*: expected a text"):
        load_clips(clips if clips is not None else [])


def test_clips_from_a_generator_and_from_a_path(clip_spec: str, tiny_checkpoint: str) -> None:
    game = load_game((spec for spec in [clip_spec]), tiny_checkpoint, "cpu")
    assert len(game.clips) == len(load_clips(Path(clip_spec))) == 5 and game.arguments[0] == clip_spec


def test_a_network_in_place_of_its_name_and_a_name_in_place_of_a_network(clip_spec: str, tiny_checkpoint: str) -> None:
    model = load_pretrained(tiny_checkpoint)
    for wrong in (model, Tracker(model, "cpu"), None, tiny_checkpoint.encode()):
        for load in (load_pretrained, load_victim, lambda name: load_game(clip_spec, name, "cpu")):
            with pytest.raises(UserError, match="expected a name such as 'srn-small', a path or MODULE:FUNCTION"):
                load(wrong)
    for wrong in (tiny_checkpoint, Path(tiny_checkpoint), None):
        with pytest.raises(UserError, match="is no network; expected what load_pretrained"):
            Tracker(wrong, "cpu")
    for size in (0, -1, 2.0, "2", None):
        with pytest.raises(UserError, match="batch_size .*: expected a whole number of at least 1"):
            Tracker(model, "cpu", size)


@pytest.mark.parametrize("kind", [list, tuple, np.float64, torch.tensor])
def test_a_box_of_any_kind_is_followed(kind, tiny_checkpoint: str) -> None:
    tracker, box = Tracker(load_pretrained(tiny_checkpoint), "cpu", torch.tensor(2)), [20, 20, 60, 60]
    frames = np.random.default_rng(0).integers(0, 256, (2, 80, 80, 3), np.uint8)
    found = list(tracker.track(torch.from_numpy(frames), kind(box)))
    assert np.array_equal(found, list(tracker.track(frames, np.array(box))))

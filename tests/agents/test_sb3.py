"""The baselines of Stable-Baselines3: adapter, feature extractors, hyper-parameters, and runs that learn and play."""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("stable_baselines3")

import yaml
from gymnasium.spaces import Box
from stable_baselines3.common.save_util import load_from_zip_file
from stable_baselines3.common.vec_env import DummyVecEnv

import agents.sb3
import benchmarks.compare_policies
from agents.baselines.args import SB3Args
from agents.baselines.extra import ALGORITHMS, find_algorithm
from agents.baselines.extractors import CandidateFeatures, CandidatePatches
from agents.baselines.hyper_parameters import ENV_ID, SHIPPED, read_hparams
from agents.baselines.model import build_envs, build_model
from agents.baselines.vec_env import SB3VecEnv, add_landmark_ids
from agents.playing.rollout import play
from agents.playing.summary import optimal_share
from agents.policies.named import named_policy
from agents.policies.trained import load_policy
from agents.run_folder import claimed_run
from agents.sb3 import train_sb3
from srn_core.checkpoints import load_pretrained
from srn_core.errors import UserError
from srn_gym.env import OcclusionSynthesisEnv
from srn_gym.games import load_game
from srn_gym.rules import Rules
from srn_gym.vector_env import OcclusionSynthesisVectorEnv
from tests.support import solvable
from tests.support.faces import TINY

SMALL = {
    "dqn": {"n_timesteps": 160, "learning_starts": 40, "batch_size": 16, "buffer_size": 400, "target_update_interval": 8},
    "ppo": {"n_timesteps": 128, "n_steps": 8, "batch_size": 16, "n_epochs": 2},
}
SMALL["qrdqn"] = SMALL["dqn"]


@pytest.fixture
def small_args(clip_spec, tiny_checkpoint, tmp_path):
    """Makes arguments of runs of a few hundred steps."""

    def make(algo: str, name: str = "run", **changes) -> SB3Args:
        entries = yaml.safe_load((SHIPPED / f"{algo}.yml").read_text())
        file = tmp_path / f"{algo}.yml"
        file.write_text(yaml.safe_dump({key: values | SMALL[algo] | {"n_envs": 8} for key, values in entries.items()}))
        return SB3Args(
            algo=algo, hparams=file, clips=clip_spec, tracker=tiny_checkpoint, device="cpu", window=3, run_dir=tmp_path / name,
            **changes,
        )  # fmt: skip

    return make


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_from_zip_file(run / "model.zip", load_data=False, device="cpu")[1]["policy"]


@pytest.mark.parametrize("observation", ["patches", "features"])
def test_the_adapter_equals_sb3s_own_over_single_envs(clip_spec, tiny_checkpoint, observation):
    arguments = {"clips": clip_spec, "tracker": tiny_checkpoint, "device": "cpu", "window": 3, "observation": observation}
    ours = SB3VecEnv(OcclusionSynthesisVectorEnv(num_envs=4, **arguments))
    plain = DummyVecEnv([lambda: OcclusionSynthesisEnv(**arguments)] * 4)
    assert (ours.observation_space, ours.action_space) == (plain.observation_space, plain.action_space)
    assert ours.seed(7) == plain.seed(7)
    assert_same(ours.reset(), plain.reset())
    rng, kinds = np.random.default_rng(0), set()
    for _ in range(12):
        actions = rng.integers(3, size=4)
        for first, second in zip(ours.step(actions), plain.step(actions), strict=True):
            assert_same(first, second)
        assert_same(ours.reset_infos, plain.reset_infos)
        kinds |= {info["TimeLimit.truncated"] for info in plain.buf_infos if "terminal_observation" in info}
    assert kinds == {True, False}


def test_landmark_ids_name_the_landmark_that_each_candidate_covers(clip_spec, tiny_checkpoint):
    arguments = {"clips": clip_spec, "tracker": tiny_checkpoint, "device": "cpu", "window": 3, "observation": "features"}
    plain, told = (SB3VecEnv(OcclusionSynthesisVectorEnv(num_envs=4, **arguments), with_id) for with_id in (False, True))
    plain.seed(7), told.seed(7)
    seen = told.reset()
    size, neighbours = plain.reset().shape[2], told.envs.game.neighbours.numpy()
    assert seen.shape[1:] == told.observation_space.shape
    assert seen.shape[2] == size + 68 and seen.dtype == told.observation_space.dtype == np.float16
    ended = 0
    for action in (2, 2, 0, 1, 2):
        np.testing.assert_array_equal(seen[:, :, size:].argmax(2), neighbours[told.envs.episodes.landmark])
        covered = neighbours[told.envs.episodes.landmark.numpy(), action]
        (expected, *_), (seen, _, dones, infos) = plain.step([action] * 4), told.step([action] * 4)
        assert_same(seen[:, :, :size], expected)
        for i in np.flatnonzero(dones):
            ended += 1
            number = infos[i]["terminal_observation"][:, size:]
            assert (number.sum(1) == 1).all() and number.argmax(1).tolist() == neighbours[covered[i]].tolist()
    assert ended


def assert_same(first, second) -> None:
    """Equal in layout, types of arrays and values; features may differ by rounding."""
    if isinstance(first, list | tuple):
        assert len(first) == len(second)
        for a, b in zip(first, second, strict=True):
            assert_same(a, b)
    elif isinstance(first, dict):
        assert first.keys() == second.keys()
        for key, value in first.items():
            assert_same(value, second[key])
    else:
        first, second = np.asarray(first), np.asarray(second)
        assert first.shape == second.shape
        np.testing.assert_allclose(first.astype(float), second.astype(float), rtol=2e-3, atol=2e-3)


def test_seeds_and_options_hold_for_one_reset(clip_spec, tiny_checkpoint):
    envs = SB3VecEnv(OcclusionSynthesisVectorEnv(num_envs=3, clips=clip_spec, tracker=tiny_checkpoint, device="cpu"))
    shown = []
    for seed in (1, 1, 2):
        envs.seed(seed)
        shown.append(envs.reset())
    assert np.array_equal(shown[0], shown[1])
    assert not np.array_equal(shown[1], shown[2])
    assert not np.array_equal(shown[2], envs.reset())
    envs.set_options({"clip": 1, "landmark": 30})
    envs.reset()
    assert [(info["clip"], info["landmark"]) for info in envs.reset_infos] == [(1, 30)] * 3
    envs.set_options([{"clip": 1}, {}, {"clip": 1}])
    with pytest.raises(ValueError, match="all of them or none"):
        envs.reset()
    other = OcclusionSynthesisVectorEnv(1, clip_spec, tiny_checkpoint, "cpu", autoreset_mode="NextStep")
    with pytest.raises(UserError, match="SameStep"):
        SB3VecEnv(other)


def test_candidates_are_seen_through_the_same_weights(clip_spec, tiny_checkpoint):
    patches = Box(0, 255, (3, 68, 3, 10, 10), np.uint8)
    extractors = [CandidateFeatures(Box(0, np.inf, (3, 96), np.float16)), CandidatePatches(patches, tiny_checkpoint)]
    for extractor in extractors:
        space = extractor._observation_space
        shown = torch.rand(2, *space.shape) * 255
        found = extractor(shown)
        assert found.shape == (2, extractor.features_dim)
        turned = extractor(shown.roll(1, 1))
        torch.testing.assert_close(turned, found.unflatten(1, (3, -1)).roll(1, 1).flatten(1))
    with pytest.raises(UserError, match="patches of 10 px"):
        CandidatePatches(Box(0, 255, (3, 68, 3, 18, 18), np.uint8), tiny_checkpoint)


def test_the_envs_play_by_the_rules_that_the_arguments_give(small_args):
    rules = {"occluder": "black", "neighbourhood": "graph", "noise_per_frame": False, "reward_cap": 0.2}
    args = small_args("ppo", **rules)
    (played,) = {game.rules for game in build_envs(args, read_hparams(args.hparams, "features")).get_attr("game")}
    assert played == Rules(reward="excess", observation="features", **rules)


def test_a_trained_trunk_is_a_copy_of_the_victims(monkeypatch):
    victim = solvable.looks_at_the_nose(torch.device("cpu"))
    monkeypatch.setattr(solvable, "looks_at_the_nose", lambda device: victim)
    space = Box(0, 255, (3, 68, 3, TINY.patch_size, TINY.patch_size), np.uint8)
    networks = [CandidatePatches(space, "tests.support.solvable:looks_at_the_nose", train_trunk=True) for _ in range(2)]
    own = {id(parameter) for network in networks for parameter in network.trunk.parameters()}
    assert len(own) == 2 * len(list(victim.model.trunk.parameters()))
    assert not own & set(map(id, victim.model.parameters()))


@pytest.mark.parametrize("train_trunk", [False, True])
def test_the_trunk_is_pretrained_and_moves_only_when_asked(small_args, tiny_checkpoint, train_trunk):
    run = train_sb3(small_args("ppo", observation="patches", train_trunk=train_trunk))
    before, after = load_pretrained(tiny_checkpoint).trunk.state_dict(), weights(run)
    moved = {not torch.equal(value, after[f"features_extractor.trunk.{name}"]) for name, value in before.items()}
    assert moved == {train_trunk}


def test_ppo_starts_from_the_pretrained_trunk_even_when_it_trains_it(small_args, tiny_checkpoint):
    args = small_args("ppo", observation="patches", train_trunk=True)
    hparams = read_hparams(args.hparams, "patches")
    model = build_model(args, hparams, build_envs(args, hparams))
    for name, value in load_pretrained(tiny_checkpoint).trunk.state_dict().items():
        assert torch.equal(model.policy.features_extractor.trunk.state_dict()[name], value)


@pytest.mark.parametrize(
    ("algo", "changes"),
    [
        ("dqn", {}),
        ("dqn", {"observation": "patches"}),
        ("ppo", {}),
        ("ppo", {"with_landmark_id": True}),
        ("qrdqn", {}),
    ],
)
def test_a_run_learns_is_saved_and_plays_as_sb3_would(small_args, clip_spec, tiny_checkpoint, algo, changes):
    pytest.importorskip(ALGORITHMS[algo][0])
    args = small_args(algo, **changes)
    run = train_sb3(args)
    assert list(run.glob("events.out.tfevents.*"))
    hparams = read_hparams(args.hparams, args.observation)
    envs = build_envs(args, hparams)
    fresh = build_model(args, hparams, envs).policy.state_dict()
    assert any(not torch.equal(value, fresh[name]) for name, value in weights(run).items())

    game = load_game(clip_spec, tiny_checkpoint, "cpu")
    first, second = (play(game, load_policy(run), 5, 0) for _ in range(2))
    assert np.array_equal(first.targets, second.targets)
    assert first.returns.min() > 0
    # What the policy answers is what SB3's own model predicts on what the env shows.
    model = find_algorithm(algo).load(run / "model.zip", device="cpu")
    single = OcclusionSynthesisEnv(clip_spec, tiny_checkpoint, "cpu", observation=args.observation)
    shown, _ = single.reset(options={"clip": int(first.clip[0]), "frame": 0, "landmark": int(first.first[0])})
    if args.with_landmark_id:
        shown = add_landmark_ids(shown[None], game, torch.tensor(first.first[:1]))[0]
    action = int(model.predict(shown, deterministic=True)[0])
    assert game.candidates(torch.tensor(first.first[:1]))[0, action] == first.targets[0, 0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("algo", "changes"),
    [
        ("dqn", {"tau": 1.0, "target_update_interval": 64, "gradient_steps": 4, "learning_starts": 1000}),
        ("qrdqn", {"tau": 1.0, "target_update_interval": 64, "gradient_steps": 4, "learning_starts": 1000, "gamma": 0.8}),
        ("ppo", {"gamma": 0.8}),
    ],
)
def test_a_game_with_a_known_best_policy_is_solved(clip_spec, tmp_path, algo, changes):
    """Half of the way to the best policy, without the landmark's number and with features of random weights."""
    pytest.importorskip(ALGORITHMS[algo][0])
    spec, victim = f"{clip_spec}?limit=3", "tests.support.solvable:looks_at_the_nose"
    entries = yaml.safe_load((SHIPPED / f"{algo}.yml").read_text())
    file = tmp_path / f"{algo}.yml"
    file.write_text(yaml.safe_dump({key: values | changes for key, values in entries.items()}))
    run = train_sb3(
        SB3Args(
            algo=algo, hparams=file, clips=spec, tracker=victim, device="cpu", total_steps=12_000, num_envs=16,
            run_dir=tmp_path / "run",
        )
    )  # fmt: skip
    game = load_game(spec, victim, "cpu")
    policies = load_policy(run), *(named_policy(name, game, lambda: game) for name in ("random-walk", "optimal"))
    learned, walk, optimal = (play(game, policy, 60, 0).returns.mean() for policy in policies)
    assert optimal_share(learned, walk, optimal) > 0.5


def test_a_seed_repeats_and_two_seeds_differ(small_args):
    first, again, other = (
        weights(train_sb3(small_args("dqn", name, seed=seed))) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert any(not torch.equal(value, other[name]) for name, value in first.items())


def test_commands_train_evaluate_and_compare(small_args, clip_spec, tiny_checkpoint, tmp_path, monkeypatch):
    run, file = str(tmp_path / "run"), str(small_args("ppo").hparams)
    shared = ["--clips", clip_spec, "--tracker", tiny_checkpoint, "--device", "cpu"]
    monkeypatch.setattr(
        sys, "argv", ["sb3.py", "--algo", "ppo", "--hparams", file, "--val-clips", clip_spec, "--total-steps", "64",
                      "--num-envs", "4", "--eval-episodes", "5", "--run-dir", run, *shared],
    )  # fmt: skip
    agents.sb3.main()
    assert {row["policy"] for row in json.loads((tmp_path / "run/evaluation.json").read_text())["policies"]} >= {run, "optimal"}
    card = json.loads((tmp_path / "run/card.json").read_text())
    assert (card["library"], card["step"], card["hparams"]["n_envs"]) == ("stable-baselines3", 64, 4)

    arguments = ["compare_policies.py", "--policies", run, "--seeds", "0", "--episodes", "5", "--out", str(tmp_path), *shared]
    monkeypatch.setattr(sys, "argv", arguments)
    benchmarks.compare_policies.main()
    assert [row["policy"] for row in json.loads((tmp_path / "figures.json").read_text())["policies"]] == ["random-walk", run]

    for again in (lambda: train_sb3(small_args("ppo")), lambda: claimed_run(Path(run), resume=False).__enter__()):
        with pytest.raises(UserError, match="another --run-dir"):
            again()


def test_a_policy_of_other_patches_is_refused(small_args, clip_spec):
    policy = load_policy(train_sb3(small_args("ppo", observation="patches")))
    game = load_game(clip_spec, "srn-small", "cpu")
    with pytest.raises(UserError, match=r"patches \(68, 3, 10, 10\), but the game's are \(68, 3, 18, 18\)"):
        play(game, policy, 1, 0)


@pytest.mark.parametrize("changes", [{"seed": -1}, {"seed": 2**32}, {"total_steps": 0}, {"num_envs": 0}])
def test_numbers_out_of_range_are_named(small_args, changes):
    [(name, value)] = changes.items()
    with pytest.raises(UserError, match=f"--{name.replace('_', '-')} {value}: expected"):
        small_args("ppo", **changes)


def test_landmark_ids_are_refused_for_patches(small_args):
    with pytest.raises(UserError, match="--with-landmark-id with --observation patches: expected features"):
        small_args("dqn", with_landmark_id=True, observation="patches")
    with pytest.raises(UserError, match="--train-trunk with --observation features: it has no trunk"):
        small_args("dqn", train_trunk=True, observation="features")


def test_the_damaged_file_of_a_run_is_named(small_args):
    run = train_sb3(small_args("dqn"))
    (run / "model.zip").write_bytes(b"no zip")
    with pytest.raises(UserError, match=r"model\.zip"):
        load_policy(run)
    for content in (b"", b"no pickle"):
        with zipfile.ZipFile(run / "model.zip", "w") as file:
            file.writestr("policy.pth", content)
        with pytest.raises(UserError, match=r"model\.zip"):
            load_policy(run)
    card = json.loads((run / "card.json").read_text())
    (run / "card.json").write_text(json.dumps({key: card[key] for key in ("library", "arguments")}))
    with pytest.raises(UserError, match=r"card\.json: damaged"):
        load_policy(run)


@pytest.mark.parametrize("algo", sorted(ALGORITHMS))
@pytest.mark.parametrize("observation", ["patches", "features"])
def test_shipped_hyper_parameters_fit_their_algorithm(algo, observation):
    hparams = read_hparams(SHIPPED / f"{algo}.yml", observation)
    if importlib.util.find_spec(ALGORITHMS[algo][0]):
        assert hparams.algorithm.keys() <= inspect.signature(find_algorithm(algo)).parameters.keys()
    if algo != "ppo":
        saver = hparams.algorithm["optimize_memory_usage"]
        assert saver is (observation == "patches")
        assert hparams.algorithm["replay_buffer_kwargs"] == {"handle_timeout_termination": not saver}
        assert hparams.algorithm["buffer_size"] < 100_000


def test_hyper_parameters_are_the_same_after_writing_and_reading(tmp_path):
    hparams = read_hparams(SHIPPED / "dqn.yml", "features")
    values = dataclasses.asdict(hparams)
    (tmp_path / "copy.yml").write_text(yaml.safe_dump({ENV_ID: {**values.pop("algorithm"), **values}}))
    assert read_hparams(tmp_path / "copy.yml", "features") == read_hparams(tmp_path / "copy.yml", "patches") == hparams


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "not valid YAML"),
        ("- 1", "expected a mapping"),
        ("CartPole-v1: {policy: MlpPolicy}", "no hyper-parameters under"),
        ("OcclusionSynthesis-v0: {policy: MlpPolicy}", "has no 'n_timesteps'"),
        ("OcclusionSynthesis-v0: {n_timesteps: 1.5, policy: MlpPolicy}", "n_timesteps 1.5"),
        ("OcclusionSynthesis-v0: {n_timesteps: .inf, policy: MlpPolicy}", "n_timesteps inf"),
        ("OcclusionSynthesis-v0: {n_timesteps: 9, policy: MlpPolicy, learning_rate: 1e-3}", "1.0e-3"),
        ("OcclusionSynthesis-v0: {n_timesteps: 9, policy: MlpPolicy, policy_kwargs: 'dict(net_arch=[4])'}", "YAML mapping"),
        ("OcclusionSynthesis-v0: {n_timesteps: 9, policy: MlpPolicy, normalize: {norm_reward: true}}", "norm_obs: false"),
        ("OcclusionSynthesis-v0: {n_timesteps: 9, policy: Clever}", "policy 'Clever'"),
        ("OcclusionSynthesis-v0: {n_timesteps: 9, policy: MlpPolicy, speed: 3}", "'speed': unknown to dqn"),
        ("OcclusionSynthesis-v0: {n_timesteps: 9, policy: MlpPolicy, optimize_memory_usage: true}", "dqn refuses"),
        (
            "OcclusionSynthesis-v0: {n_timesteps: 9, policy: MlpPolicy, n_steps: 3, optimize_memory_usage: true, "
            "replay_buffer_kwargs: {handle_timeout_termination: false}}",
            "NStepReplayBuffer",
        ),
        ("OcclusionSynthesis-v0: {n_timesteps: 9, policy: MlpPolicy, normalize: {norm_obs: false, x: 1}}", "VecNormalize"),
    ],
)
def test_unusable_hyper_parameters_are_named(small_args, text, message):
    args = small_args("dqn")
    args.hparams.write_text(text)
    with pytest.raises(UserError, match=message):
        train_sb3(args)


def test_without_sb3_one_line_says_what_to_install(small_args, tmp_path, monkeypatch, capsys):
    (tmp_path / "card.json").write_text(json.dumps({"library": "stable-baselines3"}))
    monkeypatch.setitem(sys.modules, "sb3_contrib", None)
    with pytest.raises(UserError, match="sb3_contrib.*extra 'sb3'"):
        train_sb3(small_args("qrdqn"))
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    with pytest.raises(UserError, match="stable_baselines3.*extra 'sb3'"):
        load_policy(tmp_path)
    monkeypatch.setattr(sys, "argv", ["sb3.py", "--algo", "dqn"])
    with pytest.raises(SystemExit) as ended:
        agents.sb3.main()
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1

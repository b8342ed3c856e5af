"""Learners trained with several seeds and compared, from end to end on tiny clips; the ceiling; curves; jobs on Ray."""

import dataclasses
import json
import os
import shlex
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import tyro
from torch.utils.tensorboard import SummaryWriter

import agents.dqn
from agents.deepq.network import QNet
from agents.playing.args import EvaluateArgs
from agents.run_folder import STATE
from benchmarks.common.commands import benchmark_command
from benchmarks.common.jobs import run_jobs
from benchmarks.common.results import read_figures, read_rows
from benchmarks.compare_policies import compare
from benchmarks.comparison import jobs as learners_module
from benchmarks.comparison.args import CompareArgs, RegressionArgs
from benchmarks.comparison.curves import EACH_EPISODE, Curve, on_one_axis, read_curve
from benchmarks.comparison.learners import read_learner
from benchmarks.comparison.measure import HELD_OUT, Measurement
from benchmarks.comparison.regression import RewardModel, excess_table, explained_share, fit, predicted
from benchmarks.comparison.report import Results, summarise_learners
from srn_core.errors import UserError
from srn_core.io.tensors import load_tensors
from srn_gym.games import load_game
from srn_gym.planning import best_path

SMALL = "num_envs=8,learning_starts=40,batch_size=16,capacity=64,save_every=80"
DQN, FIFO = f"dqn:{SMALL}", f"dqn:{SMALL},single_queue=true"
CEILING = "regression:steps=20,batch_size=64"


def tiny_args(clip_spec: str, tracker: str, out: Path, *learners: str, **changes) -> CompareArgs:
    options = {"policies": ("prior",), "train_seeds": (0, 1), "total_steps": 160, "seeds": (0,), "episodes": 6, "device": "cpu"}
    clips = {"clips": f"{clip_spec}?limit=2", "train_clips": f"{clip_spec}?limit=3"}
    return CompareArgs(**{**clips, **options, "tracker": tracker, "out": out, "learners": learners, **changes})


def record(out: Path) -> dict:
    """Everything that a comparison of learners wrote."""
    return {**read_figures(out), "rows": read_rows(out, "rows"), "episodes": read_rows(out, "episodes")}


def test_learners_are_trained_once_compared_and_reported(clip_spec, tiny_checkpoint, tmp_path, capsys, monkeypatch):
    rules = {"occluder": "black", "neighbourhood": "graph", "noise_per_frame": False}
    args = tiny_args(clip_spec, tiny_checkpoint, tmp_path, DQN, f"{FIFO}@1", f"{CEILING}@1", **rules)
    compare(args)
    first = record(tmp_path)
    assert "Learners, trained 160 steps" in capsys.readouterr().out
    assert "share on train" in (tmp_path / "README.md").read_text()
    runs = {row["policy"]: row["runs"] for row in first["learners"]}
    named = {"random-walk": 1, "optimal": 1, "prior": 1}
    assert runs == {DQN: 2, FIFO: 1, CEILING: 1, f"{CEILING}-planned": 1} | named
    keys = {(row["policy"], row["seed"], row["split"], row["clip"]) for row in first["rows"]}
    assert len(keys) == len(first["rows"]) == sum(runs.values()) * (2 + 3)
    for file in ("profiles.png", "improvement.png", "curves.png", "policies.png"):
        assert (tmp_path / file).stat().st_size > 5_000, file
    figures = {row["policy"]: row for row in first["learners"]}
    assert (figures["random-walk"]["share_iqm"], figures["optimal"]["train_share_iqm"]) == pytest.approx((0, 1))
    assert all(row["share_iqm"] <= 1 for row in first["learners"])
    assert figures[FIFO]["improvement"]["over"] == DQN
    assert tyro.cli(CompareArgs, args=shlex.split(first["command"])[2:]) == args

    folders = sorted((tmp_path / "runs").glob("dqn-*/seed-*"))
    for settings in (json.loads((folder / "settings.json").read_text()) for folder in folders):
        assert all(settings[name] == settings[f"eval_{name}"] == value for name, value in rules.items())
    weights = [load_tensors(folder / "policy.safetensors")[0]["head.first.weight"] for folder in folders]
    assert len(weights) == 3
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert not torch.equal(weights[i], weights[j]), "two seeds, or queues and a single one, made the same network"

    monkeypatch.setattr(learners_module, "_rows", None)
    compare(args)
    assert record(tmp_path) == first
    with pytest.raises(UserError, match=r"other settings \(total_steps\)"):
        compare(dataclasses.replace(args, total_steps=200))


def test_a_warm_start_learns_the_same(clip_spec, tiny_checkpoint, tmp_path):
    rows = {}
    for start in ("cold", "warm"):
        args = tiny_args(clip_spec, tiny_checkpoint, tmp_path / start, "dqn", train_seeds=(0, 1), start=start)
        compare(args)
        rows[start] = record(args.out)["rows"]
    for cold, warm in zip(rows["cold"], rows["warm"], strict=True):
        assert cold["return"] == pytest.approx(warm["return"], rel=1e-3)


def test_a_stopped_training_goes_on(clip_spec, tiny_checkpoint, tmp_path, monkeypatch):
    args = tiny_args(clip_spec, tiny_checkpoint, tmp_path, DQN, train_seeds=(0,), total_steps=240)
    save = agents.dqn.save_run

    def save_and_stop(*arguments):
        save(*arguments)
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(agents.dqn, "save_run", save_and_stop)
        with pytest.raises(InterruptedError):
            compare(args)
    (folder,) = (tmp_path / "runs").glob("dqn-*/seed-0")
    assert load_tensors(folder / STATE)[1]["step"] == 80
    assert not (folder / "rows.json").is_file()
    resumed = []
    once = agents.dqn.load_run
    monkeypatch.setattr(agents.dqn, "load_run", lambda *arguments: resumed.append(once(*arguments)) or resumed[-1])
    compare(args)
    assert resumed == [80]
    assert load_tensors(folder / STATE)[1]["step"] == 240
    curve = read_curve(folder)
    assert curve is not None
    assert (np.diff(curve.steps) >= 0).all()
    assert curve.steps[-1] > 200


def test_sb3_learners_are_compared_too(clip_spec, tiny_checkpoint, tmp_path):
    pytest.importorskip("stable_baselines3")
    learner = "sb3-ppo:num_envs=4,window=3"
    compare(tiny_args(clip_spec, tiny_checkpoint, tmp_path, learner, train_seeds=(0,), total_steps=64))
    assert record(tmp_path)["learners"][0]["policy"] == learner
    (settings,) = (tmp_path / "runs").glob("sb3-ppo*/seed-0/settings.json")
    assert json.loads(settings.read_text())["hparams"]["n_timesteps"] == 64


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dqm", "expected one of dqn, sb3-dqn"),
        ("dqn:queue=1", "unknown field 'queue'.*single_queue"),
        ("dqn:clips=demo", "unknown field 'clips'"),
        ("dqn:occluder=black", "unknown field 'occluder'.*reward_cap"),
        ("dqn:n_step=many", "expected int"),
        ("dqn:double=False", "expected bool.*true"),
        ("dqn:reward=all", "'nme', 'excess'"),
        ("dqn@0", "@1 or more"),
    ],
)
def test_learners_that_cannot_be_read_say_why(text, words):
    with pytest.raises(UserError, match=words):
        read_learner(text)


def test_options_take_the_types_of_their_fields():
    spec = read_learner("dqn:window=null,lr=1,encoder=runs/my@srn,single_queue=true,reward=nme@3")
    assert spec.options == {"window": None, "lr": 1.0, "encoder": "runs/my@srn", "single_queue": True, "reward": "nme"}
    assert (spec.runs, type(spec.options["lr"])) == (3, float)
    assert read_learner("dqn:encoder=my@srn").runs is None


def test_a_learner_given_twice_and_missing_seeds_are_refused(clip_spec, tiny_checkpoint, tmp_path):
    args = tiny_args(clip_spec, tiny_checkpoint, tmp_path, "dqn", "dqn@1")
    with pytest.raises(UserError, match="given twice"):
        compare(args)
    with pytest.raises(UserError, match="--train-seeds"):
        compare(dataclasses.replace(args, learners=("dqn",), train_seeds=()))


def test_rows_of_prior_over_other_frames_are_not_reused(tmp_path):
    options = EvaluateArgs(policy="", train_clips="demo?split=train", prior_frames=4)
    how = Measurement(options, (0,), "key")
    other = dataclasses.replace(how, options=dataclasses.replace(options, prior_frames=8))
    for name in ("prior", "greedy"):
        learners_module.check_jobs((), (name,), how, tmp_path)
        (learners_module.run_folder(tmp_path, name) / "rows.json").write_text("[]")
    learners_module.check_jobs((), ("greedy",), other, tmp_path)
    with pytest.raises(UserError, match="eval_prior_frames"):
        learners_module.check_jobs((), ("prior",), other, tmp_path)


def test_a_network_that_sees_the_rewards_plans_the_optimum():
    """Rewards are a coarse function of what the network sees, so the plan through its predictions is the best there is."""
    rng = np.random.default_rng(0)
    tables = [rng.integers(0, 4, (length, 9)).astype(float) for length in (30, 20)]
    seen = torch.nn.utils.rnn.pad_sequence([torch.tensor(table) for table in tables], batch_first=True).float()
    scene = SimpleNamespace(scheme=SimpleNamespace(num_landmarks=9), clips=tables, device=torch.device("cpu"))
    features = SeesRewards(scene, seen)
    torch.manual_seed(0)
    network = QNet(features)
    fit(network, features, tables, RegressionArgs(steps=1500, batch_size=128, lr=1e-2))
    neighbours = (np.arange(9)[:, None] + [-1, 0, 1]) % 9
    for clip, table in enumerate(tables):
        found = predicted(network, features, clip)
        assert explained_share(found * np.concatenate(tables).std(), table) > 0.97
        frames = np.arange(len(table))
        planned, optimal = (table[frames, best_path(rewards, neighbours, 4)].sum() for rewards in (found, table))
        assert planned == optimal


class SeesRewards:
    """Features of one number: the reward itself."""

    size = 1

    def __init__(self, scene, seen) -> None:
        self.scene, self.seen = scene, seen

    def __call__(self, clip, frame, covered):
        return self.seen[clip, frame, covered][:, None]


def test_explained_share_is_that_within_frames():
    truth = np.array([[1.0, 3.0], [10.0, 14.0]])
    assert explained_share(truth + [[5], [-7]], truth) == 1
    assert explained_share(np.zeros((2, 2)), truth) == 0
    assert explained_share(np.array([[1.0, 3.0], [0, 0]]), truth) == pytest.approx(1 - 8 / 10)


def test_the_ceiling_learns_its_training_clips(clip_spec, tiny_checkpoint):
    game = load_game(clip_spec, tiny_checkpoint, "cpu")
    few, many = (RewardModel(RegressionArgs(tracker=tiny_checkpoint, steps=steps), game) for steps in (1, 400))
    assert many.explained_share(game, 0) > max(few.explained_share(game, 0), 0.1)
    assert excess_table(game, 0).shape == (6, 68)
    with pytest.raises(UserError, match="mode 'track'"):
        RewardModel(RegressionArgs(tracker=tiny_checkpoint), load_game(clip_spec, tiny_checkpoint, "cpu", mode="track"))


def test_few_runs_have_no_interval():
    rows = [
        {"policy": name, "seed": seed, "split": split, "clip": clip, "return": value + clip, "nme_percent": value}
        for split in ("held-out", "train")
        for clip in (0, 1)
        for name, seeds, value in (("a", range(5), 3), ("b", range(4), 1), ("random-walk", [None], 0), ("optimal", [None], 4))
        for seed in seeds
    ]
    a, b, walk, optimal = summarise_learners(rows, "a")
    assert (a["share_ci95"], a["share_iqm"], b["share_iqm"]) == ([0.75, 0.75], 0.75, 0.25)
    assert a["clip_shares"] == {0: 0.75, 1: 0.75}
    assert b["share_ci95"] is b["improvement"]["ci95"] is b["nme_differences"]["a"]["ci95"] is None
    assert (b["improvement"]["value"], optimal["improvement"]["value"]) == (0, 1)
    assert walk["nme_differences"]["a"] == {"value": -3, "ci95": [-3, -3]}
    assert walk["nme_differences"]["optimal"]["ci95"] is None


def test_no_person_is_trimmed_away_and_a_share_is_of_the_mean_return():
    """On one clip of three a learner fails in all runs: leaving out the outer quarters of runs x clips would hide it."""
    ends = {"random-walk": [0, 0, 0], "optimal": [1, 1, 8], "a": [0.5, 0.5, -8]}
    rows = [
        {"policy": name, "seed": seed, "split": split, "clip": clip, "return": value, "nme_percent": 0.0}
        for split in ("held-out", "train")
        for name, values in ends.items()
        for seed in (range(5) if name == "a" else [None])
        for clip, value in enumerate(values)
    ]
    a = summarise_learners(rows, "a")[2]
    assert a["share_iqm"] == pytest.approx(-7 / 10) and a["clip_shares"] == {0: 0.5, 1: 0.5, 2: -1.0}


def test_curves_leave_out_breaks_and_what_was_played_again(tmp_path, monkeypatch):
    for start, steps in ((100.0, (10, 20, 30)), (5000.0, (20, 30, 40))):
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda start=start: start)
            writer = SummaryWriter(str(tmp_path))
        for i, step in enumerate(steps):
            writer.add_scalar(EACH_EPISODE[0], step + start, step, walltime=start + 2 + i)
        writer.close()
    curve = read_curve(tmp_path)
    assert curve is not None
    assert curve.steps.tolist() == [10, 20, 30, 40]
    assert curve.seconds.tolist() == [2, 4, 5, 6]
    assert curve.returns.tolist() == pytest.approx([110, 2565, (110 + 5020 + 5030) / 3, (110 + 5020 + 5030 + 5040) / 4])
    assert read_curve(tmp_path / "none") is None


def test_runs_meet_on_the_axis_that_all_reached():
    runs = [
        Curve(np.array([0.0, 10]), np.array([1.0, 3]), np.array([0.0, 10])),
        Curve(np.array([2.0, 6]), np.array([0.0, 9]), np.ones(2)),
    ]
    grid, returns = on_one_axis(runs, by_seconds=False)
    assert (grid[0], grid[-1], returns.shape) == (2, 6, (2, 100))
    assert returns[:, -1].tolist() == [6, 1]
    assert on_one_axis(runs, by_seconds=True)[0][[0, -1]].tolist() == [1, 3]


def test_defaults_train_nothing():
    assert CompareArgs().learners == ()
    assert benchmark_command("compare_policies", CompareArgs(seeds=(4,))) == "python benchmarks/compare_policies.py --seeds 4"


def test_jobs_without_ray_say_which_extra(monkeypatch):
    assert run_jobs(abs, [2, -3]) == [2, 3]
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match="extra 'ray'"):
        run_jobs(abs, [2], "local")


def test_a_cluster_that_is_not_there_is_named():
    pytest.importorskip("ray")
    for address in ("auto", "nonsense"):
        with pytest.raises(UserError, match=f"--ray {address}: no cluster answers"):
            run_jobs(abs, [1], address)


def test_where_no_policy_beats_chance_there_is_no_share():
    common = {"split": HELD_OUT, "clip": "a", "seed": None, "return": 1.0, "nme_percent": 3.0}
    with pytest.raises(UserError, match="held.out.*there is no share"):
        Results([{**common, "policy": name} for name in ("random-walk", "optimal")], HELD_OUT)


@pytest.mark.slow
def test_jobs_on_a_cluster_equal_those_of_one_process(clip_spec, tiny_checkpoint, tmp_path, monkeypatch):
    ray = pytest.importorskip("ray")
    ray.init("local", num_cpus=1, log_to_driver=False)
    try:
        monkeypatch.chdir(tmp_path)
        assert run_jobs(os.path.abspath, ["b", "a"], "local") == [f"{tmp_path}/b", f"{tmp_path}/a"]
        with pytest.raises(UserError, match="'dqm': unknown"):
            run_jobs(read_learner, ["dqn", "dqm"], "local")
        figures = []
        for name, address in (("here", None), ("cluster", "local")):
            compare(tiny_args(clip_spec, tiny_checkpoint, tmp_path / name, DQN, total_steps=80, ray=address))
            figures.append(record(tmp_path / name)["learners"])
        for here, cluster in zip(*figures, strict=True):
            assert (here["policy"], here["runs"]) == (cluster["policy"], cluster["runs"])
            assert here["nme_mean"] == pytest.approx(cluster["nme_mean"], rel=1e-4)
    finally:
        ray.shutdown()

"""Speed, parity and the command for a GPU, on tiny networks: every row is there, and differences would be seen."""

import dataclasses
import shlex
from pathlib import Path

import pytest
import torch
import tyro

from benchmarks import on_gpu as on_gpu_module
from benchmarks.common.results import read_figures
from benchmarks.on_gpu import OnGpuArgs, gpu_training, on_gpu, planned, steps_within
from benchmarks.speed import parity as parity_module
from benchmarks.speed.args import GROUPS, ThroughputArgs
from benchmarks.speed.game import FreshFeatures, filled_learner
from benchmarks.speed.parity import game_parity, landmark_parity
from benchmarks.speed.steady import WORKS, steady_rows
from benchmarks.speed.timing import Load, SpeedRow, arithmetic, time_calls
from benchmarks.throughput import throughput
from srn_core.checkpoints import load_pretrained
from srn_core.data import load_clips
from srn_core.errors import UserError
from srn_core.io.tensors import load_tensors
from srn_core.training.args import TrainArgs
from srn_gym.games import load_game

CPU = torch.device("cpu")


def test_every_group_has_its_rows_and_the_plain_way_beside_it(clip_spec, tiny_checkpoint, tmp_path, capsys):
    groups = tuple(group for group in GROUPS if group != "steady")
    args = ThroughputArgs(
        rows=groups, presets=("small",), quick=True, clips=clip_spec, tracker=tiny_checkpoint, device="cpu", out=tmp_path
    )  # fmt: skip
    record = throughput(args)
    assert read_figures(tmp_path) == record
    rows = record["figures"]
    assert list(dict.fromkeys(row["group"] for row in rows)) == [group for group in groups if group != "parity"]
    assert all(row["value"] > 0 for row in rows) and record["parity"] == []
    with_plain = {row["group"] for row in rows if row["plain"] is not None}
    assert with_plain == {"detect", "track", "draw", "env", "dqn", "replay"}
    replay = rows[-1]
    assert replay["value"] < 64 and replay["gain"] == pytest.approx(replay["plain"] / replay["value"])
    assert replay["plain"] == 2 * 3 * 68 * 3 * 10 * 10 + 13
    page = (tmp_path / "README.md").read_text()
    assert "faces/s" in page and "no GPU" in page and "Speed on" in capsys.readouterr().out
    with pytest.raises(UserError, match="none given"):
        throughput(dataclasses.replace(args, rows=()))


@pytest.mark.slow
def test_slowdowns_are_measured_beside_busy_processes(clip_spec, tiny_checkpoint):
    rows = list(steady_rows(Load(clips=clip_spec, tracker=tiny_checkpoint, presets=("small",), quick=True, seconds=0), CPU))
    assert [row.what.partition(" beside")[0] for row in rows] == list(WORKS)
    assert all(row.value > 0 and row.plain is not None and row.plain > 0 for row in rows)


def test_gain_is_above_one_where_ours_is_better():
    assert SpeedRow("env", "", "", 20.0, "steps/s", plain=10.0).gain == 2
    assert SpeedRow("replay", "", "", 20.0, "bytes", plain=100.0).gain == 5
    assert SpeedRow("train", "", "", 20.0, "faces/s").gain is None


def test_a_call_is_warmed_up_and_measured_until_its_time_is_over():
    calls: list[int] = []
    assert time_calls(lambda: calls.append(1), CPU, budget=0.0).seconds >= 0 and len(calls) == 2
    timing = time_calls(lambda: torch.rand(1_000).sort(), CPU, budget=0.05)
    assert 0 < timing.seconds < 0.05 and timing.memory_mib is None


def test_arithmetic_leaves_the_switches_as_they_were():
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    with arithmetic("tf32", CPU):
        assert torch.backends.cuda.matmul.allow_tf32 and torch.backends.cudnn.allow_tf32
    with arithmetic("bfloat16", CPU):
        assert not torch.backends.cudnn.allow_tf32
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
    assert before == (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)


def test_fresh_features_are_the_remembered_ones(clip_spec, tiny_checkpoint):
    learner = filled_learner(Load(clips=clip_spec, tracker=tiny_checkpoint, presets=(), quick=True, seconds=0.0), CPU)
    index = torch.zeros(6, dtype=torch.int64), torch.arange(6), 10 * torch.arange(6)
    fresh = FreshFeatures(learner.game.scene, learner.features.model, learner.features.encode)
    torch.testing.assert_close(fresh(*index), learner.features(*index), atol=1e-5, rtol=1e-4)
    assert set(learner.update()) >= {"loss"}


def test_parity_is_exact_on_one_device_and_sees_other_arithmetic(clip_spec, lively_tracker):
    clips = load_clips(f"{clip_spec}?limit=3").clips
    rows = list(landmark_parity({"lively": lively_tracker.model}, CPU, clips, frames=9))
    assert [(row["on"], row["precision"]) for row in rows] == [
        (f"lively, {mode}", precision) for mode in ("detect", "track") for precision in ("float32", "bfloat16")
    ]
    assert all(row["faces"] == 3 * 4 for row in rows)
    for exact, other in (rows[:2], rows[2:]):
        assert exact["max_px"] == 0
        assert 0 < other["mean_px"] <= other["p99_px"] <= other["max_px"] < 5


def test_game_parity_sees_other_pixels(clip_spec, tiny_checkpoint, monkeypatch):
    rows = list(game_parity(clip_spec, tiny_checkpoint, CPU, 3, 4))
    assert [row["on"].rpartition(" ")[2] for row in rows] == ["detect", "track"]
    assert all(row["observation_bytes_differing"] == row["reward_max_difference"] == 0 for row in rows)
    seeds = iter(range(4))
    monkeypatch.setattr(parity_module, "load_game", lambda *names, **rules: load_game(*names, **rules, noise_seed=next(seeds)))
    assert all(row["observation_bytes_differing"] > 0 for row in game_parity(clip_spec, tiny_checkpoint, CPU, 3, 4))


def gpu_args(out: Path, **changes: object) -> OnGpuArgs:
    options = {"preset": "small", "steps": 2, "batch": 8, "quick": True, "device": "cpu", "beside": ()}
    spec = ("demo?split=val&limit=1",)
    return OnGpuArgs(data=spec, val=spec, out=out, **{**options, **changes})


def test_a_tracker_is_trained_exported_and_measured(tmp_path, monkeypatch):
    args = gpu_args(tmp_path, parts=("train", "evaluate"), precision="float32")
    on_gpu(args)
    trained = read_figures(tmp_path / "train")
    assert trained["steps"] == 2 and trained["card"]["step"] in (1, 2) and trained["ms_per_step_before"] is None
    words = shlex.split(trained["command"])
    assert words[:2] == ["srn", "train"]
    expected = dataclasses.replace(planned(gpu_training(args), 2), device="auto", resume=False)
    assert tyro.cli(TrainArgs, args=words[2:]) == expected
    tensors = load_tensors(tmp_path / "srn" / "model.safetensors")[0]
    assert all(tensor.dtype == torch.float16 for tensor in tensors.values())
    kept = load_pretrained(tmp_path / "run").state_dict()
    assert all(torch.allclose(kept[name], value.float(), atol=1e-2) for name, value in tensors.items())
    records = read_figures(tmp_path / "evaluate")["figures"]
    assert [(r["data"], r["mode"]) for r in records] == [
        (spec, mode) for spec in ("demo?split=val&limit=1", "demo?split=val&limit=1&masked=1") for mode in ("detect", "track")
    ]
    assert all(r["checkpoint"] == str(tmp_path / "srn") for r in records)
    # A second call finds the training finished, and one with other settings is refused.
    monkeypatch.setattr(on_gpu_module.TrainingRun, "update", None)
    on_gpu(dataclasses.replace(args, parts=("train",)))
    with pytest.raises(UserError, match="started with seed 0"):
        on_gpu(dataclasses.replace(args, parts=("train",), seed=1))
    with pytest.raises(UserError, match="another command"):
        on_gpu(dataclasses.replace(args, parts=("train",), steps=7))


def test_parts_come_in_the_order_asked_for_and_parity_of_what_was_trained_can_follow(tmp_path, monkeypatch):
    asked: list[ThroughputArgs] = []
    monkeypatch.setattr(on_gpu_module, "throughput", asked.append)
    on_gpu(gpu_args(tmp_path, parts=("throughput", "train", "parity")))
    first, second = asked
    assert (first.out, second.out) == (tmp_path / "throughput", tmp_path / "parity")
    assert "parity" not in first.rows and second.rows == ("parity",)
    assert second.checkpoints == ("srn-small", str(tmp_path / "srn")) and first.checkpoints == ("srn-small",)


def test_steps_fill_the_minutes(tmp_path, monkeypatch):
    assert steps_within(100, 0.09) == 1000 and steps_within(-5, 1) == 1
    step = time_calls(lambda: None, CPU, 0.0)._replace(seconds=0.2)
    monkeypatch.setattr(on_gpu_module, "training_step", lambda *_: step)
    monkeypatch.setattr(on_gpu_module, "run_to_end", lambda run: run.validate_and_save(run.args.steps))
    on_gpu(gpu_args(tmp_path, parts=("train",), steps=None, minutes=1))
    plan = read_figures(tmp_path / "train")
    assert plan["ms_per_step_before"] == pytest.approx(200) and 200 <= plan["steps"] <= 270
    assert plan["card"]["arguments"]["val_every"] == -(-plan["steps"] // 10)


def test_masked_specs_and_nothing_to_do_are_refused(tmp_path):
    for changes, named in (
        ({"data": ("demo?masked=1",)}, "masked faces are for evaluation"),
        ({"val": ("demo?masked=1",)}, "with and without masks"),
        ({"test": ("packed:/no/such.pack",)}, "no such file"),
        ({"beside": (str(tmp_path / "typo"),)}, "typo': not found"),
        ({"parts": ()}, "none given"),
        ({"minutes": 0.0}, "more than 0"),
    ):
        with pytest.raises(UserError, match=named):
            on_gpu(dataclasses.replace(gpu_args(tmp_path), **changes))
    assert not list(tmp_path.iterdir())

"""The command for a GPU, on a CPU: its parts, their order, time and files."""

import dataclasses
import shlex
from pathlib import Path

import pytest
import torch
import tyro

from benchmarks import on_gpu as on_gpu_module
from benchmarks.common.results import read_figures
from benchmarks.on_gpu import GPU_GROUPS, on_gpu, seconds_for
from benchmarks.speed import on_gpu_training as training_module
from benchmarks.speed.args import ThroughputArgs
from benchmarks.speed.on_gpu_args import PARTS, SHARES, OnGpuArgs
from benchmarks.speed.on_gpu_training import gpu_training, planned, steps_within
from benchmarks.speed.timing import time_calls
from srn_core.checkpoints import load_pretrained
from srn_core.errors import UserError
from srn_core.io.tensors import load_tensors
from srn_core.training.args import TrainArgs

CPU = torch.device("cpu")


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
    monkeypatch.setattr(training_module.TrainingRun, "update", None)
    on_gpu(dataclasses.replace(args, parts=("train",)))
    with pytest.raises(UserError, match="started with seed 0"):
        on_gpu(dataclasses.replace(args, parts=("train",), seed=1))
    with pytest.raises(UserError, match="another command"):
        on_gpu(dataclasses.replace(args, parts=("train",), steps=7))


def test_parts_come_in_the_order_asked_for_and_parity_of_what_was_trained_can_follow(tmp_path, monkeypatch):
    asked: list[ThroughputArgs] = []
    monkeypatch.setattr(on_gpu_module, "throughput", asked.append)
    record = on_gpu(gpu_args(tmp_path, parts=("throughput", "train", "parity")))
    first, second = asked
    assert (first.out, second.out) == (tmp_path / "throughput", tmp_path / "parity")
    assert first.rows == GPU_GROUPS and second.rows == ("parity",)
    assert second.checkpoints == ("srn-small", str(tmp_path / "srn")) and first.checkpoints == ("srn-small",)
    assert list(record["seconds"]) == ["throughput", "train", "parity"] and record["failed"] == {}
    # One file holds the results of all parts.
    assert read_figures(tmp_path) == record and record["train"] == read_figures(tmp_path / "train")


def test_a_part_that_fails_leaves_the_results_of_the_others(tmp_path, monkeypatch):
    def fail(_: object) -> None:
        assert read_figures(tmp_path)["train"]["steps"] == 2
        raise RuntimeError("out of memory")

    monkeypatch.setattr(on_gpu_module, "throughput", fail)
    record = on_gpu(gpu_args(tmp_path, parts=("train", "throughput"), weights=tmp_path / "weights"))
    assert list(record["failed"]) == ["throughput"] and "out of memory" in record["failed"]["throughput"]
    assert record["train"]["steps"] == 2 and read_figures(tmp_path) == record
    assert (tmp_path / "weights" / "srn").is_dir() and not (tmp_path / "run").exists()


def test_the_time_is_shared_out_and_what_is_left_goes_to_the_training():
    assert sum(SHARES.values()) == pytest.approx(1) and set(SHARES) == set(PARTS)
    left, planned_seconds = 510.0, {}
    for i, part in enumerate(PARTS):
        planned_seconds[part] = seconds_for(part, PARTS[i + 1 :], left)
        left -= planned_seconds[part]
    assert left == pytest.approx(0) and planned_seconds["train"] == pytest.approx(510 * SHARES["train"])
    assert seconds_for("train", ("evaluate",), 500) > planned_seconds["train"]
    assert seconds_for("evaluate", (), -3.0) == 1


def test_steps_fill_the_minutes(tmp_path, monkeypatch):
    assert steps_within(100, 0.09) == 1000 and steps_within(-5, 1) == 1
    step = time_calls(lambda: None, CPU, 0.0)._replace(seconds=0.2)
    monkeypatch.setattr(training_module, "training_step", lambda *_: step)
    monkeypatch.setattr(training_module, "run_to_end", lambda run: run.validate_and_save(run.args.steps))
    on_gpu(gpu_args(tmp_path, parts=("train",), steps=None, minutes=2))
    plan = read_figures(tmp_path / "train")
    assert plan["ms_per_step_before"] == pytest.approx(200) and 300 <= plan["steps"] <= 540
    assert plan["card"]["arguments"]["val_every"] == -(-plan["steps"] // 10)


@pytest.mark.slow
def test_the_whole_command_runs_on_a_cpu(tmp_path):
    record = on_gpu(gpu_args(tmp_path, preset="paper", precision="float32", steps=None, minutes=1.0, batch=4))
    assert list(record["seconds"]) == list(PARTS) and record["failed"] == {}
    assert record["throughput"]["figures"] and record["train"]["card"]["step"] >= 1 and record["evaluate"]["figures"]


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

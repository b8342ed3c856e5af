"""Several processes train as one does."""

import shlex
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from benchmarks.common.commands import training_command
from srn_core.data import load_clips
from srn_core.errors import UserError
from srn_core.io.tensors import load_tensors
from srn_core.training import args as args_module
from srn_core.training import processes
from srn_core.training.args import TrainArgs, check_batch
from srn_core.training.augment import draw_batch
from srn_core.training.pool import FacePool
from srn_core.training.state import STATE
from srn_core.training.train import train
from tests.support.faces import TINY, stopped_at_its_first_save
from tests.support.processes import torchrun
from tests.support.training import small_args


def train_in_two(args: TrainArgs, *more: str) -> str:
    words = shlex.split(training_command(args))
    return torchrun(["-m", "srn_core.cli.main", *words[1:], "--device", "cpu", *more])


def loss_curve(folder: Path) -> list[float]:
    return [event.value for event in EventAccumulator(str(folder)).Reload().Scalars("train/loss")]


def assert_same_state(folder: Path, expected: Path) -> None:
    found, wanted = (load_tensors(path / STATE)[0] for path in (folder, expected))
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-3, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.slow
@pytest.mark.parametrize("memory", ["running", "off"])
def test_two_processes_take_the_steps_of_one(memory, clip_spec, tiny_checkpoint, tmp_path):
    """Single faces and sequences; clipped gradients; weights that nothing reads, with memory=off."""
    changes = {"val_every": 1, "steps": 4, "lr": 1e-4, "config_override": (f"memory={memory}",)}
    train(small_args(clip_spec, tiny_checkpoint, tmp_path / "one", **changes))
    said = train_in_two(small_args(clip_spec, tiny_checkpoint, tmp_path / "two", **changes))
    assert [line.split(":")[0] for line in said.splitlines()] == [f"step {step}" for step in range(1, 5)]
    assert len(list((tmp_path / "two").glob("events.out.tfevents.*"))) == 1
    assert len(loss_curve(tmp_path / "one")) == 4
    assert loss_curve(tmp_path / "two") == pytest.approx(loss_curve(tmp_path / "one"), rel=1e-4)
    assert_same_state(tmp_path / "two", tmp_path / "one")


@pytest.mark.slow
def test_a_run_of_one_process_is_continued_by_two(clip_spec, tiny_checkpoint, tmp_path, monkeypatch):
    train(small_args(clip_spec, tiny_checkpoint, tmp_path / "whole", lr=1e-4))
    parts = small_args(clip_spec, tiny_checkpoint, tmp_path / "parts", lr=1e-4)
    with stopped_at_its_first_save(monkeypatch):
        train(parts)
    assert "step 6" in train_in_two(parts, "--resume")
    assert_same_state(tmp_path / "parts", tmp_path / "whole")


def test_the_shares_of_all_processes_are_the_batch(clip_spec, monkeypatch):
    pool = FacePool(load_clips(clip_spec).clips, TINY, torch.device("cpu"))
    whole = draw_batch(pool, TINY, (0, 0), 6, 2, "varied")
    assert processes.own_share(whole) is whole
    shares = []
    for rank in range(3):
        monkeypatch.setattr(processes, "process_count", lambda: 3)
        monkeypatch.setattr(processes, "process_rank", lambda rank=rank: rank)
        shares.append(processes.own_share(whole))
    assert all(torch.equal(torch.cat(parts, 1), tensor) for parts, tensor in zip(zip(*shares, strict=True), whole, strict=True))


def test_a_batch_that_processes_cannot_share_is_refused(monkeypatch):
    check_batch(12, 4)
    monkeypatch.setattr(args_module, "process_count", lambda: 2)
    check_batch(16, 4)
    with pytest.raises(UserError, match="--batch 12: expected a multiple of 8, so that 2 processes have equal shares"):
        check_batch(12, 4)


def test_without_torchrun_a_process_is_alone():
    with processes.joined_processes("cpu"):
        assert not torch.distributed.is_initialized() and processes.is_first()
        assert processes.on_first(lambda: 3) == 3 and processes.gathered([1, 2]) == [1, 2]

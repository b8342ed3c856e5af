"""The run matrices on a Ray cluster of one core."""

import dataclasses
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.ablation import ablation
from benchmarks.common import jobs as jobs_module
from benchmarks.common.jobs import run_jobs
from benchmarks.common.settings import ROWS
from benchmarks.hofs import hofs
from benchmarks.synthesis.args import HofsArgs
from benchmarks.synthesis.jobs import ArmJob, one_per_dqn
from benchmarks.tune import TuneArgs, tune
from benchmarks.variants.args import AblationArgs
from srn_core.errors import UserError


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    ray = pytest.importorskip("ray")
    ray.init("local", num_cpus=1, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.slow
def test_the_job_of_a_lost_process_is_run_again(cluster, tmp_path, monkeypatch):
    def job(name: str) -> list[str]:
        """Dies in its first run, as a machine does; the second sees what the first has written."""
        marks = sorted(path.name for path in tmp_path.glob(f"{name}-*"))
        (tmp_path / f"{name}-{len(marks)}").touch()
        if name == "doomed" or (name == "lost" and not marks):
            os.kill(os.getpid(), signal.SIGKILL)
        return marks

    assert run_jobs(job, ["lost", "kept"], "local") == [["lost-0"], []]
    assert {path.name for path in tmp_path.iterdir()} == {"lost-0", "lost-1", "kept-0"}
    monkeypatch.setattr(jobs_module, "RETRIES", 1)
    with pytest.raises(UserError, match="--ray local: a job's process was lost 2 times"):
        run_jobs(job, ["doomed"], "local")
    assert len(list(tmp_path.glob("doomed-*"))) == 2


@pytest.mark.slow
def test_every_matrix_gives_the_same_figures_on_a_cluster(cluster, clip_spec, tiny_checkpoint, tmp_path):
    """compare_policies has its test in test_compare.py."""
    spec = (f"{clip_spec}?limit=2",)
    common = {"batch": 8, "steps": 2, "device": "cpu", "seeds": (0,)}
    small = ("image_size=56", "patch_size=10", "trunk=3x4,3x8", "memory_dim=32", "map_dim=32", "group_dim=16")
    variants = AblationArgs(**common, variants=("full",), data=spec, test=spec, config_override=small, out=tmp_path / "a")
    arms = HofsArgs(
        **common, arms=("rsf", "hofs"), clips=spec, test=spec, base=tiny_checkpoint, dqn_steps=64, val_every=2, episodes=1,
        out=tmp_path / "h",
    )  # fmt: skip
    draws = TuneArgs(
        clips=spec[0], train_clips=spec[0], tracker=tiny_checkpoint, learners=("dqn",), draws=1, train_seeds=(7,),
        total_steps=64, episodes=4, device="cpu", out=tmp_path / "t",
    )  # fmt: skip
    for run, args, value in ((ablation, variants, "mean"), (hofs, arms, "mean"), (tune, draws, "share")):
        here = run(args)
        there = run(dataclasses.replace(args, ray="local", out=args.out / "cluster"))
        assert [row[value] for row in there] == pytest.approx([row[value] for row in here], rel=1e-3)


def test_each_dqn_is_trained_once_where_an_arm_still_needs_it(tmp_path):
    args = HofsArgs(out=tmp_path)
    jobs = [ArmJob(args, "srn-small", arm, seed) for seed in (0, 1) for arm in ("rsf", "hofs", "mixed", "rounds")]
    assert [job.seed for job in one_per_dqn(jobs)] == [0, 1]
    for arm in ("hofs", "mixed"):
        folder = tmp_path / args.occluder / "seed-0" / arm
        folder.mkdir(parents=True)
        (folder / ROWS).write_text("[]")
    assert [job.seed for job in one_per_dqn(jobs)] == [1]


@pytest.mark.parametrize("kind", [AblationArgs, HofsArgs, TuneArgs])
def test_a_negative_share_of_a_gpu_is_refused(kind, tmp_path: Path):
    with pytest.raises(UserError, match="--ray-gpus -1: expected a number of at least 0"):
        kind(ray_gpus=-1)

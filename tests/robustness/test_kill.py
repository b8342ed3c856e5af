"""Commands that are killed at random moments: what is resumed ends like a run that nobody stopped, and no file is half.

``--long`` kills each command fifty times.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from srn_core.data.loading import load_clips
from srn_core.data.pack import load_to_pack, write_pack
from srn_core.io.files import read_json
from srn_core.io.tensors import load_tensors
from srn_core.io.videos import write_video

ROOT = Path(__file__).parents[2]
KILLS, LONG_KILLS = 3, 50
SRN = (sys.executable, "-m", "srn_core.cli.main")
# A resumed DQN has forgotten the tracker's answers. It computes them again beside other ones, which would change last digits.
ONE_BY_ONE = {"OMP_NUM_THREADS": "1", "SRN_BATCH": "1"}

DQN = "--device cpu --total-steps 512 --num-envs 8 --learning-starts 64 --batch-size 16 --save-every 32 --eval-episodes 0"
TRAINING = "--device cpu --steps 24 --batch 8 --val-every 2 --warmup 2"
TUNING = "--device cpu --steps 16 --batch 8 --val-every 2 --refresh 4"


class Run(NamedTuple):
    """A command that can be continued.

    Attributes:
        words: the command, for clips, checkpoint and folder.
        result: the file that it is for.
        state: the file that makes it resumable with ``--resume``; empty: the same command again continues it.
    """

    words: Callable[[str, str, str], str]
    result: str
    state: str = ""


RUNS = {
    "dqn": Run(
        lambda clips, checkpoint, out: f"agents/dqn.py --clips {clips} --tracker {checkpoint} --run-dir {out} {DQN}",
        "policy.safetensors",
        "state.safetensors",
    ),
    "train": Run(
        lambda clips, checkpoint, out: (
            f"-m srn_core.cli.main train --data {clips} --val {clips} --init {checkpoint} --out {out} {TRAINING}"
        ),
        "model.safetensors",
        "state.safetensors",
    ),
    "finetune": Run(
        lambda clips, checkpoint, out: (
            f"agents/finetune.py --policy greedy --clips {clips} --val {clips} --tracker {checkpoint} --out {out} {TUNING}"
        ),
        "model.safetensors",
        "round-1/state.safetensors",
    ),
    "hofs": Run(
        lambda clips, checkpoint, out: (
            f"benchmarks/hofs.py --arms none rsf --seeds 0 --clips {clips} --val {clips} --test {clips} --base {checkpoint} "
            f"--episodes 1 --out {out} {TUNING}"
        ),
        "square/seed-0/rsf/rows.json",
    ),
}


def start(words: tuple[str, ...]) -> subprocess.Popen[str]:
    environment = {**os.environ, **ONE_BY_ONE}
    return subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment, process_group=0
    )


def end(run: subprocess.Popen[str], number: int | None = None) -> bool:
    """Wait for a run that nobody stops, or stop it; whether it has ended by itself."""
    if number is not None:
        run.send_signal(number)
    said = run.communicate()[1]
    assert "Traceback" not in said, said
    allowed = {0} if number is None else {0, -number, 128 + number}
    assert run.returncode in allowed, said
    return run.returncode == 0


def temporary_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob(".*") if path.is_file()]


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    return LONG_KILLS if request.config.getoption("--long") else KILLS


@pytest.mark.slow
@pytest.mark.parametrize("kind", RUNS)
def test_a_killed_run_ends_like_one_that_nobody_stopped(
    kind: str, kills: int, clip_spec: str, tiny_checkpoint: str, tmp_path: Path
) -> None:
    run = RUNS[kind]

    def again(folder: Path) -> subprocess.Popen[str]:
        resume = ("--resume",) * (bool(run.state) and (folder / run.state).is_file())
        return start((sys.executable, *run.words(clip_spec, tiny_checkpoint, str(folder)).split(), *resume))

    began = time.monotonic()
    end(again(tmp_path / "whole"))
    lasts = time.monotonic() - began
    rng, killed = np.random.default_rng(0), tmp_path / "killed-0"
    for kill in range(kills):
        number = (signal.SIGKILL, signal.SIGTERM)[kill % 2]
        stopped = again(killed)
        time.sleep(rng.uniform(0.3, 1) * lasts)
        before = temporary_files(killed)
        ended = end(stopped, number)
        for file in killed.rglob("[!.]*.safetensors"):
            load_tensors(file)
        for file in killed.rglob("[!.]*.json"):
            read_json(file)
        if number == signal.SIGTERM and not before:
            assert not temporary_files(killed)
        if ended or (kind in ("finetune", "hofs") and (killed / run.result).is_file()):
            # There is no more to resume: kill another one.
            check_same(*(folder / run.result for folder in (tmp_path / "whole", killed)))
            killed = tmp_path / f"killed-{kill + 1}"
    end(again(killed))
    check_same(*(folder / run.result for folder in (tmp_path / "whole", killed)))


def check_same(whole: Path, killed: Path) -> None:
    """Fail if two results differ in a bit."""
    if whole.suffix == ".json":
        assert read_json(whole) == read_json(killed)
        return
    (one, told), (two, said) = load_tensors(whole), load_tensors(killed)
    assert one.keys() == two.keys() and told.keys() == said.keys()
    for name in one:
        assert torch.equal(one[name], two[name]), name
    assert told.get("step") == said.get("step")


@pytest.mark.slow
def test_a_killed_command_leaves_its_file_whole_or_absent(
    kills: int, clip_spec: str, tiny_checkpoint: str, tmp_path: Path
) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (60, 96, 96, 3), np.uint8)
    write_video(tmp_path / "in.avi", frames, 10)
    write_pack(tmp_path / "whole.pack", load_to_pack([clip_spec]))
    (tmp_path / "out").mkdir()
    pack, video = tmp_path / "out" / "a.pack", tmp_path / "out" / "a.mp4"
    commands = (
        (*SRN, "data", clip_spec, "--pack", str(pack)),
        (*SRN, "track", str(tmp_path / "in.avi"), "--checkpoint", tiny_checkpoint, "--box", "20,20,60,60", "--out", str(video)),
    )
    rng = np.random.default_rng(1)
    for words in commands:
        for kill in range(kills):
            run = start(words)
            time.sleep(rng.uniform(1, 8))
            number = (signal.SIGTERM, signal.SIGKILL)[kill % 2]
            run.send_signal(number)
            run.communicate()
            assert number == signal.SIGKILL or not temporary_files(tmp_path / "out")
            for path in temporary_files(tmp_path / "out"):
                path.unlink()
            if pack.exists():
                assert pack.read_bytes() == (tmp_path / "whole.pack").read_bytes() and load_clips(f"packed:{pack}").clips
                pack.unlink()

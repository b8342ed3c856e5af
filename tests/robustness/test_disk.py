"""Commands on a disk that is full, or that cannot be written to: one line that says so, and no half file under a final name.

The disks are small tmpfs, which only root can mount.
"""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from srn_core.io.files import read_json
from srn_core.io.tensors import load_tensors
from srn_core.io.videos import write_video
from tests.robustness.test_kill import RUNS, SRN, start, temporary_files

Mount = Callable[[int], Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Mounts a disk of so many KiB."""
    folder = tmp_path / "disk"

    def make(size: int) -> Path:
        folder.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", folder], capture_output=True, text=True)
        if done.returncode:
            folder.rmdir()
            pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
        return folder

    if shutil.which("mount") is None:
        pytest.skip("no program mount here")
    yield make
    if folder.is_dir():
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def commands(clip_spec: str, tiny_checkpoint: str, tmp_path: Path) -> dict[str, str]:
    """Commands that write into the folder {out}."""
    frames = np.random.default_rng(0).integers(0, 256, (30, 96, 96, 3), np.uint8)
    write_video(tmp_path / "in.avi", frames, 10)
    srn = shlex.join(SRN[1:])
    track = f"{srn} track {tmp_path}/in.avi --checkpoint {tiny_checkpoint} --box 20,20,60,60"
    return {
        "pack": f"{srn} data {clip_spec} --pack {{out}}/a.pack",
        "track-mp4": f"{track} --out {{out}}/a.mp4",
        "track-avi": f"{track} --out {{out}}/a.avi --json {{out}}/a.json",
        "clip": f"{track} --out {tmp_path}/c.mp4 --clip {{out}}/c",
        **{name: run.words(clip_spec, tiny_checkpoint, "{out}/run") for name, run in RUNS.items()},
    }


def last_line(words: str) -> str:
    """What a command that has to fail says; anything but exit status 2 and one line is a failure."""
    run = start((sys.executable, *words.split()))
    said = run.communicate()[1]
    assert "Traceback" not in said and run.returncode == 2, said
    lines = [line for line in said.split("\n") if line.startswith("error: ")]
    assert len(lines) == 1, said
    return lines[0]


KINDS = ("pack", "track-mp4", "track-avi", "clip", *RUNS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk(kind: str, mount: Mount, commands: dict[str, str]) -> None:
    disk = mount(8)
    said = last_line(commands[kind].format(out=disk))
    assert str(disk) in said and ("No space left" in said or "disk full" in said), said
    assert not temporary_files(disk)
    for file in disk.rglob("*.safetensors"):
        load_tensors(file)
    for file in disk.rglob("*.json"):
        read_json(file)
    assert not [file for file in disk.rglob("a.*") if file.suffix != ".json"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_cannot_be_written_to(kind: str, mount: Mount, commands: dict[str, str]) -> None:
    disk = mount(4096)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    said = last_line(commands[kind].format(out=disk))
    assert str(disk) in said, said
    assert not list(disk.iterdir())

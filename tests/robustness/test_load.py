"""Eight commands at once that share clips, a pack, a run's folder and a file: each ends well or is refused by one line."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from srn_core.data.pack import load_to_pack, write_pack
from srn_core.io.files import read_json
from srn_core.io.tensors import load_tensors
from tests.robustness.test_kill import RUNS, SRN, start, temporary_files

CORES = 2


@pytest.mark.slow
def test_eight_commands_share_everything(clip_folder: Path, clip_spec: str, tiny_checkpoint: str, tmp_path: Path) -> None:
    write_pack(tmp_path / "a.pack", load_to_pack([clip_spec]))
    packed, run, figures = f"packed:{tmp_path}/a.pack", tmp_path / "run", tmp_path / "figures.json"
    evaluate = ("evaluate", "--checkpoint", tiny_checkpoint, "--device", "cpu", "--json", str(figures), "--data")
    play = (
        sys.executable,
        "agents/evaluate.py",
        "--policy",
        "greedy",
        "--tracker",
        tiny_checkpoint,
        "--device",
        "cpu",
        "--clips",
    )
    train = RUNS["train"].words(clip_spec, tiny_checkpoint, str(run)).split()
    commands = [
        *([(sys.executable, *train)] * 3),
        (*SRN, *evaluate, packed),
        (*SRN, *evaluate, clip_spec),
        (*play, packed),
        (*play, clip_spec),
        (*SRN, "data", packed, clip_spec, "--sheet", str(tmp_path / "sheet.png")),
    ]
    prefix = ("taskset", "--cpu-list", f"0-{CORES - 1}") if shutil.which("taskset") and (os.cpu_count() or 1) >= CORES else ()
    started = [start((*prefix, *words)) for words in commands]
    ended = [(process.communicate()[1], process.returncode) for process in started]
    assert all("Traceback" not in said for said, _ in ended), ended
    trained, others = ended[:3], ended[3:]
    assert [status for _, status in others] == [0] * 5, others
    assert sorted(status for _, status in trained) == [0, 2, 2], trained
    for said, _ in (pair for pair in trained if pair[1] == 2):
        assert said.count("error: ") == 1 and ("another run is writing there" in said or "already holds a run" in said), said
    load_tensors(run / "model.safetensors")
    assert read_json(figures)["data"] in (packed, clip_spec)
    assert not temporary_files(tmp_path)

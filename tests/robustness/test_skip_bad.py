"""``--skip-bad`` on the command line: bad data are left out, counted and named, in commands that otherwise refuse them."""

import json
import shutil
from pathlib import Path

import pytest

from agents.evaluate import main as play
from agents.playing.args import EvaluateArgs
from srn_core.cli.evaluate import EvaluateFacesArgs
from srn_core.cli.main import main as srn
from srn_core.cli.options import read_options
from srn_core.cli.track import TrackArgs
from srn_core.data import load_clips
from srn_core.errors import UserError
from srn_core.training.args import TrainArgs
from tests.support.command_runs import run_command

EVALUATE = ["--checkpoint", "checkpoint", "--data", "300w:300w?split=train", "--device", "cpu", "--json", "out.json"]
PLAY = [
    "--policy",
    "static",
    "--clips",
    "300w:300w?split=train",
    "--tracker",
    "checkpoint",
    "--episodes",
    "3",
    "--device",
    "cpu",
]


@pytest.fixture
def folder(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a photo that is cut short and one whose points are far away."""
    shutil.copytree(sound / "300w", tmp_path / "300w")
    shutil.copytree(sound / "checkpoint", tmp_path / "checkpoint")
    photo, points = tmp_path / "300w/afw/0.jpg", tmp_path / "300w/helen/trainset/1.pts"
    photo.write_bytes(photo.read_bytes()[:-200])
    points.write_text(points.read_text().replace("\n6", "\n90006", 1))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("main", "words"), [(srn, ["srn", "evaluate", *EVALUATE]), (play, ["evaluate.py", *PLAY])], ids=["srn", "agents"]
)
def test_commands_refuse_bad_data_or_leave_them_out_and_say_so(main, words: list[str], folder: Path) -> None:
    refused = run_command(main, words, 60, 4096)
    assert refused.status == 2 and len(refused.said) == 1 and "--skip-bad" in refused.said[0]
    left = run_command(main, [*words, "--skip-bad"], 60, 4096)
    assert left.status == 0, left
    (note,) = left.said
    assert note.startswith("note: 300w:300w?split=train&skip_bad=1: left out: 300w/") and "1 more problem" in note


def test_the_figures_say_which_data_they_are_of(folder: Path, sound: Path) -> None:
    run_command(srn, ["srn", "evaluate", *EVALUATE, "--skip-bad"], 60, 4096)
    record = json.loads((folder / "out.json").read_text())
    assert record["data"] == "300w:300w?split=train&skip_bad=1"
    assert record["n_faces"] == load_clips(f"300w:{sound}/300w?split=train").num_frames - 2


def test_it_goes_into_the_data_specs_alone() -> None:
    words = [
        "--data",
        "300w:a?split=train",
        "--data",
        "demo",
        "--val",
        "pts:b?skip_bad=0",
        "--out",
        "demo",
        "--config-override",
    ]
    args = read_options(TrainArgs, None, words=[*words, "maps=off", "--skip-bad"])
    assert args.data == ("300w:a?split=train&skip_bad=1", "demo?skip_bad=1") and args.val == ("pts:b?skip_bad=0",)
    assert args.config_override == ("maps=off",) and args.out == Path("demo")
    args = read_options(EvaluateArgs, None, words=["--policy", "static", "--skip-bad", "--clips", "demo?split=val"])
    assert args.clips == "demo?split=val&skip_bad=1" and args.train_clips == ()
    assert read_options(EvaluateFacesArgs, None, words=["--data", "demo"]).data == ("demo",)
    with pytest.raises(UserError, match="Unrecognized options: --skip-bad"):
        read_options(TrackArgs, None, words=["video.mp4", "--skip-bad"])

"""Outputs that are streams, links or folders in use: nothing is lost, and nothing is written that cannot be read again."""

import io
import os
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from agents.hardening.args import FinetuneArgs
from agents.hardening.setup import checked
from benchmarks.compare_policies import compare
from benchmarks.comparison.args import CompareArgs
from srn_core.cli.main import main
from srn_core.data import load_clips
from srn_core.errors import UserError
from srn_core.io.claims import claimed
from srn_core.io.folders import new_folder
from tests.support.command_runs import Ended, run_command

FACE = ("--box", "20,20,60,60", "--checkpoint", "checkpoint", "--device", "cpu")


@pytest.fixture
def folder(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with links to a checkpoint, clips and pictures."""
    for name in ("checkpoint", "talk", "300w"):
        (tmp_path / name).symlink_to(sound / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def srn(*words: str) -> Ended:
    return run_command(main, ["srn", *words], 60, 4096)


def refused(*words: str) -> str:
    before = set(Path().rglob("*"))
    ended = srn(*words)
    assert ended.status == 2 and len(ended.said) == 1, ended
    assert set(Path().rglob("*")) == before
    return ended.said[0]


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_a_pack_on_the_standard_output_is_a_pack(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr("sys.argv", ["srn", "data", "300vw:talk", "--pack", name])
    main()
    data, said = capfdbinary.readouterr()
    with zipfile.ZipFile(io.BytesIO(data)) as pack:
        assert pack.testzip() is None and not data.endswith(b"\n")
    assert f"wrote {name}\n".encode() in said


def test_an_annotated_picture_goes_to_the_standard_output_several_need_a_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr("sys.argv", ["srn", "detect", "300w/afw/0.jpg", *FACE, "--out", "-"])
    main()
    data, said = capfdbinary.readouterr()
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (120, 120, 3)
    assert b"1 of 1 pictures with a face; wrote -" in said
    for name in ("-", "/dev/null"):
        assert f"--out {name}: is no folder" in refused("detect", "300w/afw", *FACE, "--out", name)


def test_a_folder_is_not_called_like_the_standard_output(folder: Path) -> None:
    assert "--out -: is the standard output" in refused("train", "--data", "300vw:talk", "--init", "checkpoint", "--out", "-")
    assert "--clip -: " in refused("track", "talk/001/vid.avi", *FACE, "--clip", "-")


@pytest.mark.parametrize("name", [".hidden", "clips/.hidden", "link", "300w", "file/a"])
def test_a_clip_that_could_not_be_read_or_made_is_refused_before_the_video_is_tracked(name: str, folder: Path) -> None:
    (folder / "link").symlink_to("nowhere")
    (folder / "file").touch()
    refused("track", "talk/001/vid.avi", *FACE, "--out", "out.mp4", "--clip", name)


@pytest.mark.parametrize("name", ["n" * 255, "\u00e9" * 127, "n." + "e" * 250])
def test_a_clip_and_a_run_of_a_long_name(name: str, folder: Path) -> None:
    ended = srn("track", "talk/001/vid.avi", *FACE, "--out", "out.mp4", "--clip", f"clips/{name}")
    assert ended.status == 0, ended
    assert load_clips("300vw:clips").num_frames == 3 and sorted(os.listdir("clips")) == [name]
    training = ("train", "--data", "300vw:talk", "--init", "checkpoint", "--steps", "1", "--batch", "4", "--device", "cpu")
    assert srn(*training, "--out", f"runs/{name}").status == 0


def test_a_run_goes_through_a_link_to_a_folder_that_is_still_to_be_made(tmp_path: Path) -> None:
    (tmp_path / "run").symlink_to("disk/runs/a")
    with pytest.raises(ZeroDivisionError), claimed(tmp_path / "run", "--out"):
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == ["run"]
    with claimed(tmp_path / "run", "--out") as run:
        (run / "log").touch()
    assert (tmp_path / "disk/runs/a/log").exists() and (tmp_path / "run").is_symlink()


def test_a_comparison_claims_its_folder(tmp_path: Path) -> None:
    with claimed(tmp_path, "--out"), pytest.raises(UserError, match="another run is writing there"):
        compare(CompareArgs(out=tmp_path))


def test_a_data_set_that_could_not_be_saved_is_refused_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "file").touch()
    args = {"tracker": "srn-small", "policy": "static", "clips": ("demo?split=train",), "out": tmp_path / "run"}
    for save, error in (("link", UserError), ("file", UserError), ("file/saved", OSError)):
        with pytest.raises(error):
            checked(FinetuneArgs(**args, save=tmp_path / save))


def test_a_folder_that_could_not_be_filled_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match="saved: No space left on device"),
        new_folder(tmp_path / "saved") as made,
    ):
        made.mkdir()
        (made / "a").touch()
        with open("/dev/full", "w", buffering=1) as full:
            full.write("a\n")
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "saved") as made:
        made.mkdir()
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
    with new_folder(tmp_path / "saved") as made:
        made.mkdir()
    assert os.listdir(tmp_path) == ["saved"]

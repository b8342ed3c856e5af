"""Files with awkward names: bytes that are no UTF-8, colons, and what means something in a data spec or a pattern."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from agents.run_folder import claimed_run
from srn_core.cli.main import main
from srn_core.data import load_clips
from srn_core.data.spec import escape_path
from srn_core.errors import UserError
from srn_core.face.schemes import IBUG68
from srn_core.tracking.detectors import load_detector
from srn_core.victims.registry import load_victim
from tests.support.command_runs import Ended, run_command
from tests.support.faces import DATA, real

NAMES = {
    "not-utf8": b"caf\xe9 \xff",
    "colon": b"a:b",
    "spec": b"50% of a?b=c&d#e",
    "pattern": b"*[1] %03d {x}",
    "quotes": b'it\'s "so" $HOME `x`',
    "leading": b" -x",
    "long": "\u00e9".encode() * 110,
}


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest, sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name; the current folder holds a video, a picture and clips of this name."""
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(NAMES[request.param])
    shutil.copy(sound / "talk/001/vid.avi", f"{name}.avi")
    shutil.copy(sound / "a.png", f"{name}.png")
    shutil.copytree(sound / "talk", name)
    shutil.copytree(sound / "checkpoint", "checkpoint")
    return name


def srn(*words: str) -> Ended:
    ended = run_command(main, ["srn", *words], 60, 4096)
    assert ended.status == 0, ended
    assert not [path for path in Path().rglob(".*") if path.is_file()]
    return ended


def test_what_is_named_can_be_read_and_written(name: str) -> None:
    common = ("--box", "20,20,60,60", "--checkpoint", "checkpoint", "--device", "cpu")
    srn("track", f"{name}.avi", *common, f"--out={name}-out.avi", f"--json={name}-out.json")
    assert len(json.loads(Path(f"{name}-out.json").read_text())["frames"]) == 3 and Path(f"{name}-out.avi").stat().st_size
    srn("detect", f"./{name}.png", "--box", "4,4,30,30", *common[2:], f"--out={name}-out.png", f"--csv={name}-out.csv")
    assert Path(f"{name}-out.png").is_file() and Path(f"{name}-out.csv").is_file()
    spec = f"300vw:{escape_path(name)}"
    srn("data", spec, f"--pack={name}.pack", f"--sheet={name}-sheet.png")
    assert len(load_clips(f"packed:{escape_path(f'{name}.pack')}")) == len(load_clips(spec)) == 5
    srn(
        "evaluate",
        "--checkpoint",
        "checkpoint",
        "--data",
        spec,
        f"--json={name}.json",
        f"--report={name}.html",
        "--device",
        "cpu",
    )
    assert json.loads(Path(f"{name}.json").read_text())["n_clips"] == 5


def test_a_run_whose_name_is_no_utf8_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(NAMES["not-utf8"])
    with pytest.raises(UserError, match="no UTF-8"), claimed_run(folder, resume=False):
        pass
    assert not folder.exists()


def test_networks_of_any_name_are_read(name: str) -> None:
    srn("export", "checkpoint", f"--onnx={name}.onnx")
    given = escape_path(f"{name}.onnx")
    assert load_victim(f"onnx:{given}", "cpu").scheme is IBUG68
    # OpenCV gets so far that it names the outputs.
    with pytest.raises(UserError, match="opencv cannot|numbers; expected"):
        load_victim(f"onnx:{given}?size=56", "cpu")


@real("models/yunet.onnx")
def test_a_detector_of_any_name_is_read(name: str) -> None:
    shutil.copy(DATA / "models/yunet.onnx", f"{name}.onnx")
    find = load_detector(f"yunet:{name}.onnx")
    assert len(find(np.zeros((60, 60, 3), np.uint8))) == 0


@pytest.mark.parametrize("name", ["json:runs", "no_such_module_here:a"])
def test_a_folder_that_is_called_like_a_function_is_pointed_out(
    name: str, sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(sound / "checkpoint", name)
    with pytest.raises(UserError, match=f"the checkpoint in the folder of this name is ./{name}$"):
        load_victim(name, "cpu")
    assert load_victim(f"./{name}", "cpu").key == load_victim(Path(name), "cpu").key

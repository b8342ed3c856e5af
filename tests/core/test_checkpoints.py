"""Files that the package writes: they come back as they were, and a full disk is an error."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from srn_core.checkpoints import SHIPPED, load_card, load_pretrained, note_double_name, resolve_checkpoint, save_pretrained
from srn_core.cli import ship
from srn_core.errors import UserError
from srn_core.io.files import read_json, write_json, write_text
from srn_core.io.tensors import load_tensors, save_tensors
from srn_core.io.videos import write_video
from tests.support.faces import write_checkpoint

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@settings(max_examples=100, deadline=None)
@given(value=VALUES)
def test_json_comes_back_as_it_was(tmp_path_factory, value) -> None:
    file = tmp_path_factory.mktemp("json") / "value.json"
    write_json(file, value)
    assert read_json(file) == value


def test_json_lists_of_numbers_stay_on_one_line(tmp_path: Path) -> None:
    write_json(tmp_path / "value.json", {"row": [1, -2.5, 3e-7], "text": "[\n 1\n]"})
    assert (tmp_path / "value.json").read_text() == '{\n "row": [1, -2.5, 3e-07],\n "text": "[\\n 1\\n]"\n}\n'


def test_tensors_come_back_as_they_were_and_the_file_has_normal_rights(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(6.0).view(2, 3).T, "b": torch.tensor([True, False])}
    save_tensors(tmp_path / "t.safetensors", tensors, {"step": 3})
    (tmp_path / "other").touch()
    found, metadata = load_tensors(tmp_path / "t.safetensors")
    assert metadata == {"step": 3} and found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    assert (tmp_path / "t.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_shipped_card_has_no_local_paths(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    stage = {"arguments": {"out": str(tmp_path / "second"), "init": str(tmp_path / "first"), "data": [f"300w:{tmp_path}/300w"]}}
    assert ship._portable(stage, str(tmp_path)) == {
        "arguments": {"out": "runs/second", "init": "runs/first", "data": ["300w:DATA/300w"]}
    }
    assert ship._portable({"init": "srn-small"}, str(tmp_path)) == {"init": "srn-small"}
    teachers = {"teacher": ["srn-small", str(tmp_path / "first")]}
    assert ship._portable(teachers, str(tmp_path)) == {"teacher": ["srn-small", "runs/first"]}


def test_a_card_lists_the_stages_of_the_checkpoint_it_started_from(tmp_path: Path) -> None:
    card = {"arguments": {"init": "srn-small"}, "step": 3}
    (tmp_path / "card.json").write_text(json.dumps(card))
    (tmp_path / "model.safetensors").write_bytes(b"")
    stages = ship._stages(tmp_path)
    assert stages[-1] == card and stages[:-1] == load_card("srn-small")["stages"]


@contextmanager
def room_for(count: int) -> Iterator[None]:
    """Limits files to ``count`` bytes, like a disk that is almost full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_an_error_and_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    write_text(file, "old")
    with room_for(1000), pytest.raises(UserError, match=r"a\.txt: File too large; choose a folder with free space"):
        write_text(file, "new" * 1000)
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("ending", ["mp4", "avi"])
def test_a_video_that_does_not_fit_on_the_disk_is_an_error(tmp_path: Path, ending: str) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (8, 96, 96, 3), np.uint8)
    write_video(tmp_path / f"whole.{ending}", frames, 10)
    with room_for(20_000), pytest.raises(UserError, match="8 frames could not be written completely"):
        write_video(tmp_path / f"cut.{ending}", frames, 10)


def test_a_fine_tuned_tracker_cannot_be_shipped(tiny_checkpoint: str, tmp_path: Path) -> None:
    save_pretrained(
        load_pretrained(tiny_checkpoint), tmp_path / "run", {"arguments": {"init": None}, "finetuning": {"steps": "3"}}
    )
    with pytest.raises(UserError, match=r"agents/finetune\.py"):
        ship._stages(tmp_path / "run")


@pytest.mark.parametrize("path", ["./srn-small", "srn-small/", "sub/../srn-small", Path("srn-small")], ids=str)
def test_a_path_is_never_taken_for_a_shipped_name(path: str | Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    with pytest.raises(UserError, match="not found"):
        resolve_checkpoint(path)
    write_checkpoint(tmp_path / "srn-small", seed=0)
    assert resolve_checkpoint(path).resolve() == tmp_path / "srn-small"
    assert resolve_checkpoint("srn-small") == SHIPPED / "srn-small"


def test_a_name_that_a_folder_has_too_is_said(tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    note_double_name.cache_clear()
    monkeypatch.chdir(tmp_path)
    resolve_checkpoint("srn-small")
    assert capsys.readouterr().err == ""
    write_checkpoint(tmp_path / "srn-small", seed=0)
    resolve_checkpoint("./srn-small")
    assert capsys.readouterr().err == ""
    resolve_checkpoint("srn-small")
    resolve_checkpoint("srn-small")
    assert capsys.readouterr().err.count("note: checkpoint 'srn-small': the one that ships; ./srn-small is") == 1


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_no_numbers_are_refused(value: float, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "run", seed=0)
    tensors, metadata = load_tensors(tmp_path / "run" / "model.safetensors")
    next(iter(tensors.values())).view(-1)[0] = value
    with pytest.raises(UserError, match="new.safetensors: would hold numbers that are nan or infinite .*diverges"):
        save_tensors(tmp_path / "new.safetensors", tensors, metadata)
    assert not (tmp_path / "new.safetensors").exists()
    header = {"json": json.dumps(metadata)}
    (tmp_path / "run" / "model.safetensors").write_bytes(safetensors.torch.save(tensors, header))
    with pytest.raises(UserError, match=r"model\.safetensors: weights are nan or infinite .*diverged"):
        load_pretrained(tmp_path / "run")

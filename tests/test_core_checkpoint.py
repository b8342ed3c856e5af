"""Files that the package writes come back as they were."""

from __future__ import annotations

from pathlib import Path

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from srn_core.checkpoint import load_tensors, read_json, save_tensors, write_json

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@settings(max_examples=100, deadline=None)
@given(value=VALUES)
def test_json_comes_back_as_it_was(tmp_path_factory, value) -> None:
    file = tmp_path_factory.mktemp("json") / "value.json"
    write_json(file, value)
    assert read_json(file) == value


def test_lists_of_numbers_stay_on_a_line(tmp_path: Path) -> None:
    write_json(tmp_path / "value.json", {"row": [1, -2.5, 3e-7], "text": "[\n 1\n]"})
    assert (tmp_path / "value.json").read_text() == '{\n "row": [1, -2.5, 3e-07],\n "text": "[\\n 1\\n]"\n}\n'


def test_tensors_come_back_as_they_were_and_others_may_read_them(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(6.0).view(2, 3).T, "b": torch.tensor([True, False])}
    save_tensors(tmp_path / "t.safetensors", tensors, {"step": 3})
    (tmp_path / "other").touch()
    found, metadata = load_tensors(tmp_path / "t.safetensors")
    assert metadata == {"step": 3} and found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    assert (tmp_path / "t.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode

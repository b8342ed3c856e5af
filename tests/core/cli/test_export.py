"""An exported file answers as the tracker does, in another runtime and as a victim."""

import dataclasses
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from srn_core import SRN
from srn_core.checkpoints import save_pretrained
from srn_core.cli.export import onnx_file
from srn_core.cli.export import run as export
from srn_core.errors import UserError
from srn_core.model.certainty import Certainty
from srn_core.tracking.tracker import Tracker
from srn_core.victims.registry import load_victim
from tests.support.faces import TINY
from tests.support.networks import seeded

SURE = dataclasses.replace(TINY, certainty="on")
CONFIGS = {
    "head": SURE,
    "hourglass": dataclasses.replace(SURE, initial_shape="hourglass", hourglass_width=16),
    "frame memory": dataclasses.replace(SURE, memory="frame", steps=3),
    "softmax, no head": dataclasses.replace(TINY, relation="embedded_gaussian"),
}


def faces(number: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Crops ``(N, S, S, 3)`` and boxes in them."""
    rng = np.random.default_rng(number)
    crops = rng.integers(0, 256, (number, size // 8, size // 8, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2)
    return crops, (np.array([8, 8, size - 8, size - 8]) + rng.uniform(-4, 4, (number, 4))).astype(np.float32)


def small_moves(model: SRN) -> SRN:
    """Seeded weights whose landmarks stay on the face."""
    with torch.no_grad():
        model.hsrm.global_shape.weight *= 0.1
    return model


@pytest.mark.parametrize("name", CONFIGS)
def test_the_file_equals_the_tracker_for_any_number_of_faces(name: str) -> None:
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    model = small_moves(seeded(CONFIGS[name]))
    session = onnxruntime.InferenceSession(onnx_file(model), providers=["CPUExecutionProvider"])
    for number in (1, 3, 20):
        crops, boxes = faces(number, TINY.image_size)
        images = torch.from_numpy(crops).permute(0, 3, 1, 2)
        with torch.inference_mode():
            placed = model.initial_shape(images, torch.from_numpy(boxes))
            shapes, _, raw = model.cascade(images, placed, model.start(number))
        points, *certainty = session.run(None, {"crop": crops, "box": boxes})
        assert np.abs(points - shapes[-1].numpy()).max() < 0.01
        assert (shapes[-1] - placed).abs().max() > 0.5
        assert bool(certainty) == (raw is not None)
        for found, expected in zip(certainty, raw.numpy() if raw else (), strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-3)
    assert [value.name for value in session.get_outputs()] == ["points", *Certainty._fields][: 1 + len(certainty)]


def test_an_exported_file_is_a_victim(tmp_path: Path, capsys) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    model = small_moves(seeded(SURE))
    save_pretrained(model, tmp_path / "run", {})
    export([str(tmp_path / "run"), "--onnx", str(tmp_path / "net.onnx")])
    assert "net.onnx" in capsys.readouterr().out
    victim, tracker = load_victim(f"onnx:{tmp_path / 'net.onnx'}", "cpu"), Tracker(model, "cpu")
    assert (victim.crop, victim.patch_size, victim.scheme) == (tracker.crop, tracker.patch_size, tracker.scheme)
    crops, boxes = faces(5, TINY.image_size)
    frames = torch.from_numpy(crops).permute(0, 3, 1, 2), torch.from_numpy(boxes)
    points, state = victim.step(*frames, victim.start(5))
    expected, _ = tracker.step(*frames, tracker.start(5))
    assert (points - expected).abs().max() < 0.01 and state.shape == (5, 0)


@pytest.mark.skipif(find_spec("onnx") is None, reason="onnx is not installed")
def test_a_file_without_the_head_says_so_and_errors_are_the_users(tiny_checkpoint, tmp_path, capsys, monkeypatch) -> None:
    export([tiny_checkpoint, "--onnx", str(tmp_path / "net.onnx")])
    assert "points alone" in capsys.readouterr().out
    with pytest.raises(UserError, match="ends in .onnx"):
        export([tiny_checkpoint, "--onnx", str(tmp_path / "net.bin")])
    monkeypatch.setattr("srn_core.cli.export.find_spec", lambda name: None)
    with pytest.raises(UserError, match="needs the package onnx"):
        export([tiny_checkpoint, "--onnx", str(tmp_path / "other.onnx")])
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match="onnxruntime, which is not installed"):
        load_victim(f"onnx:{tmp_path / 'net.onnx'}", "cpu")

"""Fixtures that all tests share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from srn_core import Tracker, load_pretrained
from tests.support.faces import CLIP_LENGTHS, write_checkpoint, write_clip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="tests/robustness: minutes instead of seconds for each test")
    parser.addoption("--minutes", type=float, default=10, help="with --long: of each fuzz test")


# Threads only wait for each other on tensors as small as the tests'.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the layout of 300VW: a mean shape that wanders over a smooth texture; clip 004 has a single frame."""
    folder = tmp_path_factory.mktemp("clips")
    for name, length in CLIP_LENGTHS.items():
        write_clip(folder / name, length, np.random.default_rng(int(name)))
    return folder


@pytest.fixture(scope="session")
def clip_spec(clip_folder: Path) -> str:
    """The data spec of all clips in ``clip_folder``."""
    return f"300vw:{clip_folder}"


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of an untrained SRN, smaller than any preset."""
    return write_checkpoint(tmp_path_factory.mktemp("tiny"), seed=0)


@pytest.fixture(scope="session")
def lively_tracker(tiny_checkpoint: str) -> Tracker:
    """The tiny model with weights large enough that memory, boxes and start matter."""
    model = load_pretrained(tiny_checkpoint)
    with torch.no_grad():
        for layer in (*model.hsrm.groups.values(), model.hsrm.global_shape):
            layer.weight *= 8
    return Tracker(model, "cpu")

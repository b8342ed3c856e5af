"""Faces, clips and checkpoints that the tests make themselves, without download or training."""

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from srn_core import SRN, SRNConfig
from srn_core.checkpoints import save_pretrained
from srn_core.face.geometry import landmark_box
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.training.train import TrainingRun

FRAME_SIZE = 144
CLIP_LENGTHS = {"001": 6, "002": 4, "003": 5, "004": 1, "124": 3}
TINY = dataclasses.replace(
    SRNConfig.preset("small"),
    image_size=56,
    patch_size=10,
    trunk=((3, 4), (3, 8)),
    steps=2,
    memory_dim=32,
    map_dim=32,
    group_dim=16,
)


DATA = Path(os.environ.get("SRN_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
"""The folder of the real faces and clips. Tests that need some of them are marked with :func:`real`."""


def describe_box(box: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The four numbers of a box, see :mod:`srn_core.face.boxes`: ``(..., 4)`` and ``(..., L, 2)`` -> ``(..., 4)``."""
    tight = landmark_box(points).astype(np.float64)
    size, given = tight[..., 2:] - tight[..., :2], box[..., 2:] - box[..., :2]
    unit = np.linalg.norm(size, axis=-1, keepdims=True) / np.sqrt(2)
    shift = (box[..., :2] + box[..., 2:] - tight[..., :2] - tight[..., 2:]) / 2 / unit
    return np.concatenate([shift, np.log(given / size)], -1)


def real(name: str) -> pytest.MarkDecorator:
    """Skip a test if the file or folder ``name`` of the real data is absent."""
    return pytest.mark.skipif(not (DATA / name).exists(), reason=f"{DATA / name} is absent (set SRN_DATA to its folder)")


@contextmanager
def stopped_at_its_first_save(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A training of a tracker in this block is interrupted right after it first writes its state."""
    save = TrainingRun.validate_and_save

    def save_and_stop(run: TrainingRun, step: int) -> None:
        save(run, step)
        raise InterruptedError

    with monkeypatch.context() as patch, pytest.raises(InterruptedError):
        patch.setattr(TrainingRun, "validate_and_save", save_and_stop)
        yield


def write_checkpoint(folder: Path, seed: int, config: SRNConfig = TINY) -> str:
    """Save a tiny SRN with weights drawn from ``seed``; returns the folder."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = SRN(config)
    save_pretrained(model, folder, {"data": "untrained"})
    return str(folder)


def write_clip(folder: Path, length: int, rng: np.random.Generator) -> None:
    """Write ``vid.avi`` and ``annot/*.pts`` of one wandering face."""
    (folder / "annot").mkdir(parents=True)
    video = cv2.VideoWriter(str(folder / "vid.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, (FRAME_SIZE, FRAME_SIZE))
    texture = cv2.resize(
        rng.integers(0, 256, (9, 9, 3), dtype=np.uint8), (FRAME_SIZE, FRAME_SIZE), interpolation=cv2.INTER_CUBIC
    )
    shape = np.array(MEAN_SHAPES["68"]) + rng.normal(0, 0.01, (68, 2))
    start, drift = rng.uniform(62, 82, 2), rng.uniform(-1.5, 1.5, 2)
    for t in range(length):
        video.write(np.roll(texture, np.round(drift * t).astype(int)[::-1], (0, 1)))
        write_pts(folder / "annot" / f"{t + 1:06d}.pts", shape * 70 + start + drift * t)
    video.release()


def write_pts(path: Path, points: np.ndarray) -> None:
    """Write 0-based points ``(L, 2)`` in the file's 1-based convention."""
    lines = "\n".join(f"{x:.3f} {y:.3f}" for x, y in points + 1)
    path.write_text(f"version: 1\nn_points: {len(points)}\n{{\n{lines}\n}}\n", encoding="utf-8")

"""The clips that ship in the package: rendered heads, no real person. ``train`` 12 heads, ``val`` 4 others."""

from pathlib import Path

import numpy as np

from srn_core.data.clip import Clip, continuous
from srn_core.data.problems import Problem
from srn_core.data.spec import DataSpec
from srn_core.face.boxes import annotation_boxes
from srn_core.face.schemes import IBUG68
from srn_core.io.frames import VideoFrames

SPLITS = ("train", "val")
PATH = None
FOLDER = Path(__file__).parents[2] / "demo_clips"
NUM_TRAIN = 12


def read(spec: DataSpec, problems: list[Problem]) -> tuple[list[Clip], str, list[str]]:
    """All demo clips of the split, ordered by number."""
    with np.load(FOLDER / "landmarks.npz", allow_pickle=False) as file:
        landmarks = {name: file[name] for name in sorted(file.files)}
    names = list(landmarks)
    wanted = {"train": names[:NUM_TRAIN], "val": names[NUM_TRAIN:], None: names}[spec.split]
    return [_clip(name, landmarks[name]) for name in wanted], "annotation-derived box", []


def _clip(name: str, points: np.ndarray) -> Clip:
    boxes = annotation_boxes(points, [f"{name}/{t}" for t in range(len(points))])
    return Clip(name, points, boxes, VideoFrames(FOLDER / f"{name}.avi"), continuous(len(points)), IBUG68)

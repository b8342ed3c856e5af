"""YouTube Faces With Facial Keypoints: files ``NAME_N.npz``, video N of the person NAME; a clip each.

``colorImages`` (H, W, 3, T) uint8 RGB; ``boundingBox`` (4, 2, T), the face box as its four corners; ``landmarks2D`` (68, 2, T),
by machine; pixels count from 0. ``val`` is cut by person. Files may lie in folders.
Source: https://www.kaggle.com/datasets/selfishgene/youtube-faces-with-facial-keypoints.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from srn_core.data.clip import Clip, continuous
from srn_core.data.spec import DataSpec, hold_out
from srn_core.errors import UserError
from srn_core.face.geometry import landmark_box
from srn_core.face.schemes import IBUG68
from srn_core.io.frames import KEPT_OPEN

SPLITS = ("train", "val")
OPTIONS = ()
PATH = "folder"
VAL_FRACTION = 0.15


@dataclass(frozen=True)
class ArchivedFrames:
    """The ``count`` frames of a file."""

    path: Path
    count: int

    def __call__(self, t: int) -> np.ndarray:
        images = _images(self.path)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[2:] != (3, self.count):
            raise UserError(_complaint(self.path, "colorImages", images, f"uint8, H x W x 3 x {self.count}"))
        return np.ascontiguousarray(images[..., t])


def read(spec: DataSpec) -> tuple[list[Clip], str, list[str]]:
    """All videos of the split, ordered by path."""
    assert spec.path is not None
    names = [path.relative_to(spec.path).with_suffix("").as_posix() for path in sorted(spec.path.rglob("*.npz"))]
    if spec.split is not None:
        held_out = hold_out([_person(name) for name in names], VAL_FRACTION)
        names = [name for name in names if (_person(name) in held_out) == (spec.split == "val")]
    return [_clip(spec.path / f"{name}.npz", name) for name in names], "the data set's", []


def _person(name: str) -> str:
    """``FOLDER/Aaron_Eckhart_0`` -> ``Aaron_Eckhart``."""
    return name.rpartition("/")[2].rpartition("_")[0]


def _clip(path: Path, name: str) -> Clip:
    points, corners = _arrays(path, "landmarks2D", "boundingBox")
    frames = points.shape[-1] if points.ndim else 0
    expected = {"landmarks2D": (points, (IBUG68.num_landmarks, 2, frames)), "boundingBox": (corners, (4, 2, frames))}
    for key, (values, shape) in expected.items():
        if not frames or values.shape != shape or values.dtype.kind not in "iuf" or not np.isfinite(values).all():
            raise UserError(_complaint(path, key, values, f"finite numbers, {shape[0]} x 2 x T"))
    points, corners = np.moveaxis(points, -1, 0).astype(np.float32), np.moveaxis(corners, -1, 0)
    return Clip(name, points, landmark_box(corners), ArchivedFrames(path, frames), continuous(frames), IBUG68)


# An array has to be read whole for any of its frames. A file has about 9 MB of pixels.
@lru_cache(maxsize=KEPT_OPEN)
def _images(path: Path) -> np.ndarray:
    return _arrays(path, "colorImages")[0]


def _arrays(path: Path, *names: str) -> list[np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return [np.asarray(file[name]) for name in names]
    except Exception as error:  # NumPy and zipfile raise errors of many kinds on a damaged file.
        raise UserError(
            f"{path}: {' and '.join(names)} cannot be read ({error}); expected an .npz file of the data set; restore it"
        ) from None


def _complaint(path: Path, name: str, values: np.ndarray, expected: str) -> str:
    return f"{path}: '{name}' is {values.dtype}, {' x '.join(map(str, values.shape))}; expected {expected}; restore the file"

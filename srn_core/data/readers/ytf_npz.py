"""YouTube Faces With Facial Keypoints: a clip per file ``NAME_N.npz``, video N of the person NAME.

``colorImages`` (H, W, 3, T) is uint8 RGB. ``boundingBox`` (4, 2, T) is the face box as its four corners. ``landmarks2D``
(68, 2, T) was found by machine. Pixels count from 0. ``val`` is cut by person. Files may lie in folders.
Source: https://www.kaggle.com/datasets/selfishgene/youtube-faces-with-facial-keypoints.
"""

from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from srn_core.data.clip import Clip, continuous
from srn_core.data.formats.numbers import check_array
from srn_core.data.problems import Problem, build_clips
from srn_core.data.spec import DataSpec
from srn_core.data.splits import keep_split
from srn_core.errors import UserError
from srn_core.face.geometry import landmark_box
from srn_core.face.schemes import IBUG68
from srn_core.io.files import list_files
from srn_core.io.frames import KEPT_OPEN

SPLITS = ("train", "val")
PATH = "folder"
VAL_FRACTION = 0.15


def read(spec: DataSpec, problems: list[Problem]) -> tuple[list[Clip], str, list[str]]:
    """All videos of the split, ordered by path."""
    names = [path.relative_to(spec.root).with_suffix("").as_posix() for path in list_files(spec.root, ".npz", deep=True)]
    names = keep_split(names, spec.split, VAL_FRACTION, _person)
    return build_clips(names, partial(_clip, spec.root), problems), "the data set's", []


def _person(name: str) -> str:
    """``FOLDER/Aaron_Eckhart_0`` -> ``Aaron_Eckhart``."""
    return name.rpartition("/")[2].rpartition("_")[0]


def _clip(root: Path, name: str) -> Clip:
    path = root / f"{name}.npz"
    points, corners = _arrays(path, "landmarks2D", "boundingBox")
    frames = max(points.shape[-1], 1) if points.ndim else 1
    check_array(path, "landmarks2D", points, (IBUG68.num_landmarks, 2, frames))
    check_array(path, "boundingBox", corners, (4, 2, frames))
    points, corners = np.moveaxis(points, -1, 0).astype(np.float32), np.moveaxis(corners, -1, 0)
    return Clip(
        name, points, landmark_box(corners), partial(_frame, path, frames), continuous(frames), IBUG68, None, _person(name)
    )


def _frame(path: Path, count: int, t: int) -> np.ndarray:
    """Frame ``t`` of a file of ``count`` frames."""
    images = _images(path, path.stat().st_mtime_ns if path.is_file() else 0)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[2:] != (3, count):
        given = f"{images.dtype}, {' x '.join(map(str, images.shape))}"
        raise UserError(f"{path}: 'colorImages' is {given}; expected uint8, H x W x 3 x {count}; restore the file")
    return np.ascontiguousarray(images[..., t])


# An array of a compressed file has to be read whole for any of its frames: about 9 MB. The time of the file's last change is a
# part of the key, so that a file that was written again is read again.
@lru_cache(maxsize=KEPT_OPEN)
def _images(path: Path, changed: int) -> np.ndarray:
    return _arrays(path, "colorImages")[0]


def _arrays(path: Path, *names: str) -> list[np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return [np.asarray(file[name]) for name in names]
    except Exception as error:  # On a damaged file NumPy and zipfile raise errors of many kinds.
        raise UserError(
            f"{path}: {' and '.join(names)} cannot be read ({error}); expected an .npz file of the data set; restore it"
        ) from None

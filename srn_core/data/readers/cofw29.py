"""COFW: faces with 29 points and which of them are hidden, pictures included. Needs the extra ``cofw29``.

``COFW_train_color.mat`` (MATLAB 7.3, which is HDF5) holds ``IsTr``, a cell array of N pictures, colour or grey; ``phisTr``
N x 87, a face's 29 x, 29 y and 29 flags, 1 where a point is hidden; ``bboxesTr`` N x 4: x, y, width, height. In
``COFW_test_color.mat`` the names end in ``T``. Pixels count from 1; HDF5 shows the axes in reverse order. Each face is a clip
of one frame; ``val`` is cut from the training part.
Source: Burgos-Artizzu et al., ICCV 2013, http://www.vision.caltech.edu/xpburgos/ICCV13/.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from srn_core.data.clip import Clip, continuous
from srn_core.data.spec import DataSpec, hold_out
from srn_core.errors import UserError
from srn_core.face.schemes import COFW29

SPLITS = ("train", "val", "test")
OPTIONS = ()
PATH = "folder"
VAL_FRACTION = 0.1
# Part -> its file and the ending of its variables.
PARTS = {"train": ("COFW_train_color.mat", "Tr"), "test": ("COFW_test_color.mat", "T")}

T = TypeVar("T")


@dataclass(frozen=True)
class CellPicture:
    """The picture in one cell of a MATLAB 7.3 file.

    Attributes:
        path: the file.
        variable: the cell array.
        number: of the cell, from 0.
    """

    path: Path
    variable: str
    number: int

    def __call__(self, t: int) -> np.ndarray:
        picture = _look_into(self.path, lambda file: np.asarray(file[file[self.variable][()].ravel()[self.number]]))
        if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or picture.shape[:-2] not in ((), (3,)):
            shape = " x ".join(map(str, picture.shape[::-1]))
            raise UserError(
                f"{self.path}: picture {self.number + 1} of '{self.variable}' is {picture.dtype}, {shape}; expected "
                "uint8, height x width or height x width x 3; restore the file"
            )
        return np.ascontiguousarray(np.broadcast_to(picture, (3, *picture.shape[-2:])).T)


def read(spec: DataSpec) -> tuple[list[Clip], str, list[str]]:
    """The faces of the split in the order of the files; an absent file becomes a note."""
    assert spec.path is not None
    part = "train" if spec.split == "val" else spec.split
    paths = {name: spec.path / file for name, (file, _) in PARTS.items() if part in (None, name)}
    notes = [f"{path}: absent" for path in paths.values() if not path.is_file()]
    clips = [clip for name, path in paths.items() if path.is_file() for clip in _clips(name, path)]
    if part == "train":
        held_out = hold_out([clip.name for clip in clips], VAL_FRACTION)
        clips = [clip for clip in clips if (clip.name in held_out) == (spec.split == "val")]
    return clips, "the benchmark's", notes


def _clips(part: str, path: Path) -> list[Clip]:
    ending = PARTS[part][1]
    pictures, numbers, boxes = _look_into(
        path, lambda file: (file[f"Is{ending}"].size, file[f"phis{ending}"][()].T, file[f"bboxes{ending}"][()].T)
    )
    _check_numbers(path, f"phis{ending}", numbers, (pictures, 3 * COFW29.num_landmarks))
    _check_numbers(path, f"bboxes{ending}", boxes, (pictures, 4))
    x, y, hidden = np.split(numbers, 3, axis=1)
    landmarks = (np.stack([x, y], -1)[:, None] - 1).astype(np.float32)
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)[:, None] - 1
    return [
        Clip(
            f"{part}/{i + 1:04d}",
            landmarks[i],
            corners[i].astype(np.float32),
            CellPicture(path, f"Is{ending}", i),
            continuous(1),
            COFW29,
            hidden[i : i + 1] == 0,
        )
        for i in range(pictures)
    ]


def _look_into(path: Path, look: Callable[[Any], T]) -> T:
    """What ``look`` finds in the open file."""
    try:
        import h5py
    except ImportError:
        raise UserError(f"{path}: reading it needs h5py, which is not installed; pip install 'srn-occlusion[cofw29]'") from None
    try:
        with h5py.File(path) as file:
            return look(file)
    except Exception as error:  # On a damaged file h5py raises errors of many kinds.
        raise UserError(f"{path}: cannot be read as a MATLAB 7.3 file of COFW ({error}); restore the file") from None


def _check_numbers(path: Path, name: str, values: np.ndarray, shape: tuple[int, int]) -> None:
    if values.shape != shape or values.dtype.kind not in "iuf" or not np.isfinite(values).all():
        given = f"{values.dtype}, {' x '.join(map(str, values.shape))}"
        raise UserError(f"{path}: '{name}' is {given}; expected finite numbers, {shape[0]} x {shape[1]}; restore the file")

"""COFW: faces with 29 points and which of them are hidden, pictures included. Needs the extra ``cofw29``.

``COFW_train_color.mat`` is MATLAB 7.3, which is HDF5. ``IsTr`` is a cell array of N pictures, colour or grey. ``phisTr``
N x 87 holds a face's 29 x, 29 y and 29 flags, 1 where a point is hidden. ``bboxesTr`` N x 4 is x, y, width, height. In
``COFW_test_color.mat`` the names end in ``T``. Pixels count from 1; HDF5 shows the axes in reverse order. Each face is a clip
of one frame; ``val`` is cut from the training part.
Source: Burgos-Artizzu et al., ICCV 2013, http://www.vision.caltech.edu/xpburgos/ICCV13/.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from srn_core.data.clip import Clip, continuous
from srn_core.data.formats.numbers import check_array
from srn_core.data.problems import Problem, build_clips
from srn_core.data.spec import DataSpec
from srn_core.data.splits import keep_split
from srn_core.errors import UserError
from srn_core.face.schemes import COFW29

SPLITS = ("train", "val", "test")
PATH = "folder"
VAL_FRACTION = 0.1
# Part -> its file and the ending of its variables.
PARTS = {"train": ("COFW_train_color.mat", "Tr"), "test": ("COFW_test_color.mat", "T")}

T = TypeVar("T")


def read(spec: DataSpec, problems: list[Problem]) -> tuple[list[Clip], str, list[str]]:
    """The faces of the split in the order of the files; an absent file becomes a note."""
    part = "train" if spec.split == "val" else spec.split
    paths = {name: spec.root / file for name, (file, _) in PARTS.items() if part in (None, name)}
    notes = [f"{path}: absent" for path in paths.values() if not path.is_file()]
    clips = [clip for name, path in paths.items() if path.is_file() for clip in _clips(name, path, problems)]
    return keep_split(clips, spec.split, VAL_FRACTION, lambda clip: clip.name), "the benchmark's", notes


def _clips(part: str, path: Path, problems: list[Problem]) -> list[Clip]:
    pictures, points, boxes = (name + PARTS[part][1] for name in ("Is", "phis", "bboxes"))
    count, numbers, rectangles = _look_into(path, lambda file: (file[pictures].size, file[points][()].T, file[boxes][()].T))
    check_array(path, points, numbers, (count, 3 * COFW29.num_landmarks))
    check_array(path, boxes, rectangles, (count, 4))
    x, y, hidden = np.split(numbers, 3, axis=1)
    landmarks = (np.stack([x, y], -1)[:, None] - 1).astype(np.float32)
    corners = np.concatenate([rectangles[:, :2], rectangles[:, :2] + rectangles[:, 2:]], 1)[:, None] - 1
    corners = corners.astype(np.float32)

    def clip(i: int) -> Clip:
        source = partial(_picture, path, pictures, i)
        return Clip(f"{part}/{i + 1:04d}", landmarks[i], corners[i], source, continuous(1), COFW29, hidden[i : i + 1] == 0)

    return build_clips(range(count), clip, problems)


def _picture(path: Path, variable: str, number: int, t: int) -> np.ndarray:
    """The picture in cell ``number`` of a cell array, the only frame of its clip."""
    picture = _look_into(path, lambda file: np.asarray(file[file[variable][()].ravel()[number]]))
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or picture.shape[:-2] not in ((), (3,)):
        given = f"{picture.dtype}, {' x '.join(map(str, picture.shape[::-1]))}"
        expected = "uint8, height x width or height x width x 3; restore the file"
        raise UserError(f"{path}: picture {number + 1} of '{variable}' is {given}; expected {expected}")
    return np.ascontiguousarray(np.broadcast_to(picture, (3, *picture.shape[-2:])).T)


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

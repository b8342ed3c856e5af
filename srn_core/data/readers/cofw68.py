"""COFW68: the test faces of COFW with 68 points and which of them are hidden; annotations without pictures.

``test_annotations/I_points.mat`` (``Points`` 68 x 2, ``Occ`` 68) and ``cofw68_test_bboxes.mat`` (row I: x, y, width, height);
pixels count from 1. Each face is a clip of one frame, named by its number I. Source:
https://github.com/golnazghiasi/cofw68-benchmark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from srn_core.data.clip import Clip, continuous
from srn_core.data.spec import DataSpec
from srn_core.errors import UserError
from srn_core.face.schemes import IBUG68

SPLITS = ("test",)
OPTIONS = ()
PATH = "folder"
ANNOTATIONS, BOXES = "test_annotations", "cofw68_test_bboxes.mat"


@dataclass(frozen=True)
class NoPicture:
    """In place of a frame: the benchmark ships none."""

    annotation: Path

    def __call__(self, t: int) -> np.ndarray:
        raise UserError(
            f"{self.annotation}: cofw68 holds annotations without pictures; expected a use that needs none: "
            "srn evaluate --predictions FILE scores published predictions"
        )


def read(spec: DataSpec) -> tuple[list[Clip], str, list[str]]:
    """All faces that are present, ordered by number."""
    assert spec.path is not None
    boxes = _numbers(_matrix(spec.path / BOXES), "bboxes", (-1, 4), spec.path / BOXES)
    files = sorted((spec.path / ANNOTATIONS).glob("*_points.mat"), key=lambda path: (len(path.name), path.name))
    return [_clip(path, boxes) for path in files], "the benchmark's", []


def _clip(path: Path, boxes: np.ndarray) -> Clip:
    name = path.name.removesuffix("_points.mat")
    if not name.isdecimal() or not 1 <= int(name) <= len(boxes):
        raise UserError(f"{path}: no face of this number; expected one of 1 to {len(boxes)}, the rows of {BOXES}")
    content = _matrix(path)
    points = _numbers(content, "Points", (IBUG68.num_landmarks, 2), path)[None] - 1
    hidden = _numbers(content, "Occ", (IBUG68.num_landmarks,), path)[None]
    x, y, width, height = boxes[int(name) - 1]
    box = np.array([[x - 1, y - 1, x - 1 + width, y - 1 + height]], np.float32)
    return Clip(name, points.astype(np.float32), box, NoPicture(path), continuous(1), IBUG68, hidden == 0)


def _matrix(path: Path) -> Mapping[str, np.ndarray]:
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected the layout of cofw68: {ANNOTATIONS}/1_points.mat ... and {BOXES}")
    try:
        return dict(loadmat(path))
    except Exception as error:  # SciPy raises errors of many kinds, its own and others', on a damaged file.
        raise UserError(f"{path}: cannot be read as a MATLAB file ({error}); restore the file") from None


def _numbers(content: Mapping[str, np.ndarray], key: str, shape: tuple[int, ...], path: Path) -> np.ndarray:
    """A variable as finite float64 of ``shape``, where -1 stands for any length."""
    given = content.get(key)
    if given is None or given.dtype.kind not in "iufb" or not np.isfinite(given).all():
        raise UserError(f"{path}: no variable '{key}' of finite numbers; restore the file")
    try:
        return np.asarray(given, np.float64).reshape(shape)
    except ValueError:
        raise UserError(f"{path}: '{key}' is {' x '.join(map(str, given.shape))}; expected the shape of cofw68's") from None

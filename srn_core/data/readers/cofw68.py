"""COFW68: the test faces of COFW with 68 points and which of them are hidden; annotations without pictures.

``test_annotations/I_points.mat`` holds ``Points`` 68 x 2 and ``Occ`` 68. ``cofw68_test_bboxes.mat`` holds x, y, width and
height of face I in row I. Pixels count from 1. Each face is a clip of one frame, named by its number I.
Source: https://github.com/golnazghiasi/cofw68-benchmark.
"""

import io
from functools import partial
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from srn_core.data.clip import Clip, continuous
from srn_core.data.formats.mat5 import check_mat5
from srn_core.data.formats.numbers import check_array
from srn_core.data.problems import Problem, build_clips
from srn_core.data.spec import DataSpec
from srn_core.errors import UserError
from srn_core.face.schemes import IBUG68
from srn_core.io.files import list_files
from srn_core.io.frames import NoFrames

SPLITS = ("test",)
PATH = "folder"
ANNOTATIONS, BOXES = "test_annotations", "cofw68_test_bboxes.mat"


def read(spec: DataSpec, problems: list[Problem]) -> tuple[list[Clip], str, list[str]]:
    """All faces that are present, ordered by number."""
    boxes = _variable(spec.root / BOXES, "bboxes")
    check_array(spec.root / BOXES, "bboxes", boxes, (boxes.size // 4, 4))
    files = sorted(list_files(spec.root / ANNOTATIONS, "_points.mat"), key=lambda path: (len(path.name), path.name))
    clips = build_clips(files, partial(_clip, boxes=boxes.astype(np.float64)), problems)
    return clips, "the benchmark's", []


def _clip(path: Path, boxes: np.ndarray) -> Clip:
    name = path.name.removesuffix("_points.mat")
    if not name.isdecimal() or not 1 <= int(name) <= len(boxes):
        raise UserError(f"{path}: its number is none of a face; expected 1 to {len(boxes)}, the rows of {BOXES}")
    points, hidden = _variable(path, "Points"), _variable(path, "Occ").ravel()
    check_array(path, "Points", points, (IBUG68.num_landmarks, 2))
    check_array(path, "Occ", hidden, (IBUG68.num_landmarks,))
    landmarks = (points.astype(np.float64)[None] - 1).astype(np.float32)
    x, y, width, height = boxes[int(name) - 1]
    box = np.array([[x - 1, y - 1, x - 1 + width, y - 1 + height]], np.float32)
    source = NoFrames(
        f"{path}: cofw68 holds annotations without pictures; expected a use that needs none: "
        "srn evaluate --predictions FILE scores published predictions"
    )
    return Clip(name, landmarks, box, source, continuous(1), IBUG68, hidden[None] == 0)


def _variable(path: Path, name: str) -> np.ndarray:
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected the layout of cofw68: {ANNOTATIONS}/1_points.mat ... and {BOXES}")
    try:
        data = path.read_bytes()
        check_mat5(data)
        content = loadmat(io.BytesIO(data))
    except Exception as error:  # On a damaged file SciPy raises errors of many kinds.
        raise UserError(f"{path}: cannot be read as a MATLAB file ({error}); restore the file") from None
    if name not in content:
        raise UserError(f"{path}: no variable '{name}'; restore the file")
    return np.asarray(content[name])

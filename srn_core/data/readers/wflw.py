"""WFLW in its official layout: 98 points. ``WFLW_annotations/list_98pt_rect_attr_train_test/`` and ``WFLW_images/``.

A row of a list is x0 y0 ... x97 y97, the face box x0 y0 x1 y1, six attributes 0 or 1, and the image's name. Pixels count from
0. Each face is a clip of one frame, named by its image and its number there. ``split=occlusion`` (or another attribute) keeps
the test faces that have it. ``val`` is cut from the training part by photo.

The list's boxes are 1.2 times the tight landmark box, except for a face low in a tall picture: that box ends at row 768, above
the chin (seen on one face of four). A box that does not hold its landmarks is replaced by 1.2 times the landmark box.
Source: https://wywu.github.io/projects/LAB/WFLW.html.
"""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from srn_core.data.clip import Clip, continuous
from srn_core.data.formats.numbers import parse_numbers
from srn_core.data.problems import Problem, build_clips
from srn_core.data.spec import DataSpec
from srn_core.data.splits import keep_split
from srn_core.errors import UserError
from srn_core.face.boxes import BOX_MEANS, box_from_description
from srn_core.face.schemes import WFLW98
from srn_core.io.files import read_text
from srn_core.io.folders import below
from srn_core.io.frames import ImageFiles

ATTRIBUTES = ("pose", "expression", "illumination", "makeup", "occlusion", "blur")
SPLITS = ("train", "val", "test", *ATTRIBUTES)
PATH = "folder"
VAL_FRACTION = 0.1
LIST = "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_{}.txt"
IMAGES = "WFLW_images"
COORDINATES = 2 * WFLW98.num_landmarks
NUMBERS = COORDINATES + 4 + len(ATTRIBUTES)


class Row(NamedTuple):
    """A face of a list.

    Attributes:
        name: of the clip.
        image: the image's name, below ``WFLW_images``.
        landmarks: ``(98, 2)`` float32, frame pixels.
        box: ``(4,)`` float32, frame pixels.
        attributes: those that the face has.
    """

    name: str
    image: str
    landmarks: np.ndarray
    box: np.ndarray
    attributes: frozenset[str]

    @property
    def box_holds(self) -> bool:
        """Whether all landmarks lie in the box."""
        return bool((self.landmarks >= self.box[:2]).all() and (self.landmarks <= self.box[2:]).all())


def read(spec: DataSpec, problems: list[Problem]) -> tuple[list[Clip], str, list[str]]:
    """The faces of the split in the order of the lists; an absent list becomes a note."""
    part = {"train": "train", "val": "train", None: None}.get(spec.split, "test")
    lists = {name: spec.root / LIST.format(name) for name in ("train", "test") if part in (None, name)}
    notes = [f"{path}: absent" for path in lists.values() if not path.is_file()]
    rows = [row for name, path in lists.items() if path.is_file() for row in _rows(name, path, problems)]
    rows = keep_split(rows, spec.split, VAL_FRACTION, lambda row: row.image)
    rows = [row for row in rows if spec.split not in ATTRIBUTES or spec.split in row.attributes]
    sound = sum(row.box_holds for row in rows)
    exceptions = f" for {sound} of {len(rows)}, else 1.2 x the landmark box" if sound < len(rows) else ""
    return build_clips(rows, partial(_clip, spec.root), problems), f"the list's{exceptions}", notes


def _rows(part: str, path: Path, problems: list[Problem]) -> list[Row]:
    rows, seen = [], Counter[str]()
    for number, line in enumerate(read_text(path, "a list of faces").splitlines(), 1):
        if not line.strip():
            continue
        *words, image = line.strip().split(maxsplit=NUMBERS)
        seen[image] += 1
        expected = f"{NUMBERS} numbers and an image's name"
        try:
            values = parse_numbers(words, NUMBERS, f"{path}: line {number}", expected).astype(np.float32)
        except UserError as error:
            problems.append(Problem(image, str(error)))
            continue
        points, box, flags = np.split(values, [COORDINATES, COORDINATES + 4])
        having = frozenset(name for name, value in zip(ATTRIBUTES, flags, strict=True) if value)
        rows.append(Row(f"{part}/{image}/{seen[image]}", image, points.reshape(-1, 2), box, having))
    return rows


def _clip(root: Path, row: Row) -> Clip:
    part = row.name.partition("/")[0]
    path = below(root / IMAGES, row.image, root / LIST.format(part))
    if not path.is_file():
        raise UserError(f"{path}: no such image, but the list of {part} faces names it; restore it")
    box = row.box if row.box_holds else box_from_description(BOX_MEANS[WFLW98.name], row.landmarks)
    return Clip(row.name, row.landmarks[None], box[None], ImageFiles((path,)), continuous(1), WFLW98, None, row.image)

"""WFLW in its official layout: 98 points. ``WFLW_annotations/list_98pt_rect_attr_train_test/`` and ``WFLW_images/``.

A row of a list: x0 y0 ... x97 y97, the face box x0 y0 x1 y1, six attributes 0 or 1, the image's name; pixels count from 0.
Each face is a clip of one frame, named by its image and its number there. ``split=occlusion`` and the other attributes are the
test faces that have them. ``val`` is cut from the training part by photo.

The list's boxes are 1.2 times the tight landmark box, but for a face low in a tall picture: there the box ends at row 768,
above the chin (seen on one face of four). A box that does not hold its landmarks is replaced by what it should be.
Source: https://wywu.github.io/projects/LAB/WFLW.html.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from srn_core.data.clip import Clip, continuous
from srn_core.data.spec import DataSpec, hold_out
from srn_core.errors import UserError
from srn_core.face.boxes import BOX_MEANS, box_from_description
from srn_core.face.schemes import WFLW98
from srn_core.io.frames import ImageFiles

ATTRIBUTES = ("pose", "expression", "illumination", "makeup", "occlusion", "blur")
SPLITS = ("train", "val", "test", *ATTRIBUTES)
OPTIONS = ()
PATH = "folder"
VAL_FRACTION = 0.1
LIST = "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_{}.txt"
IMAGES = "WFLW_images"
NUMBERS = 2 * WFLW98.num_landmarks + 4 + len(ATTRIBUTES)


class Row(NamedTuple):
    """A face of a list.

    Attributes:
        image: the image's name, below ``WFLW_images``.
        landmarks: ``(98, 2)`` float32, frame pixels.
        box: ``(4,)`` float32, frame pixels.
        attributes: those that the face has.
    """

    image: str
    landmarks: np.ndarray
    box: np.ndarray
    attributes: frozenset[str]

    @property
    def box_holds(self) -> bool:
        """Whether all landmarks lie in the box."""
        return bool((self.landmarks >= self.box[:2]).all() and (self.landmarks <= self.box[2:]).all())


def read(spec: DataSpec) -> tuple[list[Clip], str, list[str]]:
    """The faces of the split in the order of the lists; an absent list becomes a note."""
    assert spec.path is not None
    chosen, notes = _chosen(spec.path, spec.split)
    sound = sum(row.box_holds for row in chosen.values())
    exceptions = f" for {sound} of {len(chosen)}, else 1.2 x the landmark box" if sound < len(chosen) else ""
    return [_clip(spec.path, name, row) for name, row in chosen.items()], f"the list's{exceptions}", notes


def _chosen(root: Path, split: str | None) -> tuple[dict[str, Row], list[str]]:
    """The clips' names and their rows, and the notes."""
    part = {"train": "train", "val": "train", None: None}.get(split, "test")
    lists = {name: root / LIST.format(name) for name in ("train", "test") if part in (None, name)}
    notes = [f"{path}: absent" for path in lists.values() if not path.is_file()]
    chosen: dict[str, Row] = {}
    for name, path in lists.items():
        rows = _rows(path) if path.is_file() else []
        held_out = hold_out([row.image for row in rows], VAL_FRACTION) if part == "train" else set()
        seen: Counter[str] = Counter()
        for row in rows:
            seen[row.image] += 1
            if (row.image in held_out) == (split == "val") and (split not in ATTRIBUTES or split in row.attributes):
                chosen[f"{name}/{row.image}/{seen[row.image]}"] = row
    return chosen, notes


def _rows(path: Path) -> list[Row]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); expected a list of faces") from None
    return [_row(f"{path}: line {number}", line) for number, line in enumerate(lines, 1) if line.strip()]


def _row(place: str, line: str) -> Row:
    *words, image = line.strip().split(maxsplit=NUMBERS)
    try:
        values = np.array(words, np.float32)
    except ValueError:
        raise UserError(f"{place} holds something that is no number; expected {NUMBERS} numbers and an image's name") from None
    if len(values) != NUMBERS or not np.isfinite(values).all():
        raise UserError(
            f"{place} has {len(values)} numbers before its last word, or a nan; expected {NUMBERS} finite ones and an image"
        )
    points, box, attributes = np.split(values, [2 * WFLW98.num_landmarks, 2 * WFLW98.num_landmarks + 4])
    having = frozenset(name for name, value in zip(ATTRIBUTES, attributes, strict=True) if value)
    return Row(image, points.reshape(-1, 2), box, having)


def _clip(root: Path, name: str, row: Row) -> Clip:
    path = root / IMAGES / row.image
    if not path.is_file():
        raise UserError(f"{path}: no such image, but the list of {name.partition('/')[0]} faces names it; restore it")
    box = row.box if row.box_holds else box_from_description(BOX_MEANS[WFLW98.name], row.landmarks)
    return Clip(name, row.landmarks[None], box[None], ImageFiles((path,)), continuous(1), WFLW98)

"""A section of faces as small pictures with their points: worst first, to be filtered by error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from srn_core.face.geometry import CropSpec, crop_image, crop_map, landmark_box
from srn_core.face.schemes import Scheme
from srn_core.io.frames import FrameSource
from srn_core.pages.page import Section
from srn_core.pages.pictures import packed, shape, sheet
from srn_core.pages.sections import numbers

THUMB = CropSpec(112, 1.5)
WORST = SPREAD = 60


@dataclass(frozen=True)
class ShownFace:
    """One face of a section.

    Attributes:
        name: what it is called.
        source: reads its frame.
        frame: number of the frame.
        answer: ``(L, 2)`` the tracker's landmarks, frame pixels.
        truth: ``(L, 2)`` the annotation, frame pixels; None where there is none.
        errors: ``(L,)`` each landmark's error, percent of the normaliser; None where nothing is known.
    """

    name: str
    source: FrameSource
    frame: int
    answer: np.ndarray
    truth: np.ndarray | None
    errors: np.ndarray | None


def chosen_faces(badness: np.ndarray) -> list[int]:
    """Which faces to show, worst first: the :data:`WORST` worst, and :data:`SPREAD` spread evenly over the others.

    >>> chosen_faces(np.array([1.0, 3.0, 2.0]))
    [1, 2, 0]
    """
    order = np.argsort(-badness, kind="stable")
    others = order[WORST:]
    spread = others[np.unique(np.linspace(0, len(others) - 1, min(SPREAD, len(others))).round().astype(int))]
    return [int(i) for i in (*order[:WORST], *spread)]


def choice_text(total: int, worst: str) -> str:
    """Says which of ``total`` faces :func:`chosen_faces` chose; ``worst`` says of which kind the worst are."""
    if total <= WORST + SPREAD:
        return f"All {total} faces, {worst} first."
    return f"{WORST + SPREAD} of {total} faces, {worst} first: the first {WORST}, and {SPREAD} spread evenly over the others."


def faces_section(title: str, note: str, faces: Sequence[ShownFace], scheme: Scheme, measure: str) -> Section:
    """The faces in the order given; ``measure``: what their errors are, for the captions."""
    pictures, records = [], []
    for face in faces:
        box = landmark_box(face.answer if face.truth is None else face.truth)
        mapping = crop_map(box, THUMB)
        pictures.append(crop_image(face.source(face.frame), box, THUMB))
        records.append({
            "name": face.name,
            "answer": packed(mapping.to_crop(face.answer)),
            "truth": None if face.truth is None else packed(mapping.to_crop(face.truth)),
            "errors": None if face.errors is None else numbers(face.errors, 4),
            "means": {} if face.errors is None else component_means(face.errors, scheme),
        })  # fmt: skip
    known = {"kind": "faces", "title": title, "note": note, "measure": measure, "shape": shape(scheme)}
    return {**known, "sheet": sheet(pictures), "faces": records}


def component_means(errors: np.ndarray, scheme: Scheme) -> Mapping[str, float | None]:
    """Mean error of the whole face and of each component."""
    means = {"whole face": errors.mean(), **{n.replace("_", " "): errors[list(p)].mean() for n, p in scheme.groups.items()}}
    return dict(zip(means, numbers(np.array(list(means.values())), 4), strict=True))

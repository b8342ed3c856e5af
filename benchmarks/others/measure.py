"""Run models over the sets of ``benchmarks/accuracy.py``: one row per face."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.accuracy import SETS
from benchmarks.common.clip_nme import masked_spec
from benchmarks.common.results import ResultRow
from benchmarks.others.convention import Convention, fit_convention
from benchmarks.others.models import OtherModel
from srn_core.data import Clip, ClipSet, load_clips
from srn_core.errors import UserError
from srn_core.face.metrics import normaliser_length, point_errors

FITTED_ON: Mapping[str, str] = {
    "talk": "300vw:DATA/talk?split=train",
    "talk2": "300vw:DATA/talk2/train",
    "faces": "pts:DATA/faces?split=train",
    "ytf68": "ytf68:DATA/ytf68?split=train",
    "300w": "300w:DATA/300w?split=train",
}
"""A set's folder -> the training faces on which the conventions of this set's labels are fitted."""
PLAIN, CORRECTED = "plain", "corrected"


def measured_sets(data_root: Path, test: bool) -> Iterator[tuple[str, list[str]]]:
    """The spec of training faces, and the specs to measure that have the same kind of labels; DATA stands for the folder."""
    for folder, fitted in FITTED_ON.items():
        sets = [s.spec for s in SETS if s.folder == folder and s.spec != fitted and (s.choices or test)]
        bare = [spec for spec in sets if "masked=1" not in spec]
        if (data_root / folder).is_dir():
            yield fitted, [spec for each in bare for spec in (each, masked_spec(each))]


def measure_models(
    models: Sequence[OtherModel], data_root: Path, test: bool, fit_faces: int, video_step: int, limit: int | None = None
) -> Iterator[ResultRow]:
    """One row per face: ``data``, ``clip``, ``person``, ``frame``, and of each model ``NAME plain`` and ``NAME corrected``.

    Both are the NME in percent of the distance of the outer eye corners; they are missing where the model found no face.

    Args:
        models: to run, all on the same pictures and boxes.
        data_root: the folder of the data.
        test: also the test sets.
        fit_faces: so many training faces fit the conventions.
        video_step: of videos every so many frames are measured.
        limit: so many faces of each set, spread over it; None: all.

    Raises:
        UserError: there is no set, or a model finds too few of the training faces.
    """
    sets = list(measured_sets(data_root, test))
    if not sets:
        raise UserError(f"--data-root {data_root}: none of {', '.join(FITTED_ON)} is in it; expected at least one")
    for fitted, specs in sets:
        faces = spread(_faces(load_clips(at(fitted, data_root)), 1), fit_faces)
        conventions = _conventions(models, faces, fitted)
        for spec in specs:
            chosen = _faces(load_clips(at(spec, data_root)), video_step)
            yield from _rows(models, conventions, spec, spread(chosen, limit or len(chosen)))


def at(spec: str, data_root: Path) -> str:
    """A spec with the folder of the data for DATA."""
    return spec.replace("DATA", str(data_root))


@dataclasses.dataclass(frozen=True)
class Face:
    """Frame ``t`` of a clip."""

    clip: Clip
    t: int


def _faces(clip_set: ClipSet, video_step: int) -> list[Face]:
    return [Face(clip, t) for clip in clip_set.clips for t in range(0, len(clip), video_step if clip.is_video else 1)]


def spread(faces: list[Face], count: int) -> list[Face]:
    """``count`` faces, evenly over the list; all where there are fewer."""
    return [faces[i] for i in np.linspace(0, len(faces) - 1, min(count, len(faces))).astype(int)]


def _conventions(models: Sequence[OtherModel], faces: Sequence[Face], spec: str) -> list[Convention]:
    found: list[list[np.ndarray | None]] = [[] for _ in models]
    for face in tqdm(faces, spec, unit="face", disable=None):
        image = face.clip.frame(face.t)
        for model, points in zip(models, found, strict=True):
            points.append(model.locate(image, face.clip.boxes[face.t]))
    truth = np.array([face.clip.landmarks[face.t] for face in faces])
    conventions = []
    for model, points in zip(models, found, strict=True):
        seen = [points is not None for points in points]
        if not any(seen):
            raise UserError(f"{model.name}: finds none of {len(faces)} faces of {spec}; check its options")
        located = np.array([points for points in points if points is not None])
        conventions.append(fit_convention(located, truth[seen], model.same_points))
    return conventions


def _rows(
    models: Sequence[OtherModel], conventions: Sequence[Convention], spec: str, faces: Sequence[Face]
) -> Iterator[ResultRow]:
    for face in tqdm(faces, spec, unit="face", disable=None):
        clip, truth = face.clip, face.clip.landmarks[face.t][None]
        length = normaliser_length(truth, clip.scheme)
        image = clip.frame(face.t)
        row: ResultRow = {"data": spec, "clip": clip.name, "person": clip.person, "frame": face.t}
        for model, convention in zip(models, conventions, strict=True):
            points = model.locate(image, clip.boxes[face.t])
            if points is not None:
                for way, landmarks in ((PLAIN, convention.plain), (CORRECTED, convention.corrected)):
                    error = point_errors(landmarks(points[None]), truth, length).mean()
                    row[f"{model.name} {way}"] = round(100 * float(error), 3)
        yield row

"""Our checkpoints, measured for the paper's Tables 1 to 6."""

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.common.clip_nme import masked_spec
from benchmarks.paper.cofw68 import with_pictures
from benchmarks.paper.numbers import CATEGORIES, SPLITS
from benchmarks.paper.report import Cell, Found, OurRow
from benchmarks.paper.setup import Setup, how, nme_cell
from benchmarks.speed.timing import arithmetic, describe_machine, time_calls
from benchmarks.speed.tracker import in_memory
from srn_core.data import Clip, ClipSet, load_clips
from srn_core.data.readers.ibug_300vw import CATEGORIES as CLIPS_OF
from srn_core.evaluation.evaluate import Evaluation, evaluate, evaluate_predictions
from srn_core.face.geometry import from_box_units
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.face.metrics import normaliser_length, point_errors
from srn_core.face.schemes import Normaliser
from srn_core.tracking.batch import RunOptions, run_clips
from srn_core.tracking.step import Start
from srn_core.tracking.tracker import Tracker

COFW68, PICTURES = "cofw68:DATA/cofw68", "cofw29:DATA/cofw29?split=test"
NORMALISERS: Mapping[Normaliser, str] = {"box": "box", "inter-pupil": "eye centres"}
SPEED_CLIP, SPEED_FRAMES = "demo?split=val&limit=1", 16


def occluded_sets(setup: Setup) -> Found:
    """Table 1: each checkpoint on the set of its scheme."""
    found = Found()
    wflw = "wflw:DATA/wflw?split=occlusion"
    for column, scheme, spec in (("COFW29", "29", PICTURES), ("COFW68", "68", COFW68), ("WFLW occlusion", "98", wflw)):
        trackers = setup.of_scheme(scheme, found)
        clip_set = _cofw68_pictures(setup, found) if spec == COFW68 else setup.load(spec, found)
        if clip_set is None:
            continue
        normaliser: Normaliser | None = "box" if spec == COFW68 else None
        for name, tracker in trackers.items():
            measured = evaluate(tracker, clip_set, normaliser=normaliser, mirror=setup.mirror)
            cells = {column: nme_cell(measured, spec, column, found)}
            found.rows.append(OurRow("occluded faces", name, cells, how(tracker, measured)))
    found.lack("COFW29 recall: an SRN here does not predict which points are hidden")
    return found


def masked_300w(setup: Setup) -> Found:
    """Table 2."""
    return _on_300w(setup, {"masked faces": "inter-ocular"}, masked=True)


def cofw68(setup: Setup) -> Found:
    """Table 3: checkpoints, on the faces whose pictures exist; and published predictions, which need no pictures."""
    found = Found()
    trackers, clip_set = setup.of_scheme("68", found), _cofw68_pictures(setup, found)
    for name, tracker in trackers.items() if clip_set else ():
        assert clip_set is not None
        measured = evaluate(tracker, clip_set, mirror=setup.mirror)
        found.rows.append(OurRow("COFW68", name, _errors_and_failures(measured, found), how(tracker, measured)))
    faces = setup.load(COFW68, found)
    if faces is None or setup.root is None:
        return found
    files = sorted((setup.root / "cofw68" / "Results").glob("*.txt"))
    if not files:
        found.lack("DATA/cofw68/Results: no published predictions, *.txt")
    for file in files:
        cells = _errors_and_failures(evaluate_predictions(file, faces), found)
        found.rows.append(OurRow("COFW68", file.stem, cells, "published predictions, scored here"))
    return found


def plain_300w(setup: Setup) -> Found:
    """Table 4."""
    return _on_300w(setup, {"inter-ocular": "inter-ocular", "inter-pupil": "inter-pupil"}, masked=False)


def on_300vw(setup: Setup) -> Found:
    """Table 5: tracked with the memory, on bare and on masked faces."""
    found = Found()
    trackers = setup.of_scheme("68", found)
    cells: dict[tuple[str, str], dict[str, Cell]] = {}
    notes: dict[str, str] = {}
    for number, column in zip(CLIPS_OF, CATEGORIES, strict=True):
        spec = f"300vw:DATA/300vw?split={number}"
        for section, wanted in (("300VW test set", spec), ("300VW test set, masked", masked_spec(spec))):
            clip_set = setup.load(wanted, found)
            if clip_set is None:
                continue
            if len(clip_set) < (clips := len(CLIPS_OF[number].split())):
                found.lack(f"{column}: {len(clip_set)} of the {clips} clips")
            for name, tracker in trackers.items():
                measured = evaluate(tracker, clip_set, "track")
                cells.setdefault((section, name), {})[column] = nme_cell(measured, wanted, column, found)
                notes[name] = how(tracker, measured)
    found.rows += [OurRow(section, name, row, notes[name]) for (section, name), row in cells.items()]
    if cells:
        found.lack("the organisers' list of frames to leave out: all annotated frames count")
    return found


def speed(setup: Setup) -> Found:
    """Table 6: one clip, frame by frame, including cropping."""
    found = Found()
    clip = in_memory(load_clips(SPEED_CLIP).clips[0], SPEED_FRAMES)
    starts: tuple[Start, ...] = ("mean", "previous")
    for name, tracker in setup.trackers.items():
        machine = describe_machine(tracker.device)
        note = f"{machine['name']}, {machine['threads']} threads, float32"
        for start in starts:
            cells = {f"K={steps}": _speed_cell(tracker, clip, start, steps, setup.seconds) for steps in (1, 2, 3)}
            own = tracker.model.config.initial_shape.replace("mean", "mean shape")
            from_where = f"from the {own}" if start == "mean" else "from the frame before"
            found.rows.append(OurRow("tracking one video", f"{name}, {from_where}", cells, note))
    return found


MEASURES: Mapping[int, Callable[[Setup], Found]] = {
    1: occluded_sets, 2: masked_300w, 3: cofw68, 4: plain_300w, 5: on_300vw, 6: speed,
}  # fmt: skip


def part_of(measured: Evaluation, clip_set: ClipSet, normaliser: Normaliser) -> Evaluation:
    """An evaluation restricted to some of its clips and with another normaliser, from the same predictions."""
    index = {clip.name: i for i, clip in enumerate(measured.clip_set.clips)}
    frames = np.concatenate([np.flatnonzero(measured.clip_index == index[clip.name]) for clip in clip_set.clips])
    truth = np.concatenate([clip.landmarks for clip in clip_set.clips])
    length = normaliser_length(truth, clip_set.clips[0].scheme, normaliser)
    return dataclasses.replace(
        measured,
        clip_set=clip_set,
        normaliser=normaliser,
        predictions=measured.predictions[frames],
        errors=point_errors(measured.predictions[frames], truth, length),
        counted=measured.counted[frames],
        clip_index=np.repeat(np.arange(len(clip_set)), [len(clip) for clip in clip_set.clips]),
    )


def _on_300w(setup: Setup, sections: Mapping[str, Normaliser], masked: bool) -> Found:
    """Every face is predicted once; splits and normalisers are computed from that."""
    found = Found()
    trackers = setup.of_scheme("68", found)
    specs = {column: f"300w:DATA/300w?split={column.lower()}" for column in SPLITS}
    specs = {column: masked_spec(spec) if masked else spec for column, spec in specs.items()}
    splits = {column: clips for column, spec in specs.items() if (clips := setup.load(spec, found)) is not None}
    for name, tracker in trackers.items() if splits else ():
        measured = evaluate(tracker, splits["Full"], mirror=setup.mirror)
        for section, normaliser in sections.items():
            cells = {
                column: nme_cell(part_of(measured, clips, normaliser), specs[column], column, found)
                for column, clips in splits.items()
            }
            found.rows.append(OurRow(section, name, cells, how(tracker, measured)))
    return found


def _cofw68_pictures(setup: Setup, found: Found) -> ClipSet | None:
    """The faces of COFW68 whose pictures exist."""
    faces, pictures = setup.load(COFW68, found), setup.load(PICTURES, found)
    if faces is None or pictures is None:
        return None
    joined = with_pictures(faces, pictures)
    if len(joined) < len(faces):
        found.lack(f"DATA/cofw29/COFW_test_color.mat: pictures of {len(joined)} of COFW68's {len(faces)} faces; expected all")
    return joined if len(joined) else None


def _errors_and_failures(measured: Evaluation, found: Found) -> dict[str, Cell]:
    cells = {}
    for normaliser, words in NORMALISERS.items():
        cell = nme_cell(part_of(measured, measured.clip_set, normaliser), COFW68, f"NME, {words}", found)
        cells[f"NME, {words}"] = cell
        cells[f"failures, {words}"] = Cell(f"{cell.raw['fr_10']:.2f}", {"fr_10": cell.raw["fr_10"]})
    return cells


def _speed_cell(tracker: Tracker, clip: Clip, start: Start, steps: int, seconds: float) -> Cell:
    # Only frames and boxes matter here; any landmarks of the tracker's scheme will do.
    points = from_box_units(torch.tensor(MEAN_SHAPES[tracker.scheme.name]), torch.from_numpy(clip.boxes)).numpy()
    clips = [dataclasses.replace(clip, landmarks=points, scheme=tracker.scheme)]
    options = RunOptions("track", start=start, steps=steps)
    with arithmetic("float32", tracker.device):
        timing = time_calls(partial(run_clips, tracker, clips, options, 1, tqdm(disable=True)), tracker.device, seconds)
    rate = len(clip) / timing.seconds
    raw = {"frames_per_second": rate, "start": start, "steps": steps, "memory_mib": timing.memory_mib}
    return Cell(f"{rate:.1f}", {**raw, "machine": describe_machine(tracker.device)})

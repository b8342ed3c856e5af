"""How well a tracker does on the clips of a data spec (``srn evaluate``).

Errors are fractions of the normaliser inside, percent in everything that is printed or written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
import tyro
from rich.console import Console
from tqdm import tqdm

from srn_core.checkpoint import load_pretrained, write_json
from srn_core.data import Clip, ClipSet, load_clips
from srn_core.errors import UserError
from srn_core.evaluation_report import PLOT_ENDINGS, plot_ced, print_report, write_rows
from srn_core.geometry import boxes_in_crop, crop_image, crop_map, landmark_box
from srn_core.metrics import Normaliser, auc, bootstrap_interval, failure_rate, normaliser_length, point_errors
from srn_core.tracker import Tracker

Mode = Literal["detect", "track"]
Boxes = Literal["annotation", "tracked"]
BOOTSTRAP_SEED = 0


@dataclass(frozen=True)
class Evaluation:
    """The errors of one tracker on one data spec, frame by frame in the order of the clips.

    Attributes:
        clip_set: what was evaluated.
        mode: ``detect`` without memory, ``track`` with the memory running through each clip.
        boxes: where face boxes came from.
        normaliser: what errors are divided by.
        predictions: ``(N, L, 2)`` float32, frame pixels.
        errors: ``(N, L)`` distances from the truth over the normaliser.
        clip_index: ``(N,)`` which clip a frame belongs to.
    """

    clip_set: ClipSet
    mode: Mode
    boxes: Boxes
    normaliser: Normaliser
    predictions: np.ndarray
    errors: np.ndarray
    clip_index: np.ndarray

    @property
    def nme(self) -> np.ndarray:
        """``(N,)`` mean error of each face."""
        return np.asarray(self.errors.mean(1))

    def summary(self) -> dict[str, Any]:
        """All figures, JSON-able, in percent; ``nme_ci95`` resamples whole clips and is None for a single clip."""
        nme, groups = self.nme, self.clip_set.clips[0].scheme.groups
        rng = np.random.default_rng(BOOTSTRAP_SEED)
        interval = bootstrap_interval(nme, self.clip_index, rng) if len(self.clip_set) > 1 else None
        quantiles = {f"nme_p{q}": 100 * float(np.percentile(nme, q)) for q in (90, 95, 99)}
        return {
            "data": self.clip_set.spec,
            "mode": self.mode,
            "boxes": self.boxes,
            "box_source": self.clip_set.box_source,
            "normaliser": self.normaliser,
            "n_points": self.errors.shape[1],
            "n_faces": len(nme),
            "n_clips": len(self.clip_set),
            "nme_mean": 100 * float(nme.mean()),
            "nme_ci95": interval and [100 * end for end in interval],
            "nme_median": 100 * float(np.median(nme)),
            **quantiles,
            "fr_08": 100 * failure_rate(nme, 0.08),
            "fr_10": 100 * failure_rate(nme, 0.10),
            "auc_08": 100 * auc(nme, 0.08),
            "auc_10": 100 * auc(nme, 0.10),
            "nme_groups": {name: 100 * float(self.errors[:, list(points)].mean()) for name, points in groups.items()},
        }

    def rows(self) -> list[dict[str, Any]]:
        """One JSON-able record a face: data, clip, frame and NME in percent."""
        owners = [(clip.name, t) for clip in self.clip_set.clips for t in range(len(clip))]
        spec = self.clip_set.spec
        return [
            {"data": spec, "clip": name, "frame": t, "nme": 100 * float(error)}
            for (name, t), error in zip(owners, self.nme, strict=True)
        ]


def evaluate(
    tracker: Tracker,
    clip_set: ClipSet,
    mode: Mode = "detect",
    boxes: Boxes = "annotation",
    normaliser: Normaliser = "inter-ocular",
    batch_size: int = 32,
    progress: bool = False,
) -> Evaluation:
    """Run ``tracker`` over all frames and compare with the annotation.

    Args:
        tracker: the model on its device.
        clip_set: the clips; each is on its own, no memory passes from one to the next.
        mode: ``detect``: every frame alone. ``track``: the memory starts at a cut and runs to the next one.
        boxes: ``annotation``, or ``tracked``: the tight box of the landmarks found on the frame before, and the
            annotation's at cuts.
        normaliser: what errors are divided by.
        batch_size: faces at once (``detect``: about; ``track``: clips side by side).
        progress: show a bar on a terminal.

    Raises:
        UserError: a frame cannot be read, the clips have other landmarks than the tracker, or ``tracked`` boxes without
            ``track``.
    """
    if boxes == "tracked" and mode != "track":
        raise UserError("boxes 'tracked' with mode 'detect': they follow the frame before; use --mode track")
    for clip in clip_set.clips:
        if clip.scheme.name != tracker.scheme.name:
            given = f"{clip.scheme.num_landmarks} landmarks a face, the tracker predicts {tracker.scheme.num_landmarks}"
            raise UserError(f"{clip_set.spec}: {given}; use data and a checkpoint of one scheme")
    with tqdm(total=clip_set.num_frames, desc=clip_set.spec, unit="face", disable=None if progress else True) as bar:
        if mode == "detect":
            found = _detect(tracker, clip_set.clips, batch_size, bar)
        else:
            found = _track(tracker, clip_set.clips, boxes, batch_size, bar)
    predictions = np.concatenate(found)
    truth = np.concatenate([clip.landmarks for clip in clip_set.clips])
    errors = point_errors(predictions, truth, normaliser_length(truth, tracker.scheme, normaliser))
    clip_index = np.repeat(np.arange(len(clip_set)), [len(clip) for clip in clip_set.clips])
    return Evaluation(clip_set, mode, boxes, normaliser, predictions, errors, clip_index)


def _detect(tracker: Tracker, clips: Sequence[Clip], batch_size: int, bar: tqdm) -> list[np.ndarray]:
    found = []
    for chunk in _chunks(clips, batch_size):
        crops = np.concatenate([clip.crops(tracker.crop) for clip in chunk])
        found.append(tracker.detect_crops(crops, np.concatenate([clip.boxes for clip in chunk])))
        bar.update(len(crops))
    return found


def _chunks(clips: Sequence[Clip], faces: int) -> Iterator[list[Clip]]:
    """Neighbouring clips together until they hold ``faces`` frames: stills fill a batch, a video is a chunk of its own."""
    chunk: list[Clip] = []
    for clip in clips:
        chunk.append(clip)
        if sum(map(len, chunk)) >= faces:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _track(tracker: Tracker, clips: Sequence[Clip], boxes: Boxes, batch_size: int, bar: tqdm) -> list[np.ndarray]:
    """Clips of like length side by side, the longest first, so that those still running are always the first ones."""
    order = sorted(range(len(clips)), key=lambda i: -len(clips[i]))
    found = [np.empty_like(clip.landmarks) for clip in clips]
    for first in range(0, len(order), batch_size):
        _track_together(tracker, [(clips[i], found[i]) for i in order[first : first + batch_size]], boxes, bar)
    return found


def _track_together(tracker: Tracker, pairs: list[tuple[Clip, np.ndarray]], boxes: Boxes, bar: tqdm) -> None:
    """Fill each clip's ``(T, L, 2)`` array; ``pairs`` are ordered by falling length."""
    state = tracker.start(len(pairs))
    for t in range(len(pairs[0][0])):
        running = [(clip, out) for clip, out in pairs if t < len(clip)]
        cuts = torch.tensor([bool(clip.cuts[t]) for clip, _ in running], device=tracker.device)
        state = torch.where(cuts[:, None], tracker.start(len(running)), state[: len(running)])
        annotated = [boxes == "annotation" or clip.cuts[t] for clip, _ in running]
        here = np.stack(
            [clip.boxes[t] if a else landmark_box(out[t - 1]) for (clip, out), a in zip(running, annotated, strict=True)]
        )
        crops = np.stack([crop_image(clip.frame(t), box, tracker.crop) for (clip, _), box in zip(running, here, strict=True)])
        images = torch.from_numpy(crops).to(tracker.device).permute(0, 3, 1, 2)
        crop_boxes = torch.from_numpy(boxes_in_crop(here, tracker.crop)).to(tracker.device)
        points, state = tracker.step(images, crop_boxes, state)
        for (_, out), landmarks in zip(running, crop_map(here, tracker.crop).to_frame(points.cpu().numpy()), strict=True):
            out[t] = landmarks
        bar.update(len(running))


@dataclass
class EvaluateArgs:
    """Evaluate a checkpoint: normalised mean error (NME), failure rates, AUC; all in percent, on the original frames."""

    checkpoint: str
    """Name of a checkpoint that ships, or its folder."""
    data: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    """Data spec, KIND:PATH?key=value&key=value; give it several times for several rows."""
    mode: Mode = "detect"
    """detect: every frame alone; track: the memory runs through each clip."""
    boxes: Boxes = "annotation"
    """Face boxes from the annotation, or from the landmarks found on the frame before (needs --mode track)."""
    normaliser: Normaliser = "inter-ocular"
    """Errors are divided by this length."""
    json: Path | None = None
    """Write the figures here: one record, or a list of them when --data is given several times."""
    plot: Path | None = None
    """Write the cumulative error distribution here (.png, .pdf or .svg)."""
    rows: Path | None = None
    """Write one JSON line a face here (.jsonl): data, clip, frame, nme in percent."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    batch_size: int = 32
    """Faces at once."""


def evaluate_command(args: EvaluateArgs) -> None:
    """The command ``srn evaluate``."""
    _check(args)
    tracker = Tracker(load_pretrained(args.checkpoint), args.device, args.batch_size)
    clip_sets = [load_clips(spec) for spec in args.data]
    evaluations = [
        evaluate(tracker, clip_set, args.mode, args.boxes, args.normaliser, args.batch_size, progress=True)
        for clip_set in clip_sets
    ]
    records = [{"checkpoint": args.checkpoint, **evaluation.summary()} for evaluation in evaluations]
    console = Console(markup=False, highlight=False)
    print_report(console, records, [note for clip_set in clip_sets for note in clip_set.notes])
    if args.json:
        write_json(args.json, records if len(records) > 1 else records[0])
    if args.plot:
        plot_ced(args.plot, {e.clip_set.spec: e.nme for e in evaluations}, args.normaliser)
    if args.rows:
        write_rows(args.rows, [row for evaluation in evaluations for row in evaluation.rows()])


def _check(args: EvaluateArgs) -> None:
    if not args.data:
        raise UserError("no --data; expected at least one data spec, KIND:PATH?key=value")
    if args.batch_size < 1:
        raise UserError(f"--batch-size {args.batch_size}; expected at least 1")
    if args.plot and args.plot.suffix.lower() not in PLOT_ENDINGS:
        raise UserError(f"--plot {args.plot}: unknown ending; expected one of {', '.join(PLOT_ENDINGS)}")
    for path in filter(None, (args.json, args.plot, args.rows)):
        path.parent.mkdir(parents=True, exist_ok=True)

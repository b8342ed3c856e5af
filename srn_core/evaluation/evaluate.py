"""The errors of a tracker's landmarks, or of published ones, on the clips of a data spec.

Inside, errors are fractions of the normaliser. Everything that is printed or written is in percent.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tqdm import tqdm

from srn_core.data import ClipSet
from srn_core.data.clip import check_scheme
from srn_core.data.formats.predictions import read_predictions
from srn_core.errors import UserError
from srn_core.evaluation.certainty import certainty_figures
from srn_core.face import metrics
from srn_core.face.metrics import Normaliser, normaliser_length, point_errors
from srn_core.model.certainty import Certainty
from srn_core.tracking.batch import Boxes, Mode, RunOptions, run_clips
from srn_core.tracking.step import Start
from srn_core.tracking.tracker import Tracker
from srn_core.victims.own import OwnVictim

Points = Literal["all", "visible"]
BOOTSTRAP_SEED = 0
FAILURE = 0.10
# No landmark is so many pixels away. A network that is not sound answers nan, or numbers whose squares are infinite.
LARGEST = 1e9


@dataclass(frozen=True)
class Evaluation:
    """The errors of one set of predictions on one data spec, frame by frame in the order of the clips.

    Attributes:
        clip_set: what was evaluated.
        run: how the tracker ran; None for published predictions.
        normaliser: what errors are divided by.
        points: which landmarks count.
        predictions: ``(N, L, 2)`` float32, frame pixels.
        errors: ``(N, L)`` distances from the truth over the normaliser.
        counted: ``(N, L)`` bool, whether a landmark counts.
        clip_index: ``(N,)`` which clip a frame belongs to.
        certainty: how sure the model is, ``(N, L)`` each; None without that head.
    """

    clip_set: ClipSet
    run: RunOptions | None
    normaliser: Normaliser
    points: Points
    predictions: np.ndarray
    errors: np.ndarray
    counted: np.ndarray
    clip_index: np.ndarray
    certainty: Certainty | None = None

    @property
    def nme(self) -> np.ndarray:
        """``(N,)`` mean error of each face over the landmarks that count."""
        return np.asarray(self.errors.mean(1, where=self.counted))

    def summary(self) -> dict[str, Any]:
        """All figures, JSON-able, in percent; ``nme_ci95`` resamples whole clips and is None for a single clip."""
        nme = self.nme
        interval = metrics.bootstrap_interval(nme, self.clip_index, np.random.default_rng(BOOTSTRAP_SEED))
        run = dict.fromkeys(field.name for field in dataclasses.fields(RunOptions))
        return {
            "data": self.clip_set.spec,
            **(dataclasses.asdict(self.run) if self.run else run),
            "box_source": self.clip_set.box_source if self.run else None,
            "normaliser": self.normaliser,
            "points": self.points,
            "n_points": self.errors.shape[1],
            "n_faces": len(nme),
            "n_clips": len(self.clip_set),
            "nme_mean": 100 * float(nme.mean()),
            "nme_ci95": interval and [100 * end for end in interval],
            "nme_median": 100 * float(np.median(nme)),
            **{f"nme_p{q}": 100 * float(np.percentile(nme, q)) for q in (90, 95, 99)},
            "fr_08": 100 * metrics.failure_rate(nme, 0.08),
            "fr_10": 100 * metrics.failure_rate(nme, 0.10),
            "auc_08": 100 * metrics.auc(nme, 0.08),
            "auc_10": 100 * metrics.auc(nme, 0.10),
            **self.stability(),
            **certainty_figures(self.certainty, self.clip_set.clips, self.errors),
            "nme_groups": self._group_errors(),
        }

    def clip_jitter(self) -> list[np.ndarray]:
        """Jitter of each clip, ``(T - 1,)`` fractions; empty for a still and for a clip with a cut inside."""
        found = []
        for clip, predictions in zip(self.clip_set.clips, self._by_clip(self.predictions), strict=True):
            length = normaliser_length(clip.landmarks, clip.scheme, self.normaliser)
            found.append(metrics.jitter(predictions, clip.landmarks, length) if clip.is_video else np.empty(0))
        return found

    def stability(self) -> dict[str, float | None]:
        """``jitter`` in percent, over all landmarks, and ``time_to_failure`` in frames, the mean over clips.

        Stills and clips with a cut inside do not count. Both figures are None if no clip counts.
        """
        shaking = self.clip_jitter()
        errors = self._by_clip(self.nme)
        lasting = [metrics.time_to_failure(nme, FAILURE) for nme, steps in zip(errors, shaking, strict=True) if len(steps)]
        if not lasting:
            return {"jitter": None, "time_to_failure": None}
        return {"jitter": 100 * float(np.concatenate(shaking).mean()), "time_to_failure": float(np.mean(lasting))}

    def _by_clip(self, values: np.ndarray) -> list[np.ndarray]:
        """``(N, ...)`` values of all frames, split into clips."""
        return np.split(values, np.cumsum([len(clip) for clip in self.clip_set.clips])[:-1])

    def _group_errors(self) -> dict[str, float | None]:
        """Mean error of each facial component, percent; None if none of its landmarks counts."""
        figures: dict[str, float | None] = {}
        for name, points in self.clip_set.clips[0].scheme.groups.items():
            counted = self.counted[:, list(points)]
            figures[name] = 100 * float(self.errors[:, list(points)][counted].mean()) if counted.any() else None
        return figures

    def rows(self) -> list[dict[str, Any]]:
        """One JSON-able record per face: data, clip, frame and NME in percent."""
        owners = [(clip.name, t) for clip in self.clip_set.clips for t in range(len(clip))]
        figures = zip(owners, self.nme, strict=True)
        return [{"data": self.clip_set.spec, "clip": name, "frame": t, "nme": 100 * float(e)} for (name, t), e in figures]


def evaluate(
    tracker: Tracker | OwnVictim,
    clip_set: ClipSet,
    mode: Mode = "detect",
    boxes: Boxes = "annotation",
    normaliser: Normaliser | None = None,
    batch_size: int = 32,
    *,
    start: Start = "mean",
    steps: int | None = None,
    mirror: bool = False,
    points: Points = "all",
) -> Evaluation:
    """Run ``tracker`` over all frames and compare with the annotation.

    Args:
        tracker: the model on its device. A module of your own has no memory, and sees each frame alone in either mode.
        clip_set: the clips; no memory passes from one to the next.
        mode: see :class:`srn_core.tracking.batch.RunOptions`, as for ``boxes``, ``start``, ``steps`` and ``mirror``.
        normaliser: what errors are divided by; None: the scheme's own.
        batch_size: faces at once; with ``track``, clips side by side, at most :data:`srn_core.io.frames.KEPT_OPEN`.
        points: count all landmarks, or those that the annotation calls visible.

    Raises:
        UserError: a frame cannot be read, the scheme is not the tracker's, options contradict each other, or ``points`` is
            ``visible`` and the annotation does not say which are.
    """
    check_scheme(clip_set.clips, tracker.scheme)
    counted = counted_points(clip_set, points)
    normaliser = normaliser or tracker.scheme.normaliser
    if isinstance(tracker, OwnVictim):
        options = RunOptions(mode, boxes, start, steps, mirror)
        if options != RunOptions(mode):
            raise UserError(f"{tracker.name}: has no memory and no cascade; leave out --boxes, --start, --steps and --mirror")
        clips = tqdm(clip_set.clips, clip_set.spec, unit="clip", disable=None)
        found = [tracker.detect_crops(clip.crops(tracker.crop), clip.boxes) for clip in clips]
        return _compare(clip_set, options, np.concatenate(found), normaliser, points, counted)
    options = RunOptions(mode, boxes, start, tracker.model.config.steps if steps is None else steps, mirror)
    with tqdm(total=clip_set.num_frames, desc=clip_set.spec, unit="face", disable=None) as bar:
        predictions, certainty = run_clips(tracker, clip_set.clips, options, batch_size, bar)
    return _compare(clip_set, options, predictions, normaliser, points, counted, certainty)


def evaluate_predictions(
    path: Path, clip_set: ClipSet, normaliser: Normaliser = "inter-pupil", points: Points = "all"
) -> Evaluation:
    """Compare published predictions (see :mod:`srn_core.data.formats.predictions`) with the annotation; no frame is read.

    The numbers in the file are the names of the clips. Predictions of other faces become a note of the clip set.

    Raises:
        UserError: the file is broken or lacks a face, or the clips are no stills.
    """
    clips = clip_set.clips
    found = read_predictions(path, clips[0].scheme.num_landmarks)
    for clip in clips:
        if clip.name not in found or len(clip) != 1:
            raise UserError(f"{path}: no prediction for {clip.name} of {clip_set.spec}; expected one per face, on stills only")
    if more := len(found) - len(clips):
        clip_set = dataclasses.replace(clip_set, notes=(*clip_set.notes, f"{path}: {more} faces are not in the data"))
    predictions = np.stack([found[clip.name] for clip in clips])
    return _compare(clip_set, None, predictions, normaliser, points, counted_points(clip_set, points))


def counted_points(clip_set: ClipSet, points: Points) -> np.ndarray:
    """Whether each landmark counts: ``(N, L)`` bool."""
    if points == "all":
        return np.concatenate([np.ones(clip.landmarks.shape[:2], bool) for clip in clip_set.clips])
    for clip in clip_set.clips:
        if clip.visible is None:
            raise UserError(f"{clip_set.spec}: clip {clip.name} does not say which points are visible; use --points all")
        if not clip.visible.any(1).all():
            raise UserError(f"{clip_set.spec}: clip {clip.name} has a frame without a visible point; use --points all")
    return np.concatenate([clip.visible for clip in clip_set.clips if clip.visible is not None])


def _compare(
    clip_set: ClipSet,
    run: RunOptions | None,
    predictions: np.ndarray,
    normaliser: Normaliser,
    points: Points,
    counted: np.ndarray,
    certainty: Certainty | None = None,
) -> Evaluation:
    truth = np.concatenate([clip.landmarks for clip in clip_set.clips])
    clip_index = np.repeat(np.arange(len(clip_set)), [len(clip) for clip in clip_set.clips])
    _check_answers(predictions, clip_set, clip_index)
    errors = point_errors(predictions, truth, normaliser_length(truth, clip_set.clips[0].scheme, normaliser))
    return Evaluation(clip_set, run, normaliser, points, predictions, errors, counted, clip_index, certainty)


def _check_answers(predictions: np.ndarray, clip_set: ClipSet, clip_index: np.ndarray) -> None:
    # A comparison with nan is false.
    answered = (np.abs(predictions) <= LARGEST).all((1, 2))
    if answered.all():
        return
    first = int(answered.argmin())
    frame = first - int(np.searchsorted(clip_index, clip_index[first]))
    raise UserError(
        f"clip '{clip_set.clips[clip_index[first]].name}', frame {frame}: the tracker answers nan, infinite or far too large "
        "numbers; expected landmarks for every face; choose another checkpoint"
    )

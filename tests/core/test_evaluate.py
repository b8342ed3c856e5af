"""An evaluation runs each clip as it should and its figures follow from its errors."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from srn_core import Tracker, load_pretrained
from srn_core.data import Clip, ClipSet, load_clips
from srn_core.errors import UserError
from srn_core.evaluation.evaluate import Evaluation, evaluate
from srn_core.evaluation.report import ced
from srn_core.face.geometry import landmark_box
from srn_core.face.metrics import normaliser_length, point_errors
from srn_core.tracking.batch import RunOptions


@pytest.fixture(scope="module")
def tracker(lively_tracker: Tracker) -> Tracker:
    return lively_tracker


@pytest.fixture(scope="module")
def clips(clip_spec: str) -> ClipSet:
    return load_clips(clip_spec)


def with_cut(clips: ClipSet, at: int) -> ClipSet:
    cuts = clips.clips[0].cuts.copy()
    cuts[at] = True
    return replace(clips, clips=(replace(clips.clips[0], cuts=cuts), *clips.clips[1:]))


def alone(clips: ClipSet, *which: int) -> ClipSet:
    return replace(clips, clips=tuple(clips.clips[i] for i in which))


def by_hand(
    clips: ClipSet, errors: np.ndarray, counted: np.ndarray | None = None, predictions: np.ndarray | None = None
) -> Evaluation:
    """An evaluation of given errors."""
    index = np.repeat(np.arange(len(clips)), [len(clip) for clip in clips.clips])
    found = np.zeros((len(errors), 68, 2)) if predictions is None else predictions
    everything = np.ones(errors.shape, bool)
    return Evaluation(
        clips, RunOptions(), "inter-ocular", "all", found, errors, everything if counted is None else counted, index
    )


def tail(clip: Clip, start: int) -> Clip:
    cuts = clip.cuts[start:].copy()
    cuts[0] = True
    return replace(
        clip, landmarks=clip.landmarks[start:], boxes=clip.boxes[start:], cuts=cuts, source=lambda t: clip.frame(t + start)
    )


def test_detect_equals_one_face_at_a_time(tracker: Tracker, clips: ClipSet) -> None:
    found = evaluate(tracker, clips, batch_size=4)
    single = [tracker.detect([clip.frame(t)], clip.boxes[t : t + 1])[0] for clip in clips.clips for t in range(len(clip))]
    np.testing.assert_allclose(found.predictions, single, atol=0.01)
    truth = np.concatenate([clip.landmarks for clip in clips.clips])
    expected = point_errors(found.predictions, truth, normaliser_length(truth, tracker.scheme))
    np.testing.assert_allclose(found.errors, expected, rtol=1e-5)
    assert found.clip_index.tolist() == [0] * 6 + [1] * 4 + [2] * 5 + [3] + [4] * 3


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_track_equals_the_public_tracker_clip_by_clip(tracker: Tracker, clips: ClipSet, batch_size: int) -> None:
    found = evaluate(tracker, clips, "track", batch_size=batch_size)
    for i, clip in enumerate(clips.clips):
        single = list(tracker.track((clip.frame(t) for t in range(len(clip))), iter(clip.boxes)))
        np.testing.assert_allclose(found.predictions[found.clip_index == i], single, atol=0.05)


def test_tracked_boxes_and_memory_each_matter(tracker: Tracker, clips: ClipSet) -> None:
    detected, tracked = evaluate(tracker, clips), evaluate(tracker, clips, "track")
    followed = evaluate(tracker, clips, "track", "tracked")
    starts = np.r_[True, np.diff(tracked.clip_index) > 0]
    for other in (detected, followed):
        same = np.isclose(tracked.predictions, other.predictions, atol=0.01).all((1, 2))
        np.testing.assert_array_equal(same, starts)


def test_a_one_frame_clip_is_tracked_as_it_is_detected(tracker: Tracker, clips: ClipSet) -> None:
    still = alone(clips, 3)
    np.testing.assert_allclose(evaluate(tracker, still, "track").errors, evaluate(tracker, still).errors, atol=1e-4)


@pytest.mark.parametrize("boxes", ["annotation", "tracked"])
def test_a_cut_starts_the_memory_and_the_box_anew(tracker: Tracker, clips: ClipSet, boxes) -> None:
    cut = evaluate(tracker, with_cut(clips, 3), "track", boxes).predictions[:6]
    uncut = evaluate(tracker, clips, "track", boxes).predictions[:6]
    rest = evaluate(tracker, replace(clips, clips=(tail(clips.clips[0], 3),)), "track", boxes).predictions
    np.testing.assert_allclose(cut[:3], uncut[:3], atol=0.01)
    np.testing.assert_allclose(cut[3:], rest, atol=0.01)
    assert not np.allclose(cut[3:], uncut[3:], atol=0.1)


def test_summary_figures(clips: ClipSet) -> None:
    errors = np.tile(np.array([0.02, 0.09, 0.11, 0.3])[:, None], (1, 68))
    errors[0, 36:48] = 0.05
    summary = by_hand(alone(clips, 4, 3), errors).summary()
    nme = errors.mean(1)
    assert summary["nme_mean"] == pytest.approx(100 * nme.mean())
    assert summary["fr_08"] == 75 and summary["fr_10"] == 50
    assert summary["auc_10"] == pytest.approx(100 * np.mean([1 - nme[0] / 0.1, 0.1, 0, 0]))
    assert summary["nme_groups"]["eye"] == pytest.approx(100 * np.mean([0.05, 0.09, 0.11, 0.3]))
    low, high = summary["nme_ci95"]
    assert low < summary["nme_mean"] < high
    assert (summary["n_faces"], summary["n_clips"], summary["n_points"]) == (4, 2, 68)
    assert summary["time_to_failure"] == 2


def test_hidden_points_do_not_count(clips: ClipSet) -> None:
    two = alone(clips, 4, 3)
    errors = np.full((4, 68), 0.02)
    errors[:, :17] = 0.5
    counted = np.ones((4, 68), bool)
    counted[:, :17] = False
    found = by_hand(two, errors, counted)
    np.testing.assert_allclose(found.nme, 0.02)
    assert found.summary()["nme_groups"]["right_cheek"] is None
    assert found.summary()["nme_groups"]["eye"] == pytest.approx(2)


def test_visible_points_are_the_annotations(tracker: Tracker, clips: ClipSet) -> None:
    visible = np.random.default_rng(0).random((1, 68)) < 0.5
    still = alone(clips, 3)
    marked = replace(still, clips=(replace(still.clips[0], visible=visible),))
    every, seen = evaluate(tracker, marked), evaluate(tracker, marked, points="visible")
    assert seen.nme[0] == pytest.approx(every.errors[0][visible[0]].mean())
    assert every.nme[0] == pytest.approx(every.errors[0].mean())
    with pytest.raises(UserError, match="--points all"):
        evaluate(tracker, still, points="visible")
    hidden = replace(still, clips=(replace(still.clips[0], visible=np.zeros((1, 68), bool)),))
    with pytest.raises(UserError, match="without a visible point"):
        evaluate(tracker, hidden, points="visible")


def test_jitter_is_the_change_of_the_error_and_failures_end_a_clip(clips: ClipSet) -> None:
    three = alone(clips, 3, 4, 2)
    truth = np.concatenate([clip.landmarks for clip in three.clips])
    length = normaliser_length(truth, three.clips[0].scheme)
    offset = np.zeros((9, 1, 2))
    # Clip 124: a constant error, then a jump by (3, 4) px; clip 003: up by 1 px a frame; the still does not count.
    offset[1:4] = [[[1, 1]], [[1, 1]], [[4, 5]]]
    offset[4:, 0, 1] = np.arange(5)
    steps = [0, 5, 1, 1, 1, 1]
    errors = point_errors(truth + offset, truth, length)
    summary = by_hand(three, errors, predictions=truth + offset).summary()
    later = np.r_[length[2:4], length[5:9]]
    assert summary["jitter"] == pytest.approx(100 * np.mean(steps / later), rel=1e-4)
    failed = [np.flatnonzero(e.mean(1) > 0.1) for e in (errors[1:4], errors[4:])]
    assert summary["time_to_failure"] == np.mean([f[0] if len(f) else n for f, n in zip(failed, (3, 5), strict=True)])
    cut = by_hand(with_cut(alone(clips, 2), 2), errors[4:], predictions=(truth + offset)[4:]).summary()
    assert cut["jitter"] is None and cut["time_to_failure"] is None


def test_stills_have_no_figures_of_stability(tracker: Tracker, clips: ClipSet) -> None:
    assert evaluate(tracker, alone(clips, 3)).summary()["jitter"] is None
    tracked = evaluate(tracker, clips, "track").summary()
    assert tracked["jitter"] > 0 and 0 <= tracked["time_to_failure"] <= 6


def test_no_interval_from_a_single_clip(tracker: Tracker, clips: ClipSet) -> None:
    assert evaluate(tracker, alone(clips, 2)).summary()["nme_ci95"] is None


def test_cumulative_distribution_never_falls() -> None:
    x, y = ced(np.random.default_rng(0).uniform(0, 0.2, 50), 0.1)
    assert (np.diff(x) >= 0).all() and (np.diff(y) >= 0).all() and 0 < y[-1] < 1


def test_tracked_boxes_need_track_mode(tracker: Tracker, clips: ClipSet) -> None:
    with pytest.raises(UserError, match="--mode track"):
        evaluate(tracker, clips, "detect", "tracked")


def test_a_lost_face_does_not_stop_the_evaluation(tiny_checkpoint: str, clips: ClipSet) -> None:
    model = load_pretrained(tiny_checkpoint)
    with torch.no_grad():
        model.hsrm.global_shape.bias += 500 * torch.randn(136, generator=torch.Generator().manual_seed(0))
    found = evaluate(Tracker(model, "cpu"), clips, "track", "tracked")
    assert np.isfinite(found.errors).all() and landmark_box(found.predictions).shape == (19, 4)


def test_no_answer_is_an_error_that_names_the_frame(tiny_checkpoint: str, clips: ClipSet) -> None:
    model = load_pretrained(tiny_checkpoint)
    with torch.no_grad():
        model.hsrm.global_shape.bias += 1e38
    with pytest.raises(UserError, match="clip '001', frame 0: the tracker answers nan, infinite"):
        evaluate(Tracker(model, "cpu"), clips)


def test_rows_name_every_frame(tracker: Tracker, clips: ClipSet, clip_folder: Path) -> None:
    found = evaluate(tracker, alone(clips, 3, 4))
    rows = found.rows()
    assert [(row["clip"], row["frame"]) for row in rows] == [("004", 0), ("124", 0), ("124", 1), ("124", 2)]
    np.testing.assert_allclose([row["nme"] for row in rows], 100 * found.nme)
    assert all(str(clip_folder) in row["data"] for row in rows)

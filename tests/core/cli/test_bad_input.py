"""Mistakes of the user end with exit status 2 and one line on stderr that names them; no half-written file stays."""

import os
import shutil
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from srn_core.cli.main import main
from srn_core.data.pack import load_to_pack, write_pack
from srn_core.errors import UserError
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.io.images import read_image
from srn_core.training.args import TrainArgs
from srn_core.training.train import train

FACE = 80 * np.array(MEAN_SHAPES["68"]) + 100
Complaint = Callable[..., str]


@pytest.fixture
def complaint(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Complaint:
    """Run ``srn``, check that it fails with exit status 2 and one line on stderr, and return that line."""

    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["srn", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        output, errors = capfd.readouterr()
        assert stopped.value.code == 2
        assert output == "" and errors.count("\n") == 1 and errors.startswith("error: "), errors
        return errors

    return run


@pytest.fixture
def evaluate(complaint: Complaint, tiny_checkpoint: str, tmp_path: Path) -> Callable[[str], str]:
    """Evaluate a bad spec; returns the error line."""

    def run(spec: str) -> str:
        line = complaint("evaluate", "--checkpoint", tiny_checkpoint, "--data", spec, "--json", tmp_path / "e.json")
        assert not list(tmp_path.glob("*e.json")) and not list(tmp_path.glob(".*"))
        return line

    return run


@pytest.fixture
def video_set(clip_folder: Path, tmp_path: Path) -> Path:
    """A copy of one clip, which the test damages."""
    shutil.copytree(clip_folder / "001", tmp_path / "set" / "001")
    return tmp_path / "set"


@pytest.fixture
def photo_set(tmp_path: Path) -> Path:
    """One photo in the layout of 300-W, which the test damages."""
    folder = tmp_path / "photos" / "afw"
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    cv2.imwrite(str(folder / "face.jpg"), noise)
    lines = "\n".join(f"{x} {y}" for x, y in FACE + 1)
    (folder / "face.pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}\n}}\n")
    return tmp_path / "photos"


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ("nonsense:x", "unknown kind 'nonsense'"),
        ("", "unknown kind"),
        ("300w:/no/such/folder", "/no/such/folder"),
        ("300w", "no path"),
        ("demo:x", "takes no path"),
        ("300w:.?split=sideways", "unknown split 'sideways'"),
        ("300w:.?colour=red", "unknown option 'colour'"),
        ("300w:.?limit=none", "limit=none"),
        ("300w:.?limit=0", "limit=0"),
        ("300w:.?split=common", "no clips"),
        ("ytf68:.", "keypoints.csv"),
    ],
)
def test_bad_specs(evaluate, spec: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    line = evaluate(spec)
    assert named in line and ("expected" in line or "knows" in line or "write" in line)


def test_pts_with_a_point_missing(evaluate, video_set: Path) -> None:
    path = video_set / "001" / "annot" / "000002.pts"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:10] + lines[11:]))
    line = evaluate(f"300vw:{video_set}")
    assert str(path) in line and "134 numbers; expected 136" in line and "68 points" in line


def test_eye_corners_at_the_same_place(evaluate, complaint: Complaint, photo_set: Path, tmp_path: Path) -> None:
    path = photo_set / "afw" / "face.pts"
    lines = path.read_text().splitlines()
    lines[3 + 45] = lines[3 + 36]
    path.write_text("\n".join(lines) + "\n")
    for line in (
        evaluate(f"300w:{photo_set}"),
        complaint("train", "--data", f"300w:{photo_set}", "--out", tmp_path / "run"),
    ):
        assert "afw/face" in line and "frame 0" in line and "inter-ocular" in line
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("value", ["nan", "inf", "oops"])
def test_pts_with_a_value_that_is_not_a_number(evaluate, video_set: Path, value: str) -> None:
    path = video_set / "001" / "annot" / "000003.pts"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:10], f"{value} 3\n", *lines[11:]]))
    assert str(path) in evaluate(f"300vw:{video_set}")


def test_annotations_of_no_frame_of_the_video(evaluate, video_set: Path) -> None:
    for path in list((video_set / "001" / "annot").iterdir()):
        path.rename(path.with_name(f"{100 + int(path.stem)}.pts"))
    line = evaluate(f"300vw:{video_set}")
    assert str(video_set / "001") in line and "frames and annotations of one number" in line


@pytest.mark.parametrize("content", [b"", b"no video at all"])
def test_broken_video(evaluate, complaint: Complaint, tiny_checkpoint: str, video_set: Path, content: bytes) -> None:
    path = video_set / "001" / "vid.avi"
    path.write_bytes(content)
    assert str(path) in evaluate(f"300vw:{video_set}")
    out = video_set / "out.mp4"
    assert str(path) in complaint("track", path, "--checkpoint", tiny_checkpoint, "--box", "1,1,9,9", "--out", out)
    assert not out.exists()


@pytest.mark.parametrize(("share", "ending"), [(0.0, ".jpg"), (0.3, ".jpg"), (0.9, ".jpg"), (0.3, ".png"), (0.9, ".png")])
def test_truncated_image(evaluate, complaint: Complaint, photo_set: Path, share: float, ending: str) -> None:
    path = photo_set / "afw" / "face.jpg"
    if ending == ".png":
        cv2.imwrite(str(path.with_suffix(ending)), cv2.imread(str(path)))
        path.unlink()
        path = path.with_suffix(ending)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    assert str(path) in evaluate(f"300w:{photo_set}")
    assert str(path) in complaint("data", f"300w:{photo_set}", "--sheet", photo_set / "sheet.png")
    assert not list(photo_set.glob("*sheet*"))


def test_picture_whose_header_claims_too_many_pixels(photo_set: Path, evaluate: Callable[[str], str]) -> None:
    (photo_set / "afw" / "face.jpg").unlink()
    path = photo_set / "afw" / "face.png"
    cv2.imwrite(str(path), np.zeros((20, 20, 3), np.uint8))
    data = bytearray(path.read_bytes())
    data[16:24] = (70_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    path.write_bytes(data)
    assert str(path) in evaluate(f"300w:{photo_set}")


def test_a_pipe_is_not_replaced_by_a_file(complaint: Complaint, clip_spec: str, tiny_checkpoint: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    assert str(pipe) in complaint("evaluate", "--checkpoint", tiny_checkpoint, "--data", clip_spec, "--json", pipe)
    assert pipe.is_fifo()


@pytest.mark.parametrize("ending", [".jpg", ".png"])
def test_bytes_after_the_end_of_an_image_are_ignored(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"noise{ending}"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))
    image = read_image(path)
    path.write_bytes(path.read_bytes() + b"\0" * 500)
    assert np.array_equal(read_image(path), image)


def test_a_broken_validation_picture_stops_training_before_the_first_step(
    clip_spec: str, photo_set: Path, tmp_path: Path
) -> None:
    path = photo_set / "afw" / "face.jpg"
    path.write_bytes(path.read_bytes()[:500])
    run = tmp_path / "run"
    with pytest.raises(UserError, match=f"{path}: truncated"):
        train(TrainArgs(data=(clip_spec,), out=run, val=(f"300w:{photo_set}",)))
    assert not run.exists()


def test_packs_that_are_missing_or_truncated_or_cannot_be_written(evaluate, complaint: Complaint, photo_set: Path) -> None:
    path, image = photo_set / "faces.pack", photo_set / "afw" / "face.jpg"
    assert str(path) in evaluate(f"packed:{path}")
    photos = load_to_pack([f"300w:{photo_set}"])
    write_pack(path, photos)
    cut = path.read_bytes()[:-9]
    path.write_bytes(cut)
    assert str(path) in evaluate(f"packed:{path}")
    image.write_bytes(image.read_bytes()[:500])
    assert str(image) in complaint("data", f"300w:{photo_set}", "--pack", path)
    with pytest.raises(UserError, match="face.jpg"):
        write_pack(path, photos)
    assert path.read_bytes() == cut and not list(photo_set.glob(".*"))


def test_annotation_without_its_image(evaluate, photo_set: Path) -> None:
    (photo_set / "afw" / "face.jpg").unlink()
    assert str(photo_set / "afw" / "face") in evaluate(f"300w:{photo_set}")


def test_csv_row_that_names_a_missing_file_or_lacks_a_number(evaluate, tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    row = ",".join(["clip0000_00.jpg", *map(str, FACE.ravel())])
    (tmp_path / "keypoints.csv").write_text(row + "\n")
    assert str(tmp_path / "frames" / "clip0000_00.jpg") in evaluate(f"ytf68:{tmp_path}")
    (tmp_path / "keypoints.csv").write_text(row.rpartition(",")[0] + "\n")
    assert str(tmp_path / "keypoints.csv") in evaluate(f"ytf68:{tmp_path}")
    (tmp_path / "frames" / "clip0000_00.jpg").write_bytes(b"")
    (tmp_path / "keypoints.csv").write_text(f"{row}\n{row}\n")
    assert "two rows for clip0000_00.jpg" in evaluate(f"ytf68:{tmp_path}")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"name," + b"1" * 200_000])
def test_file_that_is_not_a_csv(evaluate, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "frames").mkdir()
    (tmp_path / "keypoints.csv").write_bytes(content)
    assert str(tmp_path / "keypoints.csv") in evaluate(f"ytf68:{tmp_path}")


def test_checkpoints(complaint: Complaint, tiny_checkpoint: str, clip_spec: str, tmp_path: Path) -> None:
    assert "no-such-model" in complaint("evaluate", "--checkpoint", "no-such-model", "--data", clip_spec)
    broken = tmp_path / "broken"
    shutil.copytree(tiny_checkpoint, broken)
    weights = broken / "model.safetensors"
    for data in (weights.read_bytes()[:1000], b"", b"\x00" * 64):
        weights.write_bytes(data)
        assert str(weights) in complaint("evaluate", "--checkpoint", broken, "--data", clip_spec)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--box", "1,2,3,4", "--all-faces"), "a box is one face"),
        (("--occlude", "greedy", "--all-faces"), "--occlude greedy: attacks one face"),
        (("--occlude", "no-such", "--box", "1,2,3,4"), "policy 'no-such': unknown"),
        (("--json", "t.txt"), "--json t.txt: unknown ending"),
        (("--frames", "0"), "--frames 0"),
        (("--box", "1,2,3"), "--box 1,2,3"),
        (("--box", "1,2,0,5"), "above 0"),
        (("--box", "1,2,nan,5"), "--box 1,2,nan,5"),
        (("--box", "1,2,3,4", "--detector", "dlib"), "both"),
        (("--box", "5000,5000,50,50"), "outside the picture of 144 x 144 px"),
        (("--detector", "magic"), "detector 'magic'"),
        (("--detector", "yunet:/no/file.onnx"), "/no/file.onnx"),
        (("--detector", f"yunet:{__file__}"), __file__),
    ],
)
def test_track_options(
    complaint: Complaint, tiny_checkpoint: str, clip_folder: Path, tmp_path: Path, arguments: tuple[str, ...], named: str
) -> None:
    video, out = clip_folder / "001" / "vid.avi", tmp_path / "out.mp4"
    assert named in complaint("track", video, "--checkpoint", tiny_checkpoint, "--out", out, *arguments)
    assert not list(tmp_path.iterdir())


def test_track_refuses_to_overwrite_its_input_and_checks_outputs_first(
    complaint: Complaint, tiny_checkpoint: str, clip_folder: Path, tmp_path: Path
) -> None:
    video = tmp_path / "v.avi"
    video.write_bytes((clip_folder / "001" / "vid.avi").read_bytes())
    track = ("track", video, "--checkpoint", tiny_checkpoint, "--box", "30,30,80,80", "--out")
    assert "v.avi: this command also reads this file" in complaint(*track, tmp_path / "." / "v.avi")
    assert "v.avi: this command also reads this file" in complaint(*track, tmp_path / "out.mp4", "--json", video)
    assert "writes it for another option" in complaint(*track, tmp_path / "out.mp4", "--json", tmp_path / "out.mp4")
    assert "is a folder" in complaint(*track, tmp_path / "out.mp4", "--json", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["v.avi"]


def test_missing_video(complaint: Complaint, tiny_checkpoint: str, tmp_path: Path) -> None:
    missing = tmp_path / "none.mp4"
    line = complaint("track", missing, "--checkpoint", tiny_checkpoint, "--box", "1,2,3,4", "--out", tmp_path / "out.mp4")
    assert str(missing) in line and not list(tmp_path.iterdir())


def test_other_options(complaint: Complaint, tiny_checkpoint: str, clip_spec: str, clip_folder: Path, tmp_path: Path) -> None:
    evaluate = ("evaluate", "--checkpoint", tiny_checkpoint)
    assert "--data" in complaint(*evaluate)
    assert "'foo' for argument '--normaliser'" in complaint(*evaluate, "--data", clip_spec, "--normaliser", "foo")
    assert "Error parsing --steps" in complaint("train", "--data", clip_spec, "--out", tmp_path / "run", "--steps", "x")
    assert "--dat" in complaint("train", "--dat", clip_spec, "--out", tmp_path / "run")
    assert "curve.gif" in complaint(*evaluate, "--data", clip_spec, "--plot", tmp_path / "curve.gif")
    assert "--batch-size 0" in complaint(*evaluate, "--data", clip_spec, "--batch-size", 0)
    assert "--mode track" in complaint(*evaluate, "--data", clip_spec, "--boxes", "tracked")
    assert "--mode track" in complaint(*evaluate, "--data", clip_spec, "--start", "previous")
    assert "steps 0" in complaint(*evaluate, "--data", clip_spec, "--steps", 0)
    assert "mirror" in complaint(*evaluate, "--data", clip_spec, "--mirror", "--mode", "track")
    assert "--points all" in complaint(*evaluate, "--data", clip_spec, "--points", "visible")
    assert "neither" in complaint("evaluate", "--data", clip_spec)
    for device in ("toaster", "meta", "mps", "cuda:99"):
        assert f"device '{device}'" in complaint(*evaluate, "--data", clip_spec, "--device", device)
    assert f"{tmp_path}: is a folder" in complaint(*evaluate, "--data", clip_spec, "--json", tmp_path)
    assert "writes it for another option" in complaint(*evaluate, "--data", clip_spec, "--json", "e.json", "--rows", "e.json")
    assert "sheet.txt" in complaint("data", clip_spec, "--sheet", tmp_path / "sheet.txt")
    assert "knows all; name clips for" in complaint("data", "synthetic?split=val")
    assert "no data spec" in complaint("data")
    assert "--most 0" in complaint("data", clip_spec, "--most", 0)
    assert f"--out {__file__}: is a file" in complaint("train", "--data", clip_spec, "--out", __file__)
    assert "already holds a checkpoint" in complaint("train", "--data", clip_spec, "--out", tiny_checkpoint)
    assert "--seed" in complaint("train", "--data", clip_spec, "--out", tmp_path / "run", "--seed", 2**64)
    assert "--quality 101" in complaint("data", clip_spec, "--quality", 101)
    assert "writes it for another option" in complaint("data", clip_spec, "--sheet", "a.png", "--pack", "a.png")
    video = clip_folder / "001" / "vid.avi"
    assert "out.webp" in complaint("track", video, "--checkpoint", tiny_checkpoint, "--box", "1,1,9,9", "--out", "out.webp")
    training = ("train", "--data", clip_spec, "--out", tmp_path / "run")
    for option, value in (("sequence", 0), ("val-every", 0), ("steps", 0), ("batch", 0), ("ema", 2), ("lr", "nan")):
        assert f"--{option} {value}" in complaint(*training, f"--{option}", value)
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in complaint(*evaluate, "--data", clip_spec, "--json", tmp_path / "file" / "e.json")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]

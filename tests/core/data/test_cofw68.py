"""COFW68: annotations without pictures, and published predictions scored against them."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from srn_core.cli.main import main
from srn_core.data import load_clips
from srn_core.data.formats.predictions import read_predictions
from srn_core.data.sheet import describe
from srn_core.errors import UserError
from srn_core.face.mean_shapes import MEAN_SHAPES
from tests.support.faces import DATA, real

FACE = 80 * np.array(MEAN_SHAPES["68"]) + 100
FACES = 12
Evaluate = Callable[..., dict]


def hidden(number: int) -> np.ndarray:
    return np.arange(68) < number


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve faces; face I is shifted by I px and hides its first I points."""
    root = tmp_path_factory.mktemp("cofw68")
    (root / "test_annotations").mkdir()
    for number in range(1, FACES + 1):
        content = {"Points": FACE + number + 1, "Occ": hidden(number).astype(np.uint8)[None]}
        savemat(root / "test_annotations" / f"{number}_points.mat", content)
    savemat(
        root / "cofw68_test_bboxes.mat", {"bboxes": np.array([[60 + i, 62, 80, 90] for i in range(1, FACES + 1)], np.int16)}
    )
    return root


def write_predictions(path: Path, order: list[int], offset: np.ndarray) -> Path:
    lines = []
    for number in order:
        points = FACE + number + 1 + offset
        rows = (points[:, 0], points[:, 1], hidden(number).astype(int))
        lines += [f"{number} ", *(" ".join(f"{value:.3f}" for value in row) + " " for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def evaluate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Evaluate:
    """Run ``srn evaluate --predictions`` and return its figures."""

    def run(predictions: Path, data: Path, *options: str) -> dict:
        out = tmp_path / "figures.json"
        words = ["--predictions", str(predictions), "--data", f"cofw68:{data}", "--json", str(out), *options]
        monkeypatch.setattr(sys, "argv", ["srn", "evaluate", *words])
        main()
        return dict(json.loads(out.read_text()))

    return run


def test_faces_are_stills_in_the_order_of_their_numbers(folder: Path) -> None:
    clip_set = load_clips(f"cofw68:{folder}")
    assert [clip.name for clip in clip_set.clips] == [str(number) for number in range(1, FACES + 1)]
    clip = clip_set.clips[9]
    np.testing.assert_allclose(clip.landmarks[0], FACE + 10, atol=1e-4)
    assert clip.visible is not None and (clip.visible[0] == ~hidden(10)).all()
    np.testing.assert_array_equal(clip.boxes, [[69, 61, 149, 151]])
    with pytest.raises(UserError, match="without pictures.*--predictions"):
        clip.frame(0)
    held = describe(clip_set)
    assert held["clips"] == str(FACES) and held["frame width, px"] == "no pictures" and "px" not in held["box side, px"]


def test_predictions_are_matched_by_number_and_divided_by_the_distance_of_the_eye_centres(
    evaluate: Evaluate, folder: Path, tmp_path: Path
) -> None:
    offset = np.zeros((68, 2))
    offset[17:] = (3, 4)
    path = write_predictions(tmp_path / "p.txt", [*range(FACES, 0, -1)], offset)
    distance = np.linalg.norm(FACE[36:42].mean(0) - FACE[42:48].mean(0))
    every, visible = evaluate(path, folder), evaluate(path, folder, "--points", "visible")
    assert every["nme_mean"] == pytest.approx(100 * 5 / distance * 51 / 68, rel=1e-3)
    assert visible["nme_mean"] == pytest.approx(
        100 * 5 / distance * np.mean([51 / (68 - number) for number in range(1, FACES + 1)]), rel=1e-3
    )
    assert (every["normaliser"], every["checkpoint"], every["points"]) == ("inter-pupil", None, "all")
    assert every["predictions"] == str(path) and every["n_faces"] == FACES and every["mode"] is None
    outer = evaluate(path, folder, "--normaliser", "inter-ocular")
    assert outer["nme_mean"] == pytest.approx(every["nme_mean"] * distance / np.linalg.norm(FACE[36] - FACE[45]), rel=1e-3)


def test_a_part_of_the_data_takes_a_part_of_the_file(
    evaluate: Evaluate, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_predictions(tmp_path / "p.txt", [*range(1, FACES + 1)], np.ones((68, 2)))
    evaluate(path, Path(f"{folder}?limit=5"))
    assert "7 faces are not in the data" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("break_", "named"),
    [
        (lambda lines: lines[:-1], "lines; expected four"),
        (lambda lines: lines[4:], "no prediction for 1 "),
        (lambda lines: lines + lines[:4], "a second time"),
        (lambda lines: ["1.5", *lines[1:]], "the line of its number is"),
        (lambda lines: [lines[0], lines[1] + " 3", *lines[2:]], "69 numbers"),
        (lambda lines: [lines[0], lines[1].replace("6", "x"), *lines[2:]], "not a number"),
        (lambda lines: [lines[0], "nan " + lines[1].partition(" ")[2], *lines[2:]], "nan"),
        (lambda lines: [], "0 lines"),
    ],
)
def test_broken_predictions(
    evaluate: Evaluate, folder: Path, tmp_path: Path, break_, named: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write_predictions(tmp_path / "p.txt", [*range(1, FACES + 1)], np.ones((68, 2)))
    path.write_text("\n".join(break_(path.read_text().splitlines())))
    with pytest.raises(SystemExit) as stopped:
        evaluate(path, folder)
    errors = capfd.readouterr().err
    assert stopped.value.code == 2 and errors.count("\n") == 1 and named in errors and str(path) in errors


def test_options_that_need_a_tracker_and_other_data_are_refused(
    evaluate: Evaluate, folder: Path, tmp_path: Path, clip_spec: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write_predictions(tmp_path / "p.txt", [*range(1, FACES + 1)], np.ones((68, 2)))
    for options, named in (
        (("--mirror",), "no tracker runs"),
        (("--data", clip_spec), "kind '300vw'"),
        (("--checkpoint", "x"), "both"),
    ):
        with pytest.raises(SystemExit):
            evaluate(path, folder, *options)
        assert named in capfd.readouterr().err
    with pytest.raises(UserError, match="none.txt"):
        read_predictions(tmp_path / "none.txt", 68)


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("test_annotations/1_points.mat", b"", "cannot be read"),
        ("test_annotations/1_points.mat", b"MATLAB 5.0 MAT-file" + bytes(200), "1_points.mat"),
        ("test_annotations/1_points.mat", {"Points": FACE[:67], "Occ": hidden(1)}, "67 x 2; expected finite numbers, 68 x 2"),
        ("test_annotations/1_points.mat", {"Points": FACE * np.nan, "Occ": hidden(1)}, "finite"),
        ("test_annotations/1_points.mat", {"Points": FACE}, "'Occ'"),
        ("test_annotations/99_points.mat", {"Points": FACE, "Occ": hidden(1)}, "1 to 1"),
        ("test_annotations/x_points.mat", {"Points": FACE, "Occ": hidden(1)}, "x_points.mat"),
        ("cofw68_test_bboxes.mat", None, "cofw68_test_bboxes.mat"),
    ],
)
def test_broken_annotations_are_named(tmp_path: Path, name: str, content, named: str) -> None:
    (tmp_path / "test_annotations").mkdir()
    savemat(tmp_path / "test_annotations" / "1_points.mat", {"Points": FACE, "Occ": hidden(1)})
    savemat(tmp_path / "cofw68_test_bboxes.mat", {"bboxes": np.ones((1, 4))})
    if content is None:
        (tmp_path / name).unlink()
    elif isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    else:
        savemat(tmp_path / name, content)
    with pytest.raises(UserError, match=named):
        load_clips(f"cofw68:{tmp_path}")


@real("cofw68")
@pytest.mark.parametrize(
    ("name", "points", "nme", "failures"),
    [
        ("CFSS_CFOW68", "all", 8.799, 21.89),
        ("RCPR-occ_300w", "all", 12.271, 42.41),
        ("CFSS_CFOW68", "visible", 7.300, None),
        ("RCPR-occ_300w", "visible", 11.441, None),
    ],
)
def test_published_predictions_score_as_published(
    evaluate: Evaluate, name: str, points: str, nme: float, failures: float | None
) -> None:
    record = evaluate(DATA / "cofw68" / "Results" / f"{name}.txt", DATA / "cofw68", "--points", points)
    assert record["n_faces"] == 507 and record["nme_mean"] == pytest.approx(nme, abs=6e-4)
    assert failures is None or record["fr_10"] == pytest.approx(failures, abs=6e-3)

"""Models beside ours: conventions are undone, faces that are not found count, and the page is made from its rows."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy import SETS
from benchmarks.common.results import read_figures, read_rows
from benchmarks.others.convention import eye_axis, fit_convention, from_eye_units
from benchmarks.others.measure import FITTED_ON, measure_models, measured_sets
from benchmarks.others.models import OtherModel, dlib_box, dlib_models, mediapipe_model
from benchmarks.others.report import summarise_others
from benchmarks.peers import PeersArgs, peers
from benchmarks.remake import remake
from srn_core.errors import UserError
from srn_core.face.geometry import box_overlap
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.tracking.detectors import DLIB_FIT
from tests.support.small_data import write_data_root

FACE = np.array(MEAN_SHAPES["68"])


def turned_faces(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    angles, sizes = rng.uniform(-0.5, 0.5, count), rng.uniform(50, 200, count)
    turn = np.stack([np.stack([np.cos(angles), -np.sin(angles)], -1), np.stack([np.sin(angles), np.cos(angles)], -1)], 1)
    return sizes[:, None, None] * np.einsum("nij,lj->nli", turn, FACE) + 300


def test_a_fixed_offset_is_undone_on_turned_faces_of_any_size() -> None:
    truth = turned_faces(60)
    offset = np.random.default_rng(1).normal(0, 0.03, (68, 2))
    # The eye corners agree, so the model's own eye axis is the true one.
    offset[[36, 45]] = 0
    points = truth - from_eye_units(np.broadcast_to(offset, truth.shape), eye_axis(truth))
    convention = fit_convention(points[:40], truth[:40], same_points=True)
    np.testing.assert_allclose(convention.corrected(points[40:]), truth[40:], atol=1e-6)
    assert np.abs(convention.plain(points[40:]) - truth[40:]).max() > 2


def test_landmarks_are_taken_from_the_nearest_of_other_points() -> None:
    truth = turned_faces(30)
    order = np.random.default_rng(2).permutation(68)
    others = np.concatenate([truth[:, order], truth[:, :20] + 500], 1)
    convention = fit_convention(others, truth, same_points=False)
    np.testing.assert_array_equal(order[convention.chosen], np.arange(68))


def test_a_face_that_is_not_found_is_a_failure_and_no_error() -> None:
    rows = [
        {
            "data": "300w:DATA/300w?split=val",
            "clip": str(i),
            "person": str(i),
            "frame": 0,
            "a plain": 5.0,
            "a corrected": 4.0 + i,
        }
        for i in range(4)
    ]
    for row in rows[:2]:
        row |= {"b plain": 3.0, "b corrected": 2.0}
    first, second = summarise_others(rows, ["a", "b"])
    assert (first["found"], first["nme"], first["fr_10"], first["nme_plain"]) == (4, 5.5, 0.0, 5.0)
    assert (second["found"], second["nme"], second["fr_10"], second["first_on_the_same"]) == (2, 2.0, 50.0, 4.5)
    assert second["auc_10"] == pytest.approx(40.0)


def test_dlib_starts_from_the_box_that_its_detector_would_draw() -> None:
    square = np.array([100.0, 80, 220, 200])
    assert box_overlap(dlib_box(DLIB_FIT(square[None])[0]), square) > 0.97


def test_the_sets_are_those_of_the_accuracy_page_and_never_what_offsets_are_fitted_on(tmp_path: Path) -> None:
    for folder in FITTED_ON:
        (tmp_path / folder).mkdir()
    measured = dict(measured_sets(tmp_path, test=True))
    assert {spec for specs in measured.values() for spec in specs} >= {
        s.spec for s in SETS if s.folder and not s.modes[1:]
    } - set(FITTED_ON.values())
    assert not set(measured) & {spec for specs in measured.values() for spec in specs}
    assert not any("common" in spec for specs in dict(measured_sets(tmp_path, test=False)).values() for spec in specs)


def test_rows_figures_and_page_belong_together(tiny_checkpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_data_root(tmp_path / "data")
    calls = itertools.count()
    blind = OtherModel("half blind", lambda image, box: None if next(calls) % 2 else np.float32(FACE) + box[:2])
    monkeypatch.setattr("benchmarks.peers.dlib_models", lambda file: [blind])
    args = PeersArgs(
        data_root=tmp_path / "data",
        checkpoint=tiny_checkpoint,
        dlib=True,
        fit_faces=4,
        video_step=1,
        limit=2,
        out=tmp_path / "out",
    )
    figures = peers(args)
    record, page = remake(tmp_path / "out")
    assert record["figures"] == figures == read_figures(tmp_path / "out")["figures"]
    assert "\n".join(page) + "\n" == (tmp_path / "out/README.md").read_text()
    rows = read_rows(tmp_path / "out", "rows")
    assert {figure["data"] for figure in figures} == {row["data"] for row in rows}
    assert max(figure["faces"] for figure in figures) == 2
    found = sum(figure["found"] for figure in figures if figure["model"] == "half blind")
    assert 0 < found < len(rows) and found == sum("half blind plain" in row for row in rows)


def test_a_model_that_finds_no_training_face_is_named(tmp_path: Path) -> None:
    write_data_root(tmp_path)
    with pytest.raises(UserError, match="blind: finds none of"):
        list(measure_models([OtherModel("blind", lambda image, box: None)], tmp_path, False, 3, 1))


@pytest.mark.parametrize("given", [{}, {"mediapipe": Path("none.task")}, {"onnx": ("onnx:none.onnx",)}])
def test_bad_input_is_one_line(given: dict, tmp_path: Path) -> None:
    with pytest.raises(UserError) as raised:
        peers(PeersArgs(data_root=tmp_path, **given))
    assert "\n" not in str(raised.value) and "expected" in str(raised.value)


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("dlib", "mediapipe"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    (tmp_path / "f.task").write_bytes(b"")
    for load, file in ((dlib_models, None), (mediapipe_model, tmp_path / "f.task")):
        with pytest.raises(UserError, match=r"srn-occlusion\[peers\]"):
            load(file)

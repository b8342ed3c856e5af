"""The paper's tables: its rows are those of its text, ours those of the evaluation, and what is absent is named."""

import dataclasses
import re
import shlex
import shutil
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest
import torch
import tyro
from scipy.io import savemat

from benchmarks.common.results import read_figures, write_figures, write_results
from benchmarks.paper import runs as paper_runs_module
from benchmarks.paper.cofw68 import SHARED, with_pictures
from benchmarks.paper.numbers import TABLES
from benchmarks.paper_tables import PaperTablesArgs, main, paper_tables
from benchmarks.synthesis.args import Arm
from benchmarks.variants.args import Variant
from srn_core import SRN
from srn_core.checkpoints import load_pretrained, save_pretrained
from srn_core.data import load_clips
from srn_core.errors import UserError
from srn_core.evaluation.evaluate import evaluate, evaluate_predictions
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.tracking.tracker import Tracker
from tests.support.face_sets import FACES, write_cofw, write_wflw
from tests.support.faces import DATA, FRAME_SIZE, TINY, real, write_clip, write_pts

FACE = 70 * np.array(MEAN_SHAPES["68"]) + 72


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root: 300-W without LFPW, 300VW without category 3, COFW's test file with two of COFW68's four faces, WFLW."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for subset, count in (("helen/testset", 3), ("ibug", 2), ("afw", 1)):
        folder = root / "300w" / subset
        folder.mkdir(parents=True)
        for i in range(count):
            cv2.imwrite(str(folder / f"{i}.jpg"), rng.integers(0, 256, (FRAME_SIZE, FRAME_SIZE, 3), dtype=np.uint8))
            write_pts(folder / f"{i}.pts", FACE + rng.normal(0, 2, (68, 2)))
    for name, length in (("114", 3), ("124", 2), ("203", 2), ("001", 1)):
        write_clip(root / "300vw" / name, length, np.random.default_rng(int(name)))
    write_cofw(root / "cofw29" / "COFW_test_color.mat", "T", 2)
    write_cofw68(root / "cofw68")
    write_wflw(root / "wflw")
    return root


def write_cofw68(folder: Path) -> None:
    """Faces 3 and 2 are the first and second picture of COFW's file, 1 and 4 are in none."""
    (folder / "test_annotations").mkdir(parents=True)
    (folder / "Results").mkdir()
    lines, boxes = [], []
    for number, shift in ((1, 40), (2, 1), (3, 0), (4, -40)):
        points = FACE.copy()
        points[SHARED["68"]] = FACES["29"][SHARED["29"]] + 0.3
        content = {"Points": points + shift + 1, "Occ": np.zeros(68)}
        savemat(folder / "test_annotations" / f"{number}_points.mat", content)
        boxes.append([*(points.min(0) + shift + 1), *np.ptp(points, 0)])
        found = points + shift + 3
        lines += [str(number), *(" ".join(map(str, row)) for row in (*found.T, np.zeros(68, int)))]
    savemat(folder / "cofw68_test_bboxes.mat", {"bboxes": np.array(boxes)})
    (folder / "Results" / "peer.txt").write_text("\n".join(lines))


@pytest.fixture(scope="module")
def other_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An untrained SRN of 29 points."""
    folder = tmp_path_factory.mktemp("tiny29")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_pretrained(SRN(dataclasses.replace(TINY, scheme="29")), folder, {"data": "untrained"})
    return str(folder)


def tables(root: Path | None, checkpoint: str, out: Path, /, *numbers: int, **changes: object) -> dict[int, dict]:
    """Run the benchmark; what it wrote, table by table."""
    options = {"checkpoint": (checkpoint,), "device": "cpu", "out": out}
    paper_tables(PaperTablesArgs(table=numbers, data_root=root, **{**options, **changes}))
    return {number: read_figures(out / f"table-{number}") for number in numbers}


def ours(record: dict, section: str | None = None) -> list[dict]:
    return [row for row in record["figures"] if row["source"] == "measured" and section in (None, row["section"])]


@real("../spec/paper.txt")
def test_every_row_of_the_paper_stands_on_a_line_of_its_text_and_names_its_place():
    lines = (DATA.parent / "spec" / "paper.txt").read_text().splitlines()
    for number, table in TABLES.items():
        for row in (row for section in table.sections for row in section.rows):
            assert row.source.startswith("section 4.")
            figures = ".+?".join(f"{value:.2f}" for value in row.values)
            name = row.method.split(" (ours)")[0].split(",")[0].split(" over ")[0]
            assert any(name in line and re.search(figures, line) for line in lines), (number, row)


def test_rows_and_columns_fit_and_our_variants_exist():
    known = {*get_args(Variant), *get_args(Arm)}
    for table in TABLES.values():
        assert len({section.name for section in table.sections}) == len(table.sections)
        for section in table.sections:
            assert all(len(row.values) == len(section.columns) for row in section.rows)
            assert {row.ours for row in section.rows} - {""} | set(section.more) <= known


def test_300w_figures_are_those_of_the_evaluation(root, tiny_checkpoint, tmp_path, capsys):
    records = tables(root, tiny_checkpoint, tmp_path, 2, 4, mirror=True)
    tracker = Tracker(load_pretrained(tiny_checkpoint), "cpu")
    for number, section, more in ((2, "masked faces", "&masked=1"), (4, "inter-ocular", ""), (4, "inter-pupil", "")):
        (row,) = ours(records[number], section)
        assert {name: cell["n_faces"] for name, cell in row["cells"].items()} == {"Challenging": 2, "Common": 3, "Full": 5}
        for column, cell in row["cells"].items():
            spec = f"300w:DATA/300w?split={column.lower()}{more}"
            normaliser = section if number == 4 else "inter-ocular"
            clip_set = load_clips(spec.replace("DATA", str(root)))
            expected = evaluate(tracker, clip_set, normaliser=normaliser, mirror=True).summary()
            assert [cell[key] for key in ("data", "normaliser", "mirror")] == [spec, normaliser, True]
            assert cell["nme_mean"] == pytest.approx(expected["nme_mean"], rel=1e-4)
            assert cell["nme_ci95"] == pytest.approx(expected["nme_ci95"], rel=1e-4)
    assert "DATA/300w/lfpw/testset: absent" in records[4]["missing"]
    assert "Common: 3 of the paper's 554 faces" in records[4]["missing"]
    page, printed = (tmp_path / "table-4/README.md").read_text(), capsys.readouterr().out
    assert (
        "| SRN+HG (ours) | paper, section 4.3, Evaluation on 300W, Table 4 | 5.38 | 3.03 | 3.49 | heat maps |" in page
        and "measured" in printed
    )
    cell = ours(records[4], "inter-pupil")[0]["cells"]["Full"]
    assert f"{cell['nme_mean']:.2f} [{cell['nme_ci95'][0]:.2f}, {cell['nme_ci95'][1]:.2f}], 5 faces" in page
    assert records[4]["checkpoints"][0]["key"] == tracker.key
    words = shlex.split(records[2]["command"])
    given = tyro.cli(PaperTablesArgs, args=words[2:])
    assert given == PaperTablesArgs(
        table=(2,), data_root=Path("DATA"), checkpoint=(tiny_checkpoint,), mirror=True, device="cpu"
    )


def test_300vw_is_tracked_category_by_category(root, tiny_checkpoint, tmp_path):
    record = tables(root, tiny_checkpoint, tmp_path, 5)[5]
    plain, masked = ours(record)
    assert (plain["section"], masked["section"]) == ("300VW test set", "300VW test set, masked")
    assert [(name, cell["n_faces"], cell["mode"]) for name, cell in plain["cells"].items()] == [
        ("Category 1", 5, "track"),
        ("Category 2", 2, "track"),
    ]
    clip_set = load_clips(f"300vw:{root}/300vw?split=1&masked=1")
    expected = evaluate(Tracker(load_pretrained(tiny_checkpoint), "cpu"), clip_set, "track").summary()
    assert masked["cells"]["Category 1"]["nme_mean"] == pytest.approx(expected["nme_mean"])
    assert "300vw:DATA/300vw?split=3: none of these" in " ".join(record["missing"])
    assert "Category 1: 2 of the 31 clips" in record["missing"]


def test_cofw68_pictures_are_found_by_where_the_points_lie(root):
    faces, pictures = load_clips(f"cofw68:{root}/cofw68"), load_clips(f"cofw29:{root}/cofw29?split=test")
    joined = with_pictures(faces, pictures)
    assert [clip.name for clip in joined.clips] == ["3", "2"]
    for clip, picture in zip(joined.clips, pictures.clips, strict=True):
        np.testing.assert_array_equal(clip.frame(0), picture.frame(0))
        assert clip.landmarks.shape == (1, 68, 2)
    far = dataclasses.replace(pictures.clips[0], landmarks=pictures.clips[0].landmarks + 15)
    assert with_pictures(faces, dataclasses.replace(pictures, clips=(far, pictures.clips[1]))).clips[0].name == "2"


def test_cofw68_scores_checkpoints_and_published_predictions(root, tiny_checkpoint, tmp_path):
    record = tables(root, tiny_checkpoint, tmp_path, 3)[3]
    checkpoint, peer = ours(record)
    assert (checkpoint["cells"]["NME, box"]["n_faces"], peer["cells"]["NME, box"]["n_faces"]) == (2, 4)
    faces = load_clips(f"cofw68:{root}/cofw68")
    for column, normaliser in (("box", "box"), ("eye centres", "inter-pupil")):
        expected = evaluate_predictions(root / "cofw68/Results/peer.txt", faces, normaliser).summary()
        assert peer["cells"][f"NME, {column}"]["nme_mean"] == pytest.approx(expected["nme_mean"])
        assert peer["cells"][f"failures, {column}"]["fr_10"] == expected["fr_10"]
    assert "pictures of 2 of COFW68's 4 faces" in " ".join(record["missing"])


def test_a_checkpoint_is_measured_on_the_sets_of_its_scheme(root, tiny_checkpoint, other_checkpoint, tmp_path):
    record = tables(root, tiny_checkpoint, tmp_path, 1, checkpoint=(tiny_checkpoint, other_checkpoint))[1]
    assert [(row["method"], list(row["cells"])) for row in ours(record)] == [
        (other_checkpoint, ["COFW29"]),
        (tiny_checkpoint, ["COFW68"]),
    ]
    cells = {column: cell for row in ours(record) for column, cell in row["cells"].items()}
    assert (cells["COFW29"]["normaliser"], cells["COFW68"]["normaliser"]) == ("inter-pupil", "box")
    assert "a --checkpoint of 98 points" in " ".join(record["missing"]) and "wflw" in " ".join(record["missing"])
    record = tables(root, other_checkpoint, tmp_path, 4)[4]
    assert not ours(record) and "a --checkpoint of 68 points" in record["missing"][0]


@pytest.mark.parametrize("scheme", ["68", "29"])
def test_speed_of_every_start_and_number_of_steps(scheme, tiny_checkpoint, other_checkpoint, tmp_path):
    record = tables(None, tiny_checkpoint if scheme == "68" else other_checkpoint, tmp_path, 6, seconds=0)[6]
    rows = ours(record)
    assert [list(row["cells"]) for row in rows] == [["K=1", "K=2", "K=3"]] * 2
    assert all(cell["frames_per_second"] > 0 for row in rows for cell in row["cells"].values())
    assert [row["method"].split(", ")[1] for row in rows] == ["from the mean shape", "from the frame before"]


def ablation_results(folder: Path) -> Path:
    """full errs by 5 on challenging and by 2 on common faces, maps=off by 1 more; bare faces are easier."""
    sets = (
        ("300w:D/300w?split=challenging", "ibug", 2, 5.0),
        ("300w:D/300w?split=common", "helen", 3, 2.0),
        ("demo", "d", 1, 1.0),
    )
    rows = [
        {"variant": v, "seed": seed, "set": s, "data": data, "clip": f"{name}/{i}", "value": value + worse + (s == "masked")}
        for v, worse in (("full", 0), ("maps=off", 1), ("relation=off", 2))
        for seed in range(5)
        for s in ("clean", "masked")
        for data, name, count, value in sets
        for i in range(count)
    ]
    figures = [{"variant": v, "parameters": 10**6} for v in ("full", "maps=off", "relation=off")]
    settings = {"seeds": list(range(5)), "preset": "small", "steps": 9, "mode": "detect"}
    write_results(folder, {"figures": figures, "settings": settings}, rows=rows)
    return folder


def test_ablation_rows_stand_below_those_of_the_paper_and_both_parts_make_the_full_set(tiny_checkpoint, tmp_path):
    folder = ablation_results(tmp_path / "a")
    records = tables(None, tiny_checkpoint, tmp_path, 7, 8, ablation=folder)
    maps, full = ours(records[7])
    assert (maps["method"], full["method"]) == ("maps=off", "full")
    assert {name: cell["mean"] for name, cell in full["cells"].items()} == pytest.approx(
        {"Challenging": 6, "Common": 3, "demo": 2, "Full": (2 * 6 + 3 * 3) / 5}
    )
    assert maps["cells"]["Full"]["vs_full"]["mean"] == pytest.approx(1) and maps["cells"]["Full"]["n_clips"] == 5
    assert [row["method"] for row in ours(records[8])] == ["relation=off", "full"]
    lines = (tmp_path / "table-7/README.md").read_text().splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("| SRN w/o, 1 | paper, section 4.4, Table 7 | 11.72 "))
    assert lines[place + 1].startswith(
        "| **maps=off** | measured | 7.00, 2 clips; +1.000 [+1.000, +1.000] (+16.7 %) against full"
    )
    assert lines[place + 2].startswith("| SRN w/o, 2 | paper, ")
    assert "Common: 3 of the paper's 554 faces" in records[7]["missing"]
    assert [Path(name).resolve() for name in records[7]["files"]] == [
        folder
    ] and f"- read from {records[7]['files'][0]}" in lines


def test_hard_synthesis_rows_are_those_of_the_arms(tiny_checkpoint, tmp_path):
    level = {"none": 5.0, "rsf": 4.0, "hofs": 3.0}
    rows = [
        {"arm": arm, "seed": seed, "set": s, "data": f"300vw:D?split={c}", "clip": str(i), "value": value + more + c + i}
        for arm, value in level.items()
        for seed in range(5)
        for s, more in (("clean", 0), ("masked", 1), ("worst", 9))
        for c in (1, 3)
        for i in range(2)
    ]
    settings = {"seeds": list(range(5)), "occluder": "square", "steps": 9, "mode": "detect"}
    write_results(tmp_path / "h", {"figures": [], "settings": settings}, rows=rows)
    record = tables(None, tiny_checkpoint, tmp_path, 9, hofs=tmp_path / "h")[9]
    for section, more in (("300VW test set", 0), ("300VW test set, masked", 1)):
        found = {row["method"]: {name: cell["mean"] for name, cell in row["cells"].items()} for row in ours(record, section)}
        assert found == {arm: {"Category 1": v + 1.5 + more, "Category 3": v + 3.5 + more} for arm, v in level.items()}
    assert "-1.000 [-1.000, -1.000]" in (tmp_path / "table-9/README.md").read_text()


def test_without_files_of_the_other_benchmarks_their_commands_are_named(tiny_checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(paper_runs_module, "RESULTS", tmp_path / "results")
    records = tables(None, tiny_checkpoint, tmp_path, 7, 9)
    assert len(records[7]["missing"]) == len(records[9]["missing"]) == 1
    assert "python benchmarks/ablation.py" in records[7]["missing"][0] and "runs/ablation" in records[7]["missing"][0]
    assert "python benchmarks/hofs.py" in records[9]["missing"][0]
    ablation_results(tmp_path / "results" / "ablation" / "parts")
    assert len(ours(tables(None, tiny_checkpoint, tmp_path, 7)[7])) == 2


def test_what_is_absent_is_no_error_where_the_paper_has_rows(tiny_checkpoint, tmp_path):
    for root in (None, tmp_path):
        records = tables(root, tiny_checkpoint, tmp_path / "out", 2, 4, 5)
        assert not any(ours(record) for record in records.values())
        assert any(line.startswith("DATA/300vw: ") and "NNN/vid.avi" in line for line in records[5]["missing"])


def test_what_the_user_can_correct_is_one_line(root, tiny_checkpoint, tmp_path, monkeypatch, capfd):
    shutil.copytree(root / "300w", tmp_path / "broken" / "300w")
    (tmp_path / "broken/300w/ibug/0.pts").write_text("nonsense")
    write_figures(tmp_path / "empty", {})
    for words, named in (
        (["--table", "2", "10"], "10: no such table"),
        (["--table", "4", "--data-root", str(tmp_path / "nowhere")], "nowhere: no such folder"),
        (["--table", "4", "--checkpoint", "nobody"], "checkpoint 'nobody'"),
        (["--table", "4", "--data-root", str(tmp_path / "broken")], "ibug/0.pts"),
        (["--table", "7", "--ablation", str(tmp_path / "none")], "none/figures.json"),
        (["--table", "7", "--ablation", str(tmp_path / "empty")], "no figures and settings"),
        (["--table", "1", "3"], "Table 3: nothing to show, missing DATA/cofw68"),
    ):
        words = [*words, "--out", str(tmp_path / "out")]
        words += [] if "--checkpoint" in words else ["--checkpoint", tiny_checkpoint]
        monkeypatch.setattr("sys.argv", ["paper_tables.py", *words])
        with pytest.raises(SystemExit) as stopped:
            main()
        errors = capfd.readouterr().err
        assert stopped.value.code == 2 and errors.count("\n") == 1 and named in errors, errors
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="Table 1"):
        tables(None, tiny_checkpoint, tmp_path / "part", 1, 2)
    assert (tmp_path / "part" / "table-2" / "figures.json").is_file()

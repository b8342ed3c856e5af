"""Results that are stored: what is written is read back, and each stored table follows from its rows."""

import gzip
import json
import re
import shutil
from typing import Any

import cv2
import numpy as np
import pytest

from agents.playing.summary import CEILING, REFERENCE, component_shares, optimal_share
from benchmarks.common.results import FIGURES, PAGE, read_figures, read_rows, write_figures, write_results, write_rows
from benchmarks.remake import RESULTS, redraw, remake
from srn_core.errors import UserError
from srn_core.face.metrics import auc, bootstrap_interval, failure_rate
from srn_core.face.schemes import SCHEMES

FOLDERS = {str(path.parent.relative_to(RESULTS)): path.parent for path in sorted(RESULTS.rglob(FIGURES))}
LARGEST = 100_000


def folders(*kinds: str) -> Any:
    names = [name for name in FOLDERS if name.startswith(kinds)]
    assert names
    return pytest.mark.parametrize("name", names)


def test_rows_keep_types_and_missing_keys(tmp_path):
    rows = [
        {"seed": None, "clip": "005", "value": 1.0, "share": 0.1 + 0.2, "landmarks": [1, -1], "text": "a,b\n\"c\""},
        {"seed": 3, "clip": "7", "value": 1, "text": "", "on": True},
        {"clip": "null", "text": "[1]"},
    ]  # fmt: skip
    write_rows(tmp_path, "rows", rows)
    read = read_rows(tmp_path, "rows")
    assert read == rows and [[type(value) for value in row.values()] for row in read] == [
        [type(row[key]) for key in back] for row, back in zip(rows, read, strict=True)
    ]


def test_equal_rows_make_equal_bytes_and_one_line_each(tmp_path):
    rows = [{"clip": "a", "value": 0.5}, {"clip": "b", "value": 2.0}]
    for name in ("first", "second"):
        write_rows(tmp_path, name, rows)
    first, second = ((tmp_path / f"{name}.csv.gz").read_bytes() for name in ("first", "second"))
    assert first == second
    assert gzip.decompress(first).decode() == "clip,value\na,0.5\nb,2.0\n"


def test_figures_have_one_line_per_entry(tmp_path):
    figures = {"command": "c", "settings": {"a": [1, 2], "b": None}, "figures": [{"mean": 0.1}, {"mean": 2}], "empty": []}
    write_figures(tmp_path, figures)
    assert read_figures(tmp_path) == figures
    assert '  {"mean": 0.1},\n  {"mean": 2}\n' in (tmp_path / FIGURES).read_text()


def test_broken_and_missing_rows_are_named(tmp_path):
    with pytest.raises(UserError, match="none.csv.gz: cannot be read"):
        read_rows(tmp_path, "none")
    (tmp_path / "rows.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(UserError, match="rows.csv.gz: cannot be read"):
        read_rows(tmp_path, "rows")


@folders("")
def test_a_stored_table_is_what_its_rows_make(name):
    """Bit for bit for ablations, fine-tunings and learners; the other figures are checked below."""
    record, page = remake(FOLDERS[name])
    assert json.dumps(record) == json.dumps(read_figures(FOLDERS[name]))
    assert "\n".join(page) + "\n" == (FOLDERS[name] / PAGE).read_text()


@pytest.mark.parametrize(
    "name", ["hofs/varied-third-base", "policies/video", "learners/video-dqn-trunk", "accuracy/continued-varied", "throughput"]
)
def test_stored_plots_follow_from_the_rows(name, tmp_path):
    for file in FOLDERS[name].iterdir():
        shutil.copy(file, tmp_path)
    for file in tmp_path.glob("*.png"):
        # A benchmark of speed that did not measure the cost has no plot of it.
        file.write_bytes(b"")
    redraw(tmp_path, read_figures(tmp_path))
    made = {file.name for file in tmp_path.glob("*.png") if file.name not in ("curves.png",)}
    assert made and set(re.findall(r"!\[.*?\]\((.*?)\)", (tmp_path / PAGE).read_text())) <= made
    assert all(cv2.imread(str(tmp_path / file)).std() > 5 for file in made)


@folders("accuracy")
def test_an_accuracy_page_shows_what_its_rows_make(name):
    """At the precision of the page, because the rows are rounded. Jitter needs landmarks, which rows do not hold."""
    rows = read_rows(FOLDERS[name], "rows")
    for figure in read_figures(FOLDERS[name])["figures"]:
        chosen = [row for row in rows if (row["data"], row["mode"]) == (figure["data"], figure["mode"])]
        nme = np.array([row["nme"] for row in chosen])
        clips = list(dict.fromkeys(row["clip"] for row in chosen))
        assert (len(chosen), len(clips)) == (figure["n_faces"], figure["n_clips"])
        low, high = bootstrap_interval(nme, np.array([clips.index(row["clip"]) for row in chosen]), np.random.default_rng(0))
        made = {"nme_mean": nme.mean(), "nme_median": np.median(nme), "low": low, "high": high}
        shown = dict(zip(("low", "high"), figure["nme_ci95"], strict=True)) | figure
        assert {key: f"{value:.2f}" for key, value in made.items()} == {key: f"{shown[key]:.2f}" for key in made}
        made = {"fr_10": 100 * failure_rate(nme / 100, 0.10), "auc_10": 100 * auc(nme / 100, 0.10)}
        assert {key: f"{value:.1f}" for key, value in made.items()} == {key: f"{figure[key]:.1f}" for key in made}


@folders("policies")
def test_a_table_of_policies_shows_what_its_episodes_make(name):
    """At the precision of the page, because the rows are rounded."""
    episodes = read_rows(FOLDERS[name], "episodes")
    of = {row["policy"]: [] for row in episodes}
    for row in episodes:
        of[row["policy"]].append(row)
    nme, returns = (
        {key: np.array([row[field] for row in rows]) for key, rows in of.items()} for field in ("nme_percent", "return")
    )
    clips = [row["clip"] for row in of[REFERENCE]]
    owner = np.array([list(dict.fromkeys(clips)).index(clip) for clip in clips])
    low, high = returns[REFERENCE].mean(), returns[CEILING].mean()
    for figure in read_figures(FOLDERS[name])["policies"]:
        policy = figure["policy"]
        gain = nme[policy] - nme[REFERENCE]
        ends = bootstrap_interval(gain, owner, np.random.default_rng(0))
        made = [nme[policy].mean(), gain.mean(), *ends, optimal_share(returns[policy].mean(), low, high)]
        shown = [figure["nme_mean"], figure["gain"], *figure["gain_ci95"], figure["optimal_share"]]
        assert [f"{value + 0:.2f}" for value in np.round(made, 2)] == [f"{value + 0:.2f}" for value in np.round(shown, 2)]
        assert f"{returns[policy].mean():.3f}" == f"{figure['return_mean']:.3f}"
        assert (len(of[policy]), len(set(clips))) == (figure["episodes"], figure["clips"])
        if "covered" in figure:
            covered = np.concatenate([row["landmarks"] for row in of[policy]])
            shares = np.bincount(covered[covered >= 0], minlength=68) / len(covered)
            assert component_shares(shares, SCHEMES["68"]) == figure["covered"]


def test_what_is_stored_is_small():
    sizes = {str(path): path.stat().st_size for path in RESULTS.rglob("*.json")}
    assert {path: size for path, size in sizes.items() if size > LARGEST} == {}
    assert not list(RESULTS.rglob("*.jsonl"))
    for folder in FOLDERS.values():
        assert {FIGURES, PAGE} <= {file.name for file in folder.iterdir()}


def test_a_page_is_written_beside_figures_and_rows(tmp_path):
    write_results(tmp_path / "new", {"command": "c"}, ["# Title", "text"], rows=[{"a": 1}], episodes=[{"b": 2}])
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [PAGE, "episodes.csv.gz", FIGURES, "rows.csv.gz"]
    assert (tmp_path / "new" / PAGE).read_text() == "# Title\ntext\n"

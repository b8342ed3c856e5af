"""The agents' commands as a user calls them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from benchmarks.comparison.episode import plot_episode
from benchmarks.demo import DemoArgs, demo
from srn_core.errors import UserError

ROOT = Path(__file__).parents[2]


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_train_then_evaluate_then_compare(clip_spec, tiny_checkpoint, tmp_path):
    run = str(tmp_path / "run")
    steps = ["--total-steps", "96", "--num-envs", "8", "--learning-starts", "32", "--eval-episodes", "5"]
    trained = call(
        "agents/dqn.py", "--clips", clip_spec, "--val-clips", clip_spec, "--tracker", tiny_checkpoint, "--run-dir", run, *steps
    )
    assert trained.returncode == 0, trained.stderr
    assert {row["policy"] for row in json.loads((tmp_path / "run/evaluation.json").read_text())["policies"]} >= {run, "optimal"}
    assert list((tmp_path / "run").glob("events.out.tfevents.*"))

    out, video = tmp_path / "evaluation.json", tmp_path / "episode.mp4"
    shared = ["--clips", clip_spec, "--tracker", tiny_checkpoint, "--episodes", "5"]
    evaluated = call("agents/evaluate.py", "--policy", run, *shared, "--optimal", "--json", str(out), "--video", str(video))
    assert evaluated.returncode == 0, evaluated.stderr
    figures = json.loads(out.read_text())
    assert {"policy", "episodes", "return_mean", "nme_mean", "optimal_share", "rows"} <= figures.keys()
    assert figures["optimal_share"] <= 1
    assert sum(row["policy"] == run for row in figures["rows"]) == figures["episodes"] == 5
    assert cv2.VideoCapture(str(video)).get(cv2.CAP_PROP_FRAME_COUNT) == figures["rows"][0]["frames"]

    compared = call(
        "benchmarks/compare_policies.py", "--policies", "static", "greedy", run, "--train-clips", clip_spec, *shared,
        "--seeds", "0", "1", "--out", str(tmp_path),
    )  # fmt: skip
    assert compared.returncode == 0, compared.stderr
    assert "greedy" in compared.stdout
    assert (tmp_path / "policies.png").stat().st_size > 10_000
    assert (tmp_path / "places.png").stat().st_size > 10_000
    rows = json.loads((tmp_path / "figures.json").read_text())["policies"]
    assert [row["policy"] for row in rows] == ["random-walk", "static", "greedy", run]
    assert all(row["episodes"] == 10 for row in rows)


def test_the_output_names_absent_parts_of_the_data(clip_spec, tiny_checkpoint):
    played = ["--clips", f"{clip_spec}?split=test", "--tracker", tiny_checkpoint, "--episodes", "2"]
    shown = call("agents/evaluate.py", "--policy", "static", *played).stdout
    assert "no clip of category 2 is present" in shown and "category 1" not in shown


def test_bad_input_ends_with_one_line_and_status_2(clip_spec, tiny_checkpoint, tmp_path):
    for arguments, word in (
        (["agents/evaluate.py", "--policy", "clever", "--clips", clip_spec, "--tracker", tiny_checkpoint], "clever"),
        (["agents/evaluate.py", "--policy", "static", "--clips", "films:x"], "films"),
        (
            ["agents/dqn.py", "--clips", clip_spec, "--tracker", str(tmp_path / "none"), "--run-dir", str(tmp_path / "r")],
            "none",
        ),
        (["agents/dqn.py", "--val-clips", "300vw:/no/such", "--run-dir", str(tmp_path / "r")], "/no/such"),
        (["agents/evaluate.py", "--policy", "static", "--video", "film.avi"], "film.avi"),
        (["agents/evaluate.py", "--policy", "static", "--seed", "-1"], "--seed -1"),
        (["benchmarks/compare_policies.py", "--seeds", "0", "-2"], "--seeds -2"),
        (["benchmarks/tune.py", "--train-seeds", "-1"], "--train-seeds -1"),
        (["benchmarks/demo.py", "--episodes", "0"], "--episodes 0"),
    ):
        failed = call(*arguments)
        assert failed.returncode == 2
        assert word in failed.stderr
        assert len(failed.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "r").exists()


def test_no_share_of_the_optimum_where_the_occluder_changes_nothing(clip_spec, tmp_path):
    out = tmp_path / "figures.json"
    shared = ["--clips", clip_spec, "--tracker", "constant", "--episodes", "3"]
    evaluated = call("agents/evaluate.py", "--policy", "static", "--optimal", "--json", str(out), *shared)
    assert evaluated.returncode == 0, evaluated.stderr
    assert json.loads(out.read_text())["optimal_share"] is None


def test_the_demo_shows_simple_players_first_and_trains(clip_spec, tiny_checkpoint, tmp_path, capsys, monkeypatch):
    shown = []
    monkeypatch.setattr(
        "benchmarks.demo.plot_episode", lambda *given: (shown.append((tmp_path / "dqn").exists()), plot_episode(*given))
    )
    demo(DemoArgs(out=tmp_path, clips=clip_spec, train_clips=clip_spec, tracker=tiny_checkpoint, episodes=4, total_steps=64))
    printed = capsys.readouterr().out
    order = [printed.index(words) for words in ("1/4", "random-jump", "2/4", "3/4", "optimal", "4/4", "done in")]
    assert order == sorted(order) and shown == [False, True]
    assert cv2.imread(str(tmp_path / "episode.png")).std() > 10
    assert {path.name for path in tmp_path.iterdir()} >= {"README.md", "policies.png", "places.png", "episode.mp4", "dqn"}


def test_the_demo_does_not_delete_a_folder_that_it_did_not_make(tmp_path):
    (tmp_path / "dqn").mkdir()
    (tmp_path / "dqn" / "mine").write_text("")
    with pytest.raises(UserError, match="is not a demo's"):
        demo(DemoArgs(out=tmp_path))
    assert (tmp_path / "dqn" / "mine").is_file()


def test_several_data_specs_are_played_as_one_set(clip_spec, tiny_checkpoint, tmp_path):
    run, out = str(tmp_path / "run"), tmp_path / "evaluation.json"
    clips = ["--clips", f"{clip_spec}?limit=2", "--clips", f"{clip_spec}?split=test"]
    steps = ["--total-steps", "32", "--num-envs", "4", "--learning-starts", "16", "--eval-episodes", "0"]
    trained = call("agents/dqn.py", *clips, "--tracker", tiny_checkpoint, "--run-dir", run, *steps)
    assert trained.returncode == 0, trained.stderr
    played = ["--tracker", tiny_checkpoint, "--episodes", "3", "--json", str(out)]
    evaluated = call("agents/evaluate.py", "--policy", run, *clips, *played)
    assert evaluated.returncode == 0, evaluated.stderr
    found = json.loads(out.read_text())
    assert found["clips"] == clips[1::2]
    assert [row["clip"] for row in found["rows"]] == ["001", "002", "124"]

"""Each kind of run in a page: its command, its versions, its tables, its curves."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import tyro

import benchmarks.report
from agents.finetune import finetune
from agents.hardening.args import FinetuneArgs
from benchmarks.compare_policies import compare
from benchmarks.comparison.args import CompareArgs
from benchmarks.reporting.runs import records_table
from srn_core.cli.main import main as srn
from srn_core.training.args import TrainArgs
from srn_core.training.train import train
from srn_core.versions import versions
from tests.support.browser import data_of
from tests.support.training import small_args

Sections = dict[str, dict[str, Any]]


def call(main, *words: object) -> None:
    before, sys.argv = sys.argv, ["command", *map(str, words)]
    try:
        main()
    finally:
        sys.argv = before


def sections_of(*runs: Path, out: Path, episodes: int = 0) -> Sections:
    """The sections of the page of some runs, by title."""
    call(benchmarks.report.main, *runs, "--episodes", episodes, "--device", "cpu", "--out", out / "page.html")
    page = data_of((out / "page.html").read_text(encoding="utf-8"))
    return {section["title"]: section for section in page["sections"]}


def facts_of(sections: Sections, name: str) -> dict[str, str]:
    return dict(sections[f"{name}: What was run"]["rows"])


def check_versions(facts: dict[str, str]) -> None:
    assert facts["versions"] == ", ".join(f"{name} {version}" for name, version in versions().items())
    assert all(name in facts["versions"] for name in ("Python", "srn-occlusion", "torch", "gymnasium"))


def curves_of(sections: Sections) -> set[str]:
    assert all(any(len(line["x"]) > 1 for line in panel["lines"]) for panel in sections["Training"]["panels"])
    return {panel["title"] for panel in sections["Training"]["panels"]}


@pytest.mark.slow
def test_a_run_of_sb3(clip_spec, tiny_checkpoint, tmp_path):
    pytest.importorskip("stable_baselines3")
    import agents.sb3

    played = ["--clips", clip_spec, "--val-clips", clip_spec, "--tracker", tiny_checkpoint, "--device", "cpu"]
    words = [
        "--algo",
        "dqn",
        *played,
        "--total-steps",
        256,
        "--num-envs",
        8,
        "--eval-episodes",
        2,
        "--run-dir",
        tmp_path / "run",
    ]
    call(agents.sb3.main, *words)
    sections = sections_of(tmp_path / "run", out=tmp_path, episodes=1)
    facts = facts_of(sections, "run")
    check_versions(facts)
    assert set(map(str, words)) <= {*shlex.split(facts["command"]), "cpu", "--device"}
    assert facts["env steps"] == "256" and facts["tracker"] == tiny_checkpoint
    players = [row[0] for row in sections["run: Players"]["rows"]]
    assert str(tmp_path / "run") in players and "optimal" in players
    assert {"rollout/ep_rew_mean", "time/fps"} <= curves_of(sections)
    (player,) = (section for section in sections.values() if section["kind"] == "player")
    assert player["episodes"][0]["policies"][0]["name"] == "run"


@pytest.mark.slow
def test_a_run_of_finetune(clip_spec, tiny_checkpoint, tmp_path):
    args = FinetuneArgs(
        policy="greedy", out=tmp_path / "run", clips=(clip_spec,), val=(clip_spec,), tracker=tiny_checkpoint, steps=6, batch=8,
        sequence=2, refresh=2, val_every=3, rounds=2, device="cpu",
    )  # fmt: skip
    finetune(args)
    sections = sections_of(tmp_path / "run", out=tmp_path)
    facts = facts_of(sections, "run")
    check_versions(facts)
    assert tyro.cli(FinetuneArgs, args=shlex.split(facts["command"])[2:]) == args
    assert sections["run: Validation, the weights that were kept"]["rows"][0][0] == clip_spec
    card = json.loads((tmp_path / "run/card.json").read_text())
    assert float(facts["covered_percent"]) == pytest.approx(card["covered_percent"], rel=1e-3) and card["covered_percent"] > 0
    assert "train/loss" in curves_of(sections)
    lines = {line["name"] for panel in sections["Training"]["panels"] for line in panel["lines"]}
    assert {name.split(", ")[-1] for name in lines} == {"round-1", "round-2"}


def test_a_comparison_of_policies(clip_spec, tiny_checkpoint, tmp_path):
    args = CompareArgs(
        clips=clip_spec, train_clips=clip_spec, tracker=tiny_checkpoint, policies=("greedy", "static"), seeds=(0,), episodes=3,
        out=tmp_path / "run", device="cpu",
    )  # fmt: skip
    compare(args)
    sections = sections_of(tmp_path / "run", out=tmp_path, episodes=1)
    facts = facts_of(sections, "run")
    check_versions(facts)
    assert tyro.cli(CompareArgs, args=shlex.split(facts["command"])[2:]) == args
    rows = {row[0]: row for row in sections["run: Players"]["rows"]}
    assert list(rows) == ["random-walk", "greedy", "static"]
    assert rows["greedy"][6].startswith("[") and rows["greedy"][2] == "3"
    (player,) = (section for section in sections.values() if section["kind"] == "player")
    assert [policy["name"] for policy in player["episodes"][0]["policies"]] == ["greedy", "static", "random-walk", "optimal"]


def test_a_training_of_a_tracker(clip_spec, tiny_checkpoint, tmp_path):
    args = small_args(clip_spec, tiny_checkpoint, tmp_path / "run")
    train(args)
    sections = sections_of(tmp_path / "run", out=tmp_path)
    facts = facts_of(sections, "run")
    check_versions(facts)
    assert tyro.cli(TrainArgs, args=shlex.split(facts["command"])[2:]) == args
    ((spec, error),) = sections["run: Validation, the weights that were kept"]["rows"]
    assert spec == clip_spec and error.endswith(" %") and float(error[:-2]) > 0
    assert "train/loss" in curves_of(sections)
    # Earlier versions stored no versions.
    card = json.loads((tmp_path / "run/card.json").read_text())
    (tmp_path / "run/card.json").write_text(json.dumps({key: value for key, value in card.items() if key != "versions"}))
    assert facts_of(sections_of(tmp_path / "run", out=tmp_path), "run")["versions"] == "not recorded"


def test_an_evaluation_of_a_tracker(clip_spec, tiny_checkpoint, tmp_path, monkeypatch):
    words = ["--checkpoint", tiny_checkpoint, "--data", clip_spec, "--json", str(tmp_path / "errors.json"), "--device", "cpu"]
    call(srn, "evaluate", *words)
    sections = sections_of(tmp_path / "errors.json", out=tmp_path)
    facts = facts_of(sections, "errors.json")
    check_versions(facts)
    assert shlex.split(facts["command"]) == ["srn", "evaluate", *words]
    rows = dict(sections["errors.json: Errors, percent"]["rows"])
    assert float(rows["nme mean"]) > 0 and float(rows["n faces"]) > 1
    assert len(sections["errors.json: Components, NME in %"]["rows"]) == 6


def test_many_records_are_lines_and_nested_ones_are_left_out():
    few = [{"arm": "a", "mean": 1.23456, "vs": None}, {"arm": "b", "mean": 2.0, "vs": {"mean": 1.0}}]
    shown = records_table("some_figures", few)
    assert (shown["title"], shown["head"], shown["rows"]) == ("some figures", ["arm", "a", "b"], [["mean", "1.235", "2"]])
    many = [{"arm": str(i), "mean": float(i), "seeds": [0, i]} for i in range(9)]
    shown = records_table("figures", many)
    assert shown["head"] == ["arm", "mean", "seeds"] and shown["rows"][8] == ["8", "8", "0, 8"]

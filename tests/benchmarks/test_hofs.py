"""The fine-tuning benchmark from end to end on tiny clips, and its figures."""

import dataclasses
import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import tyro

from agents.hardening import setup as hardening_setup
from agents.hardening.args import FinetuneArgs
from benchmarks import hofs as hofs_module
from benchmarks.common.results import read_figures, read_rows
from benchmarks.hofs import base_tracker, hofs
from benchmarks.synthesis import jobs as jobs_module
from benchmarks.synthesis.args import HofsArgs
from benchmarks.synthesis.measure import SETS
from benchmarks.synthesis.report import arms_page, comparable, summarise_arms
from srn_core.checkpoints import load_card
from srn_core.errors import UserError
from srn_core.io.tensors import load_tensors
from srn_core.training.args import TrainArgs


def tiny_args(clip_spec: str, base: str | None, out: Path, **changes) -> HofsArgs:
    options = {"arms": ("none", "rsf", "hofs"), "seeds": (0,), "steps": 2, "batch": 8, "val_every": 2, "episodes": 1}
    options |= {"base_steps": 2, "dqn_steps": 64, "device": "cpu"}
    spec = (f"{clip_spec}?limit=3",)
    return HofsArgs(clips=spec, test=spec, base=base, out=out, **{**options, **changes})


def test_arms_are_measured_once_and_reported(clip_spec, tiny_checkpoint, tmp_path, capsys, monkeypatch):
    args = tiny_args(clip_spec, tiny_checkpoint, tmp_path)
    figures = hofs(args)
    assert [(row["set"], row["arm"]) for row in figures] == [(name, arm) for name in SETS for arm in args.arms]
    assert "worst case" in (tmp_path / "square/README.md").read_text() and "Seeds 0" in capsys.readouterr().out
    folder = tmp_path / "square"
    assert (folder / "arms.png").stat().st_size > 10_000
    written = read_figures(folder)
    [command] = written["commands"]
    assert tyro.cli(HofsArgs, args=shlex.split(command)[2:]) == dataclasses.replace(
        args, dqn_clips=args.clips, val=args.clips, covered=args.test, video=args.test, device="auto"
    )
    assert list((folder / "seed-0/hofs/round-1").glob("events.out.tfevents.*"))
    rows = read_rows(folder, "rows")
    assert len({(r["arm"], r["seed"], r["set"], r["clip"]) for r in rows}) == len(rows) == len(args.arms) * len(SETS) * 3
    assert load_card(folder / "seed-0/hofs")["finetuning"]["policy"] == str(tmp_path / "dqn/seed-0")
    worst, random = ([r["value"] for r in rows if r["set"] == name] for name in ("worst", "random"))
    assert np.mean(worst) >= np.mean(random)

    done = []
    once = jobs_module.finetune
    monkeypatch.setattr(jobs_module, "finetune", lambda asked: done.append(asked.seed) or once(asked))
    more = dataclasses.replace(args, arms=("none", "rsf"), seeds=(0, 1))
    hofs(more)
    assert done == [1, 1]
    # A later call's table also shows what an earlier call has finished.
    written = read_figures(folder)
    found = [(row["arm"], row["seeds"]) for row in written["figures"] if row["set"] == "worst"]
    assert found == [("none", [0, 1]), ("rsf", [0, 1]), ("none", [0]), ("rsf", [0]), ("hofs", [0])]
    assert (folder / "README.md").read_text().count("## Seeds") == 2
    assert [words[words.index("--arms") + 1 :][:2] for words in map(shlex.split, written["commands"])] == [
        ["none", "rsf"], ["hofs", "--seeds"],
    ]  # fmt: skip
    with pytest.raises(UserError, match=r"other settings \(steps\)"):
        hofs(dataclasses.replace(args, steps=3))


def test_the_base_is_trained_once_without_occluders_by_the_stated_command(clip_spec, tmp_path, monkeypatch):
    args = dataclasses.replace(tiny_args(clip_spec, None, tmp_path), val=(f"{clip_spec}?limit=3",))
    base, command = base_tracker(args)
    assert load_card(base)["arguments"]["occlusion"] == "none"
    words = shlex.split(command)
    assert words[:2] == ["srn", "train"]
    parsed = tyro.cli(TrainArgs, args=words[2:])
    assert (parsed.data, parsed.occlusion, parsed.steps, str(parsed.out)) == (args.clips, "none", 2, base)
    monkeypatch.setattr(hofs_module, "train", None)
    assert base_tracker(args) == (base, command)


def test_masked_clips_and_empty_lists_are_refused(clip_spec, tiny_checkpoint, tmp_path):
    args = tiny_args(clip_spec, tiny_checkpoint, tmp_path)
    with pytest.raises(UserError, match="masked faces are for evaluation"):
        hofs(dataclasses.replace(args, clips=(f"{clip_spec}?masked=1",)))
    with pytest.raises(UserError, match="with and without masks"):
        hofs(dataclasses.replace(args, test=(f"{clip_spec}?masked=1",)))
    with pytest.raises(UserError, match="none given"):
        hofs(dataclasses.replace(args, seeds=()))


def test_what_cannot_be_used_is_refused_before_a_base_is_trained(clip_spec, tmp_path, monkeypatch):
    args = tiny_args(clip_spec, None, tmp_path)
    monkeypatch.setattr(hofs_module, "train", None)
    for name, value in (("episodes", 0), ("lr", 0.0), ("occluded_share", 2.0), ("dqn_steps", 0), ("seeds", (0, -1))):
        with pytest.raises(UserError, match=f"--{name.replace('_', '-')} .*expected"):
            hofs(dataclasses.replace(args, **{name: value}))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no clips"):
        hofs(dataclasses.replace(args, covered=(f"300vw:{tmp_path / 'empty'}",)))
    with pytest.raises(UserError, match="--batch 7: expected a multiple of 4"):
        hofs(dataclasses.replace(args, batch=7))
    (tmp_path / "row.json").write_text("[]")
    (tmp_path / "settings.json").write_text(json.dumps({"steps": 77, "base_key": "of another base"}))
    with pytest.raises(UserError, match=r"other settings \(.*steps"):
        hofs(args)


def test_the_arm_without_occluders_is_the_same_for_both_tables(clip_spec, tiny_checkpoint, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(jobs_module, "finetune", lambda args: asked.append(args) or (_ for _ in ()).throw(KeyboardInterrupt))
    for occluder in ("square", "varied"):
        with pytest.raises(KeyboardInterrupt):
            hofs(tiny_args(clip_spec, tiny_checkpoint, tmp_path, arms=("none",), occluder=occluder))
    assert asked[0] == asked[1]


def test_rounds_take_turns_within_the_steps_of_the_others(clip_spec, tiny_checkpoint, tmp_path, monkeypatch):
    """Two halves of the steps, each with a DQN trained against the tracker as it is then."""
    victims = []
    once = hardening_setup.trained_dqn
    monkeypatch.setattr(hardening_setup, "trained_dqn", lambda dqn, store: victims.append(dqn.tracker) or once(dqn, store))
    hofs(tiny_args(clip_spec, tiny_checkpoint, tmp_path, arms=("none", "rounds"), steps=4))
    folder = tmp_path / "square/seed-0/rounds"
    assert victims == [tiny_checkpoint, str(folder / "round-1")]
    card = load_card(folder)
    assert (card["rounds"], card["finetuning"]["steps"]) == (2, 2)
    # Optimiser states, the rounds' trackers and the replay are deleted: nothing resumes from them.
    assert not list(folder.glob("round-*/**/*.safetensors")) and list(folder.glob("round-2/events.out.tfevents.*"))
    with pytest.raises(UserError, match="at least 2"):
        hofs(tiny_args(clip_spec, tiny_checkpoint, tmp_path, arms=("rounds",), steps=1))


@pytest.mark.slow
def test_a_module_of_ones_own_goes_through_the_same_arms(clip_spec, tmp_path, monkeypatch):
    model, clips = "tests.support.own_modules:tiny", (f"{clip_spec}?limit=2", "demo?split=train&limit=1&frames=2")
    args = tiny_args(clip_spec, None, tmp_path, model=model, arms=("base", "none", "rsf", "hofs"), seeds=(0, 1), steps=2)
    args = dataclasses.replace(args, clips=clips, val=clips)
    figures = hofs(args)
    assert [(row["set"], row["arm"]) for row in figures] == [(name, arm) for name in SETS for arm in args.arms]
    rows = read_rows(tmp_path / "square", "rows")
    first, second = ([{**row, "seed": 0} for row in rows if (row["arm"], row["seed"]) == ("base", seed)] for seed in (0, 1))
    assert first == second and {row["occluder"] for row in first} == {"none"}
    before, after = ([row["value"] for row in rows if row["arm"] == arm and row["seed"] == 0] for arm in ("base", "rsf"))
    assert before != after
    assert load_tensors(tmp_path / "dqn/seed-0/policy.safetensors")[1]["arguments"]["clips"] == list(clips)
    record = read_figures(tmp_path / "square")
    trained = tyro.cli(FinetuneArgs, args=shlex.split(record["base"])[2:])
    assert (trained.tracker, trained.policy, trained.steps, trained.sequence, trained.clips) == (model, "none", 2, 1, clips)
    assert f"`{model}`, trained from random weights" in " ".join((tmp_path / "square/README.md").read_text().split())
    monkeypatch.setattr(hofs_module, "finetune", None)
    assert base_tracker(args) == (f"{model}?weights={trained.out}", record["base"])
    for changes in ({"base": "srn-small"}, {"model": "srn-small"}):
        with pytest.raises(UserError, match="--model .*: expected MODULE:FUNCTION, without --base"):
            hofs(dataclasses.replace(args, **changes))


def table_lines(parts: list[list[dict]]) -> list[str]:
    record = {"title": "t", "base": "b", "commands": ["c"], "figures": [figure for part in parts for figure in part]}
    return [line for line in arms_page(record) if line.startswith("|")]


def test_differences_are_paired_by_clip_and_seed():
    """Clips differ by far more than arms do: only pairing shows that rsf is better by 1 everywhere."""
    level = {"a": 10.0, "b": 50.0, "c": 90.0}
    rows = [
        {"arm": arm, "seed": seed, "set": "clean", "data": "d", "clip": clip, "value": value + seed - better}
        for arm, better in (("none", 0), ("rsf", 1))
        for seed in range(5)
        for clip, value in level.items()
    ]
    none, rsf = summarise_arms(rows)
    other = [{**row, "data": "e", "value": 1.0} for row in rows]
    assert summarise_arms([*rows, *other])[:2] == [none, rsf]
    assert (none["mean"], rsf["mean"]) == pytest.approx((52, 51))
    assert none["vs_none"] is None
    assert rsf["vs_none"]["ci95"] == pytest.approx([-1, -1])
    assert rsf["vs_none"]["relative"] == pytest.approx(-100 / 52)
    assert none["vs_rsf"]["mean"] == pytest.approx(1)
    hard = summarise_arms(
        [*rows, *({**row, "arm": "hofs", "value": 0.9 * row["value"]} for row in rows if row["arm"] == "rsf")]
    )
    line = table_lines([hard])[-1]
    assert line.startswith("| NME, clean, d | 3 | 52.00 | 51.00 | 45.90 | -11.7 [") and " | -10.0 [" in line
    few = summarise_arms([row for row in rows if row["seed"] < 4])
    assert few[1]["vs_none"]["ci95"] is None and "[" not in table_lines([few])[-1]


def test_arms_are_compared_on_the_seeds_that_they_share():
    rows = [
        {"arm": arm, "seed": seed, "set": "clean", "data": "d", "clip": "a", "value": 10.0 * seed + 5 + better}
        for arm, seeds, better in (("none", (0, 1, 2, 3), 0), ("hofs", (0, 1, 2), -1), ("greedy", (0,), -2), ("rsf", (5,), 0))
        for seed in seeds
    ]
    # Many arms with one seed must not hide that others have more.
    rows += [{**row, "arm": arm} for row in rows if row["arm"] == "greedy" for arm in ("prior", "mixed", "rounds", "optimal")]
    parts = [summarise_arms(part) for part in comparable(rows)]
    alone = [(arm, 3) for arm in ("greedy", "prior", "mixed", "rounds", "optimal")]
    assert [[(row["arm"], row["mean"]) for row in part] for part in parts] == [
        [("none", 15), ("hofs", 14)], [("none", 5), ("hofs", 4), *alone], [("rsf", 55)],
    ]  # fmt: skip
    assert parts[1][2]["vs_none"]["mean"] == -2 and parts[1][2]["vs_rsf"] is None
    # One clip does not show how much another would differ.
    assert parts[1][2]["vs_none"]["ci95"] is None and "[" not in "".join(table_lines(parts))

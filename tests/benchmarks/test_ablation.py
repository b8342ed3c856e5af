"""The ablation from end to end on tiny networks and clips, and its figures."""

import dataclasses
import shlex
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import tyro

from benchmarks.ablation import ablation
from benchmarks.common.clip_nme import clip_means
from benchmarks.common.commands import option_words
from benchmarks.common.results import read_figures, read_rows
from benchmarks.common.settings import check_settings
from benchmarks.common.stats import paired_difference
from benchmarks.variants import jobs as jobs_module
from benchmarks.variants.args import AblationArgs, Variant
from benchmarks.variants.jobs import variant_parameters, variant_training
from benchmarks.variants.report import summarise_variants
from srn_core.checkpoints import load_pretrained
from srn_core.data import load_clips
from srn_core.errors import UserError
from srn_core.evaluation.evaluate import evaluate
from srn_core.tracking.tracker import Tracker
from srn_core.training import train as train_module
from srn_core.training.args import TrainArgs
from srn_core.training.state import STATE
from tests.support.faces import TINY, stopped_at_its_first_save

OVERRIDES = (
    *(f"{key}={getattr(TINY, key)}" for key in ("image_size", "patch_size", "steps", "memory_dim", "map_dim", "group_dim")),
    "trunk=3x4,3x8",
    "hourglass_width=16",
)
SOME = ("full", "maps=off", "initial_shape=hourglass")


def tiny_args(clip_spec: str, out: Path, **changes: object) -> AblationArgs:
    options = {"variants": SOME, "seeds": (0, 1), "steps": 2, "batch": 8, "save_every": 1, "device": "cpu"}
    spec = (f"{clip_spec}?limit=3",)
    options |= {"data": spec, "test": spec, "config_override": OVERRIDES, "out": out}
    return AblationArgs(**{**options, **changes})


def test_variants_are_trained_once_measured_and_reported(clip_spec, tmp_path, capsys, monkeypatch):
    args = tiny_args(clip_spec, tmp_path)
    figures = ablation(args)
    assert [(row["set"], row["variant"]) for row in figures] == [(name, v) for name in ("clean", "masked") for v in SOME]
    assert "Ablation: small, 2 steps" in capsys.readouterr().out
    assert (tmp_path / "variants.png").stat().st_size > 10_000
    rows = read_rows(tmp_path, "rows")
    assert read_figures(tmp_path)["figures"] == figures
    assert "| `maps=off` |" in (tmp_path / "README.md").read_text()
    assert len({(r["variant"], r["seed"], r["set"], r["clip"]) for r in rows}) == len(rows) == len(SOME) * 2 * 2 * 3
    assert not list(tmp_path.rglob(STATE))

    for row in figures:
        chosen = [r for r in rows if (r["set"], r["variant"]) == (row["set"], row["variant"])]
        full = {(r["seed"], r["clip"]): r["value"] for r in rows if (r["set"], r["variant"]) == (row["set"], "full")}
        assert row["mean"] == pytest.approx(np.mean([r["value"] for r in chosen]))
        assert row["parameters"] == variant_parameters(args, row["variant"])
        if row["variant"] == "full":
            assert row["vs_full"] is None
            continue
        changes = [r["value"] - full[r["seed"], r["clip"]] for r in chosen]
        assert row["vs_full"]["mean"] == pytest.approx(np.mean(changes))
        # Two seeds are too few for an interval.
        assert row["vs_full"]["ci95"] is None

    monkeypatch.setattr(jobs_module, "train", None)
    assert ablation(dataclasses.replace(args, variants=SOME[:2])) == [r for r in figures if r["variant"] in SOME[:2]]
    with pytest.raises(UserError, match=r"other settings \(steps\)"):
        ablation(dataclasses.replace(args, steps=3))


def test_rows_are_what_evaluation_says_of_the_saved_tracker(clip_spec, tmp_path):
    args = tiny_args(clip_spec, tmp_path, variants=("memory=off",), seeds=(3,))
    figures = ablation(args)
    model = load_pretrained(tmp_path / "memory=off" / "seed-3")
    assert model.config == TINY.override(["memory=off", "hourglass_width=16"])
    for row, more in zip(figures, ("", "&masked=1"), strict=True):
        found = evaluate(Tracker(model, "cpu"), load_clips(args.test[0] + more))
        by_clip = [found.nme[found.clip_index == i].mean() for i in range(3)]
        assert row["mean"] == pytest.approx(100 * np.mean(by_clip), abs=1e-4)
        assert row["vs_full"] is None


def test_with_the_memory_running_videos_have_a_jitter(clip_spec, tmp_path):
    clips = (f"{clip_spec}?limit=4",)
    args = tiny_args(clip_spec, tmp_path, variants=("full", "start=previous"), seeds=(0,), mode="track", test=clips)
    figures = {(row["set"], row["variant"]): row["mean"] for row in ablation(args)}
    assert {name for name, _ in figures} == {"clean", "masked", "jitter"}
    for variant, start in (("full", "mean"), ("start=previous", "previous")):
        tracker = Tracker(load_pretrained(tmp_path / variant / "seed-0"), "cpu")
        found = evaluate(tracker, load_clips(args.test[0]), "track", start=start)
        assert figures["clean", variant] == pytest.approx(100 * clip_means(found).mean(), abs=1e-4)
        shaking = [steps.mean() for steps in found.clip_jitter() if len(steps)]
        assert 0 < len(shaking) < len(found.clip_set.clips)  # one of them is a still
        assert figures["jitter", variant] == pytest.approx(100 * np.mean(shaking), abs=1e-4)
    with pytest.raises(UserError, match="start=previous.*use --mode track"):
        ablation(dataclasses.replace(args, mode="detect"))


def test_a_training_that_was_stopped_goes_on(clip_spec, tmp_path, monkeypatch):
    args = tiny_args(clip_spec, tmp_path / "parts", variants=("full",), seeds=(0,))
    with stopped_at_its_first_save(monkeypatch):
        ablation(args)
    steps = []
    update = train_module.TrainingRun.update
    monkeypatch.setattr(train_module.TrainingRun, "update", lambda self, step: steps.append(step) or update(self, step))
    parts = ablation(args)
    assert steps == [1]
    assert parts == ablation(dataclasses.replace(args, out=tmp_path / "whole"))


def test_commands_are_those_that_were_run(clip_spec, tmp_path):
    args = tiny_args(clip_spec, tmp_path, variants=("full", "relation=off"), seeds=(1,))
    ablation(args)
    record = read_figures(tmp_path)
    words = shlex.split(record["command"])
    assert words[:2] == ["python", "benchmarks/ablation.py"]
    assert tyro.cli(AblationArgs, args=words[2:]) == dataclasses.replace(args, device="auto")
    for variant in args.variants:
        words = shlex.split(record["trainings"][variant])
        expected = dataclasses.replace(variant_training(args, variant, 1), device="auto")
        assert words[:2] == ["srn", "train"] and tyro.cli(TrainArgs, args=words[2:]) == expected


def test_every_variant_is_another_network_and_defaults_are_left_out_of_commands():
    args = AblationArgs(variants=get_args(Variant))
    trainings = [dataclasses.replace(variant_training(args, variant, 0), out=Path()) for variant in args.variants]
    same = {"occlusion=varied", "loss=l2"}  # what full has
    assert len(set(trainings)) == len(args.variants) == 33 and not same & set(args.variants)
    assert all(variant_parameters(args, variant) > 0 for variant in args.variants)
    assert option_words(AblationArgs()) == []


def test_masked_clips_and_empty_lists_are_refused(clip_spec, tmp_path):
    args = tiny_args(clip_spec, tmp_path)
    with pytest.raises(UserError, match="masked faces are for evaluation"):
        ablation(dataclasses.replace(args, data=(f"{clip_spec}?masked=1",)))
    with pytest.raises(UserError, match="with and without masks"):
        ablation(dataclasses.replace(args, test=(f"{clip_spec}?masked=1",)))
    with pytest.raises(UserError, match="none given"):
        ablation(dataclasses.replace(args, variants=()))


def test_differences_are_paired_by_seed_and_clip():
    """Seeds and clips differ by far more than variants do: only pairing shows that one is worse by 1 everywhere."""
    level = {"a": 10.0, "b": 50.0, "c": 90.0}
    rows = [
        {"variant": variant, "seed": seed, "set": "clean", "data": "d", "clip": clip, "value": value + 5 * seed + worse}
        for variant, worse in (("full", 0), ("maps=off", 1))
        for seed in (4, 3, 2, 1, 0)
        for clip, value in level.items()
    ]
    full, off = summarise_variants(rows, {"full": 2, "maps=off": 1})
    assert (full["mean"], off["mean"], off["parameters"]) == pytest.approx((60, 61, 1))
    assert off["vs_full"]["ci95"] == pytest.approx([1, 1])
    assert off["vs_full"]["relative"] == pytest.approx(100 / 60)
    assert (off["n_seeds"], off["n_clips"]) == (5, 3)


def test_the_interval_covers_seeds_and_clips():
    """The same spread, once between seeds and once between clips, is seen either way; both together are wider."""
    zero = np.zeros((6, 6))
    spread = np.broadcast_to(np.arange(6.0), (6, 6))

    def width(values: np.ndarray) -> float:
        low, high = paired_difference(values + 1, zero + 1)["ci95"]
        return high - low

    by_clip, by_seed, by_both = width(spread), width(spread.T), width(spread + spread.T)
    assert by_clip == pytest.approx(by_seed, rel=0.1) and by_clip > 2
    assert by_both == pytest.approx(2**0.5 * by_clip, rel=0.15)


def test_settings_of_a_call_that_made_nothing_may_be_changed(tmp_path):
    check_settings(tmp_path, {"steps": 0})
    check_settings(tmp_path, {"steps": 1})
    (tmp_path / "rows.json").write_text("[]")
    check_settings(tmp_path, {"steps": 1})
    with pytest.raises(UserError, match=r"other settings \(steps\)"):
        check_settings(tmp_path, {"steps": 2})

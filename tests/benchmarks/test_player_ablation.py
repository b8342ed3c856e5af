"""The ablation of players: which factor makes them better on strangers."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from benchmarks.common.results import read_figures, read_rows
from benchmarks.common.stats import score_table
from benchmarks.player_ablation import FACTORS, PlayerAblationArgs, ablate, ablation_figures, ablation_page
from srn_core.cli.options import read_options
from tests.support.faces import write_checkpoint

SMALL = "num_envs=4,learning_starts=16,batch_size=8,capacity=64"


def made_up_rows(seeds: int) -> list[dict]:
    """Rows of arms in which many people raise the NME by 0.5 points, an unmet victim by 0.2, and the view by nothing."""
    rows = []
    for people, victim in product(FACTORS["people"], FACTORS["victim"]):
        nme = 5 + 0.5 * (people == "many") + 0.2 * (victim == "unmet")
        policies = {"random-walk": (None, 4.0), "optimal": (None, 8.0), "prior": (None, 5.0)}
        policies |= {f"dqn:view={view}": (range(seeds), nme) for view in FACTORS["view"]}
        for name, (runs, value) in policies.items():
            for seed, split, clip in product([None] if runs is None else runs, ("held-out", "train"), ("a", "b", "c")):
                row = {"people": people, "victim": victim, "policy": name, "seed": seed, "split": split, "clip": clip}
                rows.append(row | {"return": value, "nme_percent": value})
    return rows


def test_a_factor_gains_what_it_changes_while_the_others_stay():
    found = ablation_figures(made_up_rows(5))
    gains = {row["factor"]: row["gain"] for row in found["factors"]}
    assert gains == pytest.approx({"people": 0.5, "victim": 0.2, "view": 0})
    assert all(row["ci95"] is not None for row in found["factors"])
    best = max(found["arms"], key=lambda row: row["share_iqm"])
    assert (best["people"], best["victim"], best["share_iqm"]) == ("many", "unmet", pytest.approx((5.7 - 4) / 4))
    assert all(row["ci95"] is None for row in ablation_figures(made_up_rows(2))["factors"])


def test_clips_of_one_person_count_once():
    rows = [{"seed": 0, "clip": clip, "person": person, "value": value} for clip, person, value in [
        ("1", "anna", 1.0), ("2", "anna", 3.0), ("3", "ben", 5.0)]]  # fmt: skip
    np.testing.assert_array_equal(score_table(rows), [[2, 5]])
    del rows[2]["person"]
    np.testing.assert_array_equal(score_table(rows), [[5, 2]])


def test_clips_that_are_given_replace_the_default_ones(monkeypatch):
    monkeypatch.setattr("sys.argv", ["player_ablation.py", "--clips", "300vw:a", "--clips", "300vw:b"])
    args = read_options(PlayerAblationArgs, "")
    assert args.clips == ("300vw:a", "300vw:b") and args.few == "demo?split=train&limit=2"


def test_all_arms_are_trained_measured_and_reported(clip_spec, tiny_checkpoint, tmp_path):
    args = PlayerAblationArgs(
        few=f"{clip_spec}?limit=2", many=(f"{clip_spec}?limit=3",), clips=f"{clip_spec}?split=test", tracker=tiny_checkpoint,
        unmet=write_checkpoint(tmp_path / "unmet", seed=5), train_seeds=(0,), total_steps=32, options=SMALL, device="cpu",
        out=tmp_path / "out",
    )  # fmt: skip
    record = ablate(args)
    arms = {(row["people"], row["victim"], row["view"]) for row in record["arms"]}
    assert arms == set(product(FACTORS["people"], FACTORS["victim"], (*FACTORS["view"], "prior")))
    assert read_figures(args.out)["factors"] == record["factors"]
    assert "| many | unmet | change | 1 |" in "\n".join(ablation_page(record))
    trained_on = {row["clip"] for row in read_rows(args.out, "rows") if row["split"] == "train"}
    assert len(trained_on) == 2

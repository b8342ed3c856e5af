"""Players that are measured on the people of the folds that they were not trained on."""

from __future__ import annotations

import pytest

from benchmarks.common.results import read_figures, read_rows
from benchmarks.comparison.cross_validate import CrossValidateArgs, cross_validate
from benchmarks.remake import remake
from srn_core.data import load_clips
from srn_core.data.splits import fold_of
from srn_core.errors import UserError

LEARNER = "dqn:num_envs=4,learning_starts=16,batch_size=8,capacity=64"


def test_everybody_is_played_by_a_player_that_has_not_met_them(clip_spec, tiny_checkpoint, tmp_path):
    args = CrossValidateArgs(
        clips=clip_spec, train_clips=clip_spec, measured_train_clips=f"{clip_spec}?frames=2", tracker=tiny_checkpoint,
        policies=("prior",), seeds=(0,), prior_frames=2, learners=(LEARNER,), train_seeds=(0, 1), total_steps=32,
        episodes=12, start="warm", device="cpu", out=tmp_path / "out",
    )  # fmt: skip
    figures = {row["policy"]: row for row in cross_validate(args)}
    people = {clip.person for clip in load_clips(clip_spec).clips}
    assert set(figures) == {LEARNER, "random-walk", "optimal", "prior"}
    assert figures[LEARNER]["runs"] == 2 and figures[LEARNER]["clips"] == len(people) > 2
    rows = read_rows(args.out, "rows")
    for number in (1, 2):
        held_out = {person for person in people if fold_of(person, 2) == number}
        of_fold = read_rows(args.out / f"fold-{number}", "rows")
        assert {row["person"] for row in of_fold if row["split"] == "held-out"} == held_out
        assert {row["person"] for row in of_fold if row["split"] == "train"} == people - held_out
        assert all(row in rows for row in of_fold)
    assert remake(args.out)[0]["learners"] == read_figures(args.out)["learners"]


def test_one_fold_and_no_learner_are_refused():
    with pytest.raises(UserError, match="--folds 1: expected at least 2"):
        cross_validate(CrossValidateArgs(folds=1, learners=("dqn",)))
    with pytest.raises(UserError, match="--learners: none given"):
        cross_validate(CrossValidateArgs())

"""Players that learn against one tracker and are measured against another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.playing.args import EvaluateArgs
from agents.playing.evaluation import play_policies
from benchmarks.compare_policies import compare
from benchmarks.comparison.args import CompareArgs
from srn_core.errors import UserError
from srn_core.io.files import read_json
from srn_core.io.tensors import load_tensors
from tests.support.faces import write_checkpoint


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> str:
    return write_checkpoint(tmp_path_factory.mktemp("other"), seed=5)


def test_learners_train_against_one_tracker_and_play_against_another(clip_spec, tiny_checkpoint, other, tmp_path):
    clips = (f"{clip_spec}?limit=2", f"{clip_spec}?split=test")
    args = CompareArgs(
        policies=(), clips=clips, train_clips=clips, tracker=tiny_checkpoint, train_tracker=other, episodes=3, seeds=(0,),
        learners=("dqn:view=response,num_envs=4,learning_starts=16,batch_size=8", "regression:view=response,steps=3"),
        train_seeds=(0,), total_steps=32, start="warm", device="cpu", out=tmp_path,
    )  # fmt: skip
    compare(args)
    figures = {row["policy"]: row for row in read_json(tmp_path / "figures.json")["learners"]}
    assert {*args.learners, "regression:view=response,steps=3-planned"} <= figures.keys()
    (policy,) = Path(tmp_path / "runs").rglob("policy.safetensors")
    card = load_tensors(policy)[1]
    assert card["arguments"]["tracker"] == other and card["arguments"]["clips"] == list(clips)
    with pytest.raises(UserError, match="other settings"):
        compare(CompareArgs(**{**vars(args), "train_tracker": ""}))


def test_prior_learns_from_the_tracker_of_the_training(clip_spec, tiny_checkpoint, other):
    def path(tracker: str, train_tracker: str = "") -> np.ndarray:
        args = EvaluateArgs(
            policy="", clips=clip_spec, train_clips=clip_spec, tracker=tracker, train_tracker=train_tracker, episodes=5,
            device="cpu",
        )  # fmt: skip
        return play_policies(args, ["prior"])[1]["prior"].targets

    found = path(tiny_checkpoint, other)
    np.testing.assert_array_equal(found, path(other))
    assert (found != path(tiny_checkpoint)).any()

"""skrl trains on the batched environment."""

import sys

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from agents.skrl_dqn import SkrlArgs, train_skrl
from srn_core.errors import UserError


@pytest.mark.slow
def test_skrl_learns_where_the_reward_is(clip_spec, tmp_path):
    """The best policy walks to the nose and stays there: what is learnt earns much more than random walks."""
    pytest.importorskip("skrl")
    args = SkrlArgs(
        clips=clip_spec, tracker="tests.support.solvable:looks_at_the_nose", num_envs=16, total_steps=16 * 400, batch_size=64,
        gamma=0.9, device="cpu", run_dir=tmp_path / "run",
    )  # fmt: skip
    rewards = train_skrl(args)
    assert rewards.shape == (400,) and np.isfinite(rewards).all()
    assert rewards[-80:].mean() > 1.3 * rewards[:80].mean()
    curves = EventAccumulator(str(args.run_dir)).Reload().Tags()["scalars"]
    assert any("Q-network loss" in name for name in curves)
    assert list((args.run_dir / "checkpoints").glob("*.pt"))
    with pytest.raises(UserError, match="already exists"):
        train_skrl(args)


def test_without_skrl_one_line_says_which_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "skrl", None)
    with pytest.raises(UserError, match="extra 'skrl'"):
        train_skrl(SkrlArgs(run_dir=tmp_path / "run"))


def test_a_training_without_a_step_and_a_seed_that_is_too_large_are_refused():
    with pytest.raises(UserError, match="--total-steps 10: expected at least --num-envs, which is 32"):
        SkrlArgs(total_steps=10, num_envs=32)
    with pytest.raises(UserError, match="seed"):
        SkrlArgs(seed=2**32)

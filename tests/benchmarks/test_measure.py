"""Episodes of several seeds as one: the seeds may play clips of different lengths."""

import numpy as np

from agents.playing.rollout import play
from agents.policies.named import named_policy
from benchmarks.comparison.measure import joined
from srn_gym.games import load_game


def test_seeds_whose_clips_differ_in_length_are_joined(clip_spec: str) -> None:
    game = load_game(clip_spec, "constant", "cpu")
    rollouts = [play(game, named_policy("static", game, lambda: game), 2, seed) for seed in range(3)]
    assert len({rollout.nme.shape[1] for rollout in rollouts}) > 1
    found = joined(rollouts)
    assert np.array_equal(found.clip, np.concatenate([rollout.clip for rollout in rollouts]))
    assert np.array_equal(found.returns, np.concatenate([rollout.returns for rollout in rollouts]))
    assert np.array_equal(found.mean_nme, np.concatenate([rollout.mean_nme for rollout in rollouts]))
    assert ((found.targets == -1) == np.isnan(found.nme)).all()

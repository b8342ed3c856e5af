"""The Q-network's features, its learner, and the training loop."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

import agents.dqn
from agents.dqn import DQNArgs, epsilon_at, train
from agents.features import FrozenFeatures
from agents.learner import Learner
from agents.policies import named_policy
from agents.replay import TRANSITION, NStep
from agents.rollout import play
from agents.run_files import load_policy
from srn_core.checkpoint import load_pretrained, load_tensors
from srn_core.data import load_clips
from srn_core.errors import UserError
from srn_core.tracker import load_tracker
from srn_gym.dynamics import OcclusionGame
from srn_gym.episodes import Episodes
from srn_gym.games import load_game


@pytest.fixture(scope="module")
def game(clip_spec, tiny_checkpoint):
    return load_game(clip_spec, tiny_checkpoint, "cpu")


def small_args(clip_spec, tiny_checkpoint, run_dir: Path, **changes) -> DQNArgs:
    options = {"total_steps": 320, "num_envs": 8, "learning_starts": 40, "batch_size": 16, "save_every": 160, "capacity": 64}
    return DQNArgs(clips=clip_spec, tracker=tiny_checkpoint, run_dir=run_dir, device="cpu", **{**options, **changes})


def test_shared_features_equal_those_of_the_whole_observation(game, tiny_checkpoint):
    features = FrozenFeatures(game, load_pretrained(tiny_checkpoint))
    clip, frame, landmark = torch.tensor([0, 1, 2, 0]), torch.tensor([0, 3, 2, 5]), torch.tensor([0, 8, 40, 67])
    with torch.no_grad():
        plain = features.plain(game.observe(clip, frame, landmark))
    candidates = game.candidates(landmark)
    for _ in range(2):
        shared = features(clip.repeat_interleave(3), frame.repeat_interleave(3), candidates.flatten()).view_as(plain)
        torch.testing.assert_close(shared, plain, atol=2e-3, rtol=2e-3)
    assert not torch.allclose(plain[:, 0], plain[:, 2], atol=1e-3)


class LooksAtTheNose:
    """A victim that errs where the pixels at the middle of the face are noisy: the best policy is to go there."""

    def __init__(self, tracker) -> None:
        self.scheme, self.crop, self.patch_size = tracker.scheme, tracker.crop, tracker.patch_size
        self.device, self.key = tracker.device, "looks-at-the-nose"

    def start(self, batch):
        return torch.zeros(batch, 0)

    def step(self, frames, boxes, state):
        centre = ((boxes[:, :2] + boxes[:, 2:]) / 2).long()
        around = torch.stack(
            [f[:, y - 1 : y + 2, x - 1 : x + 2].float() for f, (x, y) in zip(frames, centre.tolist(), strict=True)]
        )
        error = (around.flatten(2).std(2).mean(1) > 40).float() * 200
        return centre[:, None] + error[:, None, None] + torch.zeros(1, 68, 2), state


def test_a_game_whose_best_policy_is_known_is_solved(clip_spec, tiny_checkpoint, tmp_path):
    game = OcclusionGame(load_clips(f"{clip_spec}?limit=3").clips, LooksAtTheNose(load_tracker(tiny_checkpoint, "cpu")))
    table = game.nme_table(0)[:, :-1]
    assert table.max() > 2 * table.min()
    args = small_args(
        clip_spec, tiny_checkpoint, tmp_path, lr=2e-3, learning_starts=300, batch_size=128, target_rate=0.03, capacity=4096
    )
    learner = Learner(args, game)
    learn_from_random_play(learner, game, steps=600, updates=900)
    learned, walk, optimal = (play(game, policy, 60, 0).returns.mean() for policy in policies_of(learner, game))
    assert (learned - walk) / (optimal - walk) > 0.7


def learn_from_random_play(learner: Learner, game: OcclusionGame, steps: int, updates: int) -> None:
    episodes, n_step = Episodes(game, 8), NStep(1, learner.args.gamma)
    rngs = [np.random.default_rng(i) for i in range(8)]
    episodes.reset(range(8), rngs)
    for _ in range(steps):
        started = np.zeros(8, TRANSITION)
        for name in ("clip", "frame", "landmark"):
            started[name] = getattr(episodes, name).numpy()
        actions = learner.act(episodes.clip, episodes.frame, episodes.landmark, epsilon=1)
        started["action"] = actions.numpy()
        step = episodes.step(actions)
        learner.observe_rewards(step.reward.numpy())
        learner.replay.add(
            n_step.push(started, step.reward.numpy(), step.landmark.numpy(), step.terminated.numpy(), step.terminated.numpy())
        )
        episodes.reset(step.terminated.nonzero()[:, 0].tolist(), rngs)
    for _ in range(updates):
        learner.update()


def policies_of(learner: Learner, game: OcclusionGame):
    class Learned:
        def begin(self, *_):
            pass

        def targets(self, position, running):
            actions = learner.act(position.clip, position.frame.minimum(game.lengths[position.clip] - 1), position.landmark, 0)
            return game.candidates(position.landmark).gather(1, actions[:, None])[:, 0]

    return Learned(), *(named_policy(name, game, lambda: game) for name in ("random-walk", "optimal"))


def test_resumed_training_equals_uninterrupted(clip_spec, tiny_checkpoint, tmp_path, monkeypatch):
    whole = train(small_args(clip_spec, tiny_checkpoint, tmp_path / "whole"))
    args = small_args(clip_spec, tiny_checkpoint, tmp_path / "parts")
    save = agents.dqn.save_run

    def save_and_stop(*arguments):
        save(*arguments)
        raise InterruptedError

    monkeypatch.setattr(agents.dqn, "save_run", save_and_stop)
    with pytest.raises(InterruptedError):
        train(args)
    monkeypatch.undo()
    parts = train(small_args(clip_spec, tiny_checkpoint, tmp_path / "parts", resume=True))
    first, second = (load_tensors(folder / "state.safetensors") for folder in (whole, parts))
    assert first[0].keys() == second[0].keys()
    assert first[1]["generators"] == second[1]["generators"]
    replays = [tensors.pop("replay.data").numpy().view(TRANSITION) for tensors, _ in (first, second)]
    for name in ("clip", "frame", "landmark", "action", "steps", "next_landmark", "terminated"):
        assert np.array_equal(replays[0][name], replays[1][name]), name
    # Tracker and features are remembered from batches of other sizes, whose last bits may differ.
    for key, value in first[0].items():
        torch.testing.assert_close(value, second[0][key], rtol=1e-3, atol=1e-4)


def test_two_seeds_differ(clip_spec, tiny_checkpoint, tmp_path):
    runs = [train(small_args(clip_spec, tiny_checkpoint, tmp_path / str(seed), seed=seed)) for seed in (1, 2)]
    first, second = (load_tensors(run / "policy.safetensors")[0] for run in runs)
    assert not torch.equal(first["head.first.weight"], second["head.first.weight"])


def test_a_saved_policy_plays_and_a_second_run_does_not_overwrite_it(clip_spec, tiny_checkpoint, tmp_path, game):
    args = small_args(clip_spec, tiny_checkpoint, tmp_path / "run", total_steps=80)
    run = train(args)
    assert play(game, load_policy(run), 4, 0).returns.min() > 0
    with pytest.raises(UserError, match="--resume"):
        train(args)
    with pytest.raises(UserError, match="nothing to resume"):
        train(small_args(clip_spec, tiny_checkpoint, tmp_path / "nothing", resume=True))
    with pytest.raises(UserError, match="--mode detect, --lr"):
        train(dataclasses.replace(args, resume=True, mode="track", lr=0.5, total_steps=90))


@pytest.mark.parametrize("changes", [{"double": False}, {"loss": "squared"}, {"priority": 0.6}, {"trunk": "tuned"}])
def test_every_switch_changes_what_is_learnt(clip_spec, tiny_checkpoint, tmp_path, changes):
    options = {"total_steps": 160, "learning_starts": 40, "lr": 1e-2, "trunk_lr": 1e-3, "target_rate": 0.5}
    runs = [
        train(small_args(clip_spec, tiny_checkpoint, tmp_path / str(i), **options, **extra))
        for i, extra in enumerate(({}, changes))
    ]
    plain, changed = (load_tensors(run / "policy.safetensors")[0]["head.first.weight"] for run in runs)
    assert not torch.equal(plain, changed)


def test_a_tuned_trunk_starts_as_the_frozen_one_and_learns(game, clip_spec, tiny_checkpoint, tmp_path):
    args = small_args(clip_spec, tiny_checkpoint, tmp_path / "tuned", trunk="tuned", trunk_lr=1e-3, total_steps=80)
    learner = Learner(args, game)
    clip, frame, landmark = torch.tensor([0, 1, 2]), torch.tensor([0, 3, 2]), torch.tensor([0, 8, 40])
    with torch.no_grad():
        frozen = learner.features(clip, frame, landmark)
        torch.testing.assert_close(learner.online.see(learner.features, clip, frame, landmark), frozen, atol=2e-3, rtol=2e-3)
    run = train(args)
    learnt = load_tensors(run / "policy.safetensors")[0]
    before = load_pretrained(tiny_checkpoint).state_dict()
    for name, value in before.items():
        same = torch.equal(value, learnt[f"encoder.{name}"])
        assert same == (not name.startswith("trunk.")), name
    assert play(game, load_policy(run), 2, 0).returns.min() > 0


def test_epsilon_falls_from_one_to_its_end():
    args = DQNArgs(total_steps=1000, learning_starts=100, epsilon_decay=0.5, epsilon_end=0.1)
    assert [epsilon_at(step, args) for step in (0, 100)] == [1, 1]
    assert epsilon_at(325, args) == pytest.approx(0.55)
    assert epsilon_at(900, args) == pytest.approx(0.1)

"""The Q-network's features, its learner, and the training loop."""

from __future__ import annotations

import copy
import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import agents.dqn
from agents.deepq.args import DQNArgs
from agents.deepq.learner import Learner
from agents.deepq.network import QNet
from agents.deepq.replay import TRANSITION, Sample
from agents.deepq.training import trained_dqn
from agents.dqn import epsilon_at, train_dqn
from agents.playing.rollout import play
from agents.playing.summary import optimal_share
from agents.policies.named import named_policy
from agents.policies.trained import load_policy
from srn_core.checkpoints import load_pretrained
from srn_core.errors import UserError
from srn_core.io.tensors import load_tensors
from srn_gym.cache.store import Store
from srn_gym.features import FrozenFeatures, encode_part_lengths
from srn_gym.games import load_game
from srn_gym.memory import nothing_earned
from tests.support.faces import write_checkpoint


@pytest.fixture(scope="module")
def game(clip_spec, tiny_checkpoint):
    return load_game(clip_spec, tiny_checkpoint, "cpu")


def nothing(game, batch: int = 3) -> torch.Tensor:
    return nothing_earned(batch, game.num_landmarks, game.device)


def small_args(clip_spec, tiny_checkpoint, run_dir: Path, **changes) -> DQNArgs:
    options = {"total_steps": 320, "num_envs": 8, "learning_starts": 40, "batch_size": 16, "save_every": 160, "capacity": 64}
    return DQNArgs(clips=clip_spec, tracker=tiny_checkpoint, run_dir=run_dir, device="cpu", **{**options, **changes})


def test_shared_features_equal_those_of_the_whole_observation(game, tiny_checkpoint):
    features = FrozenFeatures(game.scene, load_pretrained(tiny_checkpoint), encode_part_lengths)
    clip, frame, landmark = torch.tensor([0, 1, 2, 0]), torch.tensor([0, 3, 2, 5]), torch.tensor([0, 8, 40, 67])

    def computed(observation: torch.Tensor) -> torch.Tensor:
        """``(B, A, F)`` from whole observations ``(B, A, L, 3, P, P)``."""
        with torch.no_grad():
            found = encode_part_lengths(features.model, features.model.patch_features(observation.flatten(0, 1)))
        return found.unflatten(0, observation.shape[:2])

    plain = computed(game.observe(clip, frame, landmark))
    candidates = game.candidates(landmark)
    for _ in range(2):
        shared = features(clip.repeat_interleave(3), frame.repeat_interleave(3), candidates.flatten()).view_as(plain)
        torch.testing.assert_close(shared, plain, atol=2e-3, rtol=2e-3)
    assert not torch.allclose(plain[:, 0], plain[:, 2], atol=1e-3)
    uncovered = features.patches(clip, frame, torch.full_like(clip, -1))
    torch.testing.assert_close(features.clean(clip, frame), computed(uncovered[:, None])[:, 0], atol=2e-3, rtol=2e-3)


def test_a_game_whose_best_policy_is_known_is_solved(clip_spec, tmp_path):
    spec, victim = f"{clip_spec}?limit=3", "tests.support.solvable:looks_at_the_nose"
    args = small_args(spec, victim, tmp_path, lr=2e-3, learning_starts=300, batch_size=128, target_rate=0.05, capacity=4096)
    run = train_dqn(dataclasses.replace(args, total_steps=2400, gamma=0.9))
    game = load_game(spec, victim, "cpu")
    table = game.nme_table(0)[:, :-1]
    assert table.max() > 2 * table.min()
    policies = load_policy(run), *(named_policy(name, game, lambda: game) for name in ("random-walk", "optimal"))
    learned, walk, optimal = (play(game, policy, 60, 0).returns.mean() for policy in policies)
    assert optimal_share(learned, walk, optimal) > 0.7


def test_without_discount_n_steps_of_mean_reward_are_standardised_to_zero(game, clip_spec, tiny_checkpoint, tmp_path):
    args = small_args(clip_spec, tiny_checkpoint, tmp_path, n_step=3, total_steps=160, gamma=1.0)
    learner = Learner(args, game)
    learner.observe_rewards(np.array([0.02, 0.04]), np.array([0.02, 0.04]), np.array([0, 1]))
    steps = torch.tensor([1, 2, 3])
    torch.testing.assert_close(learner._standardised(0.03 * steps, steps), torch.zeros(3))
    torch.testing.assert_close(learner._standardised(0.03 * steps + 0.01, steps), torch.ones(3))
    weights = load_tensors(train_dqn(args) / "policy.safetensors")[0]
    assert all(value.isfinite().all() for value in weights.values())


def test_landmark_only_values_a_landmark_alike_on_every_face(game, clip_spec, tiny_checkpoint, tmp_path):
    learner = Learner(small_args(clip_spec, tiny_checkpoint, tmp_path / "landmark_only", landmark_only=True), game)
    clip, frame, landmark = torch.tensor([0, 1, 2]), torch.tensor([0, 3, 2]), torch.tensor([8, 8, 8])
    with torch.no_grad():
        values = learner.online.candidate_values(learner.features, clip, frame, game.candidates(landmark), nothing(game))
    # Sums of one row may end in other digits than those of the next.
    torch.testing.assert_close(values, values[:1].expand(3, -1), rtol=1e-6, atol=1e-7)
    assert len(values[0].unique()) == 3
    run = train_dqn(small_args(clip_spec, tiny_checkpoint, tmp_path / "run", landmark_only=True, plan="training"))
    targets = play(game, load_policy(run), 60, 0).targets
    policy = {}
    for row in targets:
        for before, after in zip(row, row[1:], strict=False):
            if min(before, after) >= 0:
                assert policy.setdefault(before, after) == after


def test_the_plan_leads_to_the_landmark_that_pays_before_anything_is_learnt(game, clip_spec, tiny_checkpoint, tmp_path):
    learner = Learner(small_args(clip_spec, tiny_checkpoint, tmp_path, view="parts"), game)
    for parameter in learner.online.head.parameters():
        torch.nn.init.zeros_(parameter)
    landmarks = np.arange(game.num_landmarks).repeat(30)
    excess = (landmarks == 30) * 1.0
    learner.observe_rewards(excess, excess, landmarks)
    learner.plan_landmarks()
    fixed = learner.online.plan.fixed
    assert torch.equal(learner.target.plan.fixed, fixed) and int(fixed.argmax()) == 30
    start = torch.arange(25, 36)
    untold = nothing(game, len(start))
    where = torch.zeros_like(start), torch.zeros_like(start), start
    assert learner.act(*where, untold, epsilon=0.0).tolist() == [2] * 5 + [1] + [0] * 5
    # On this clip landmark 30 has paid nothing, twenty times, and 28 a lot.
    told = untold.clone()
    told[:, :, 30], told[:, 0, 28], told[:, 1, 28] = torch.tensor([0.0, 20.0]), 20, 20
    assert learner.act(*where, told, epsilon=0.0).tolist() == [2] * 3 + [1] + [0] * 7
    stubborn = Learner(dataclasses.replace(learner.args, plan="training"), game)
    stubborn.online.load_state_dict(learner.online.state_dict())
    assert stubborn.act(*where, told, epsilon=0.0).tolist() == [2] * 5 + [1] + [0] * 5
    for nowhere in ({"plan": "none"}, {"without_landmark_id": True}):
        assert Learner(dataclasses.replace(learner.args, **nowhere), game).online.plan is None


def test_updates_drop_units_and_values_do_not(game, clip_spec, tiny_checkpoint, tmp_path):
    learner = Learner(small_args(clip_spec, tiny_checkpoint, tmp_path, dropout=0.5), game)
    kept = learner._kept(200)
    assert kept.unique().tolist() == [0, 2] and kept.mean() == pytest.approx(1, abs=0.05)
    where = torch.tensor([0, 1]), torch.tensor([0, 3]), torch.tensor([8, 50])
    learner.online.head.standardise_by(torch.randn(9, learner.features.size))
    with torch.no_grad():
        value, again = (learner.online(learner.features, *where) for _ in range(2))
        dropped = learner.online(learner.features, *where, learner._kept(2))
    assert torch.equal(value, again) and not torch.allclose(value, dropped)
    assert Learner(dataclasses.replace(learner.args, dropout=0.0), game)._kept(2) is None


def test_without_landmark_id_candidates_differ_only_in_what_is_seen(game, clip_spec, tiny_checkpoint, tmp_path, monkeypatch):
    learner = Learner(small_args(clip_spec, tiny_checkpoint, tmp_path / "run", without_landmark_id=True), game)
    clip, frame, landmark = torch.tensor([0, 1]), torch.tensor([0, 3]), torch.tensor([8, 50])
    learner.online.head.standardise_by(learner.features(clip, frame, landmark))
    place = clip, frame, game.candidates(landmark)
    with torch.no_grad():
        assert np.ptp(learner.online.candidate_values(learner.features, *place, nothing(game, 2)).numpy()) > 1e-3
        monkeypatch.setattr(learner.online, "see", lambda features, clip, *_: torch.zeros(len(clip), features.size))
        assert np.ptp(learner.online.candidate_values(learner.features, *place, nothing(game, 2)).numpy()) < 1e-5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"save_every": 0}, "--save-every 0: expected a number of at least 1"),
        ({"learning_starts": 0}, "--learning-starts 0"),
        ({"n_step": 200}, "--n-step 200: expected a number of at least 1 and at most 127"),
        ({"gamma": 1.5}, "--gamma 1.5: expected a number of at least 0 and at most 1"),
        ({"lr": 0.0}, "--lr 0.0: expected a number above 0"),
        ({"lr": float("nan")}, "--lr nan"),
        ({"lr": 1e300}, r"--lr 1e\+300: expected a number above 0 and at most 1"),
        ({"seed": -1}, "--seed -1"),
        ({"landmark_only": True, "without_landmark_id": True}, "--landmark-only with --without-landmark-id"),
        ({"seed": 2**64}, f"--seed {2**64}"),
    ],
)
def test_numbers_out_of_range_are_named(clip_spec, tiny_checkpoint, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        small_args(clip_spec, tiny_checkpoint, tmp_path, **changes)


@pytest.mark.parametrize("changes", [{"total_steps": 64, "learning_starts": 2000}, {"n_step": 8, "learning_starts": 8}])
def test_a_short_training_learns_and_waits_until_there_is_something_to_learn_from(
    clip_spec, tiny_checkpoint, tmp_path, changes
):
    args = small_args(clip_spec, tiny_checkpoint, tmp_path / "run", **{"total_steps": 96, **changes})
    untrained = Learner(args, load_game(clip_spec, tiny_checkpoint, "cpu")).online.state_dict()
    found = load_tensors(train_dqn(args) / "policy.safetensors")[0]
    assert any(not torch.equal(found[name], untrained[name]) for name in found if name in untrained)


def test_resumed_training_equals_uninterrupted(clip_spec, tiny_checkpoint, tmp_path, monkeypatch):
    whole = train_dqn(small_args(clip_spec, tiny_checkpoint, tmp_path / "whole"))
    args = small_args(clip_spec, tiny_checkpoint, tmp_path / "parts")
    save = agents.dqn.save_run

    def save_and_stop(*arguments):
        save(*arguments)
        raise InterruptedError

    monkeypatch.setattr(agents.dqn, "save_run", save_and_stop)
    with pytest.raises(InterruptedError):
        train_dqn(args)
    monkeypatch.undo()
    parts = train_dqn(small_args(clip_spec, tiny_checkpoint, tmp_path / "parts", resume=True))
    first, second = (load_tensors(folder / "state.safetensors") for folder in (whole, parts))
    assert first[0].keys() == second[0].keys()
    assert first[1]["generators"] == second[1]["generators"]
    logged = [
        [(event.step, round(event.value, 5)) for event in EventAccumulator(str(folder)).Reload().Scalars("rollout/ep_rew")]
        for folder in (whole, parts)
    ]
    assert logged[0] == logged[1] and len(logged[0]) > 20
    replays = [tensors.pop("replay.data").numpy().view(TRANSITION) for tensors, _ in (first, second)]
    for name in ("clip", "frame", "landmark", "action", "steps", "next_landmark", "terminated"):
        assert np.array_equal(replays[0][name], replays[1][name]), name
    # Answers and features were computed in batches of other sizes, so they may differ by rounding.
    for key, value in first[0].items():
        torch.testing.assert_close(value, second[0][key], rtol=1e-3, atol=1e-4)


def test_two_seeds_differ(clip_spec, tiny_checkpoint, tmp_path):
    runs = [train_dqn(small_args(clip_spec, tiny_checkpoint, tmp_path / str(seed), seed=seed)) for seed in (1, 2)]
    first, second = (load_tensors(run / "policy.safetensors")[0] for run in runs)
    assert not torch.equal(first["head.first.weight"], second["head.first.weight"])


def test_a_saved_policy_plays_and_a_second_run_does_not_overwrite_it(clip_spec, tiny_checkpoint, tmp_path, game):
    args = small_args(clip_spec, tiny_checkpoint, tmp_path / "run", total_steps=80)
    run = train_dqn(args)
    assert play(game, load_policy(run), 4, 0).returns.min() > 0
    with pytest.raises(UserError, match="--resume"):
        train_dqn(args)
    with pytest.raises(UserError, match="nothing to resume"):
        train_dqn(small_args(clip_spec, tiny_checkpoint, tmp_path / "nothing", resume=True))
    with pytest.raises(UserError, match="started with mode detect, lr"):
        train_dqn(dataclasses.replace(args, resume=True, mode="track", lr=0.5, total_steps=90))


def test_a_resume_is_refused_after_the_tracker_was_retrained(clip_spec, tmp_path):
    tracker = write_checkpoint(tmp_path / "tracker", seed=0)
    args = small_args(clip_spec, tracker, tmp_path / "run", total_steps=64)
    train_dqn(args)
    write_checkpoint(tmp_path / "tracker", seed=1)
    with pytest.raises(UserError, match="weights have changed"):
        train_dqn(dataclasses.replace(args, resume=True, total_steps=96))
    with pytest.raises(UserError, match="weights have changed"):
        trained_dqn(args)


def test_a_resume_is_refused_after_clips_or_encoder_have_changed(clip_folder, tiny_checkpoint, tmp_path):
    clips = shutil.copytree(clip_folder, tmp_path / "clips")
    encoder = write_checkpoint(tmp_path / "encoder", seed=0)
    args = small_args(f"300vw:{clips}", tiny_checkpoint, tmp_path / "run", total_steps=64, encoder=encoder)
    run = train_dqn(args)
    game = load_game(args.clips, tiny_checkpoint, "cpu")
    play(game, load_policy(run), 2, 0)
    shutil.rmtree(sorted(clips.iterdir())[0])
    with pytest.raises(UserError, match="other clips than"):
        train_dqn(dataclasses.replace(args, resume=True, total_steps=96), Store())
    write_checkpoint(tmp_path / "encoder", seed=1)
    with pytest.raises(UserError, match="the encoder's weights have changed"):
        train_dqn(dataclasses.replace(args, resume=True, total_steps=96))
    with pytest.raises(UserError, match="the encoder's weights have changed"):
        play(game, load_policy(run), 2, 0)


def test_networks_with_tuned_trunks_each_see_with_their_own(game, clip_spec, tiny_checkpoint, tmp_path):
    learner = Learner(small_args(clip_spec, tiny_checkpoint, tmp_path, trunk="tuned"), game)
    zero = torch.tensor([0])
    sample = Sample(zero, zero, zero, zero, zero, zero, reward=torch.tensor([0.0]), discount=torch.tensor([1.0]))
    seen = []
    for network in (learner.online, learner.target):
        network.see = lambda *given, network=network, see=network.see: seen.append(network) or see(*given)
    learner._wanted(sample)
    assert seen == [learner.target, learner.online]


@pytest.mark.parametrize(("double", "expected"), [(True, 0.5 * 5), (False, 0.5 * 9)])
def test_double_dqn_values_what_the_online_network_chooses(
    game, clip_spec, tiny_checkpoint, tmp_path, monkeypatch, double, expected
):
    learner = Learner(small_args(clip_spec, tiny_checkpoint, tmp_path, double=double), game)
    learner.observe_rewards(np.array([-1.0, 1.0]), np.array([-1.0, 1.0]), np.array([0, 1]))
    monkeypatch.setattr(learner.online, "value", lambda *_: torch.tensor([1.0, 0, 0]))
    monkeypatch.setattr(learner.target, "value", lambda *_: torch.tensor([5.0, 7, 9]))
    zero, one = torch.tensor([0]), torch.tensor([1])
    sample = Sample(zero, zero, zero, one, one, zero, reward=torch.tensor([0.0]), discount=torch.tensor([0.5]))
    assert float(learner._wanted(sample)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("changes", [{"n_step": 3}, {"view": "parts"}])
def test_n_steps_and_the_clean_frame_change_the_weights(clip_spec, tiny_checkpoint, tmp_path, changes):
    options = {"total_steps": 160, "learning_starts": 40, "lr": 1e-2, "target_rate": 0.5}
    runs = [
        train_dqn(small_args(clip_spec, tiny_checkpoint, tmp_path / str(i), **options, **extra))
        for i, extra in enumerate(({}, changes))
    ]
    plain, changed = (load_tensors(run / "policy.safetensors")[0]["head.first.weight"] for run in runs)
    assert not torch.equal(plain, changed)


def test_a_tuned_trunk_starts_as_the_frozen_one_and_learns(game, clip_spec, tiny_checkpoint, tmp_path):
    args = small_args(clip_spec, tiny_checkpoint, tmp_path / "tuned", trunk="tuned", trunk_lr=1e-3, total_steps=80)
    learner = Learner(args, game)
    clip, frame, landmark = torch.tensor([0, 1, 2]), torch.tensor([0, 3, 2]), torch.tensor([0, 8, 40])
    with torch.no_grad():
        frozen = learner.features(clip, frame, landmark) - learner.features.clean(clip, frame)
        torch.testing.assert_close(learner.online.see(learner.features, clip, frame, landmark), frozen, atol=2e-3, rtol=2e-3)
    run = train_dqn(args)
    learnt = load_tensors(run / "policy.safetensors")[0]
    before = load_pretrained(tiny_checkpoint).state_dict()
    for name, value in before.items():
        same = torch.equal(value, learnt[f"encoder.{name}"])
        assert same == (not name.startswith("trunk.")), name
    policy = load_policy(run)
    assert play(game, policy, 2, 0).returns.min() > 0
    plain = QNet(learner.features, tuned=True, view="change", plan=copy.deepcopy(learner.online.plan))
    plain.load_state_dict(learnt)
    with torch.no_grad():
        candidates = game.candidates(landmark)
        values = policy.network.candidate_values(policy.features, clip, frame, candidates, nothing(game))
        torch.testing.assert_close(
            values, plain.candidate_values(learner.features, clip, frame, candidates, nothing(game)), atol=1e-4, rtol=1e-4
        )


def test_epsilon_falls_from_one_to_its_end():
    args = DQNArgs(total_steps=1000, learning_starts=100, epsilon_decay=0.5, epsilon_end=0.1)
    for step, expected in ((0, 1), (100, 1), (325, 0.55), (900, 0.1)):
        assert epsilon_at(step, args) == pytest.approx(expected)


def test_every_clip_that_is_played_has_a_queue(clip_spec, tiny_checkpoint, tmp_path):
    args = small_args(clip_spec, tiny_checkpoint, tmp_path / "run", num_envs=4, queues=3)
    with pytest.raises(UserError, match="--queues 3: 4 clips are played at once"):
        train_dqn(args)
    assert not (tmp_path / "run").exists()

"""Named policies, planning and rollouts."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from agents.playing.evaluation import check_policy, find_policy
from agents.playing.rollout import Rollout, episode_starts, play
from agents.playing.summary import component_shares, landmark_shares, summarise
from agents.policies.named import NAMES, named_policy
from agents.policies.prior import mean_excess
from agents.policies.protocol import Position
from agents.policies.simple import Greedy
from agents.policies.trained import trained_rules
from agents.run_folder import POLICY
from srn_core.checkpoints import note_double_name
from srn_core.errors import UserError
from srn_core.face.schemes import IBUG68
from srn_core.io.tensors import save_tensors
from srn_gym.games import load_game
from srn_gym.memory import nothing_earned, remember
from srn_gym.planning import best_path, reachable, steady_values, values_to_go
from srn_gym.rules import GameRules, rules_of


@pytest.fixture(scope="module")
def game(clip_spec, tiny_checkpoint):
    return load_game(clip_spec, tiny_checkpoint, "cpu")


@pytest.fixture(scope="module")
def rollouts(game):
    return {name: play(game, named_policy(name, game, lambda: game), 10, seed=3) for name in NAMES}


@pytest.mark.parametrize("order", [range(7), (0, 3, 1, 6, 2, 5, 4)], ids=["index", "tour"])
def test_planning_equals_trying_every_path(order):
    rewards, order = np.random.default_rng(0).random((5, 7)), np.array(order)
    place = order.argsort()
    neighbours = np.stack([order[(place + move) % 7] for move in (-1, 0, 1)], 1)

    def total(first, moves):
        path = order[(place[first] + np.cumsum(moves)) % 7]
        return rewards[np.arange(5), path].sum()

    for first in range(7):
        best = max(total(first, moves) for moves in itertools.product((-1, 0, 1), repeat=5))
        path = best_path(rewards, neighbours, first)
        assert np.isclose(rewards[np.arange(5), path].sum(), best)
        assert np.isclose(values_to_go(rewards, neighbours)[0, first], best)
        met = reachable(neighbours, np.array([first]), 5)
        assert met.sum(1).tolist() == [3, 5, 7, 7, 7]
        assert np.array_equal(best_path(np.where(met, rewards, np.nan), neighbours, first), path)


def test_all_policies_play_the_same_episodes(rollouts):
    for rollout in rollouts.values():
        assert np.array_equal(rollout.clip, rollouts["none"].clip)
        assert np.array_equal(rollout.first, rollouts["none"].first)
        assert np.array_equal(np.isnan(rollout.nme), np.isnan(rollouts["none"].nme))


def test_every_policy_places_as_its_name_says(rollouts, game):
    assert (rollouts["none"].targets == -1).all()
    for name in ("random-walk", "prior", "adaptive", "greedy", "optimal"):
        rollout = rollouts[name]
        for first, targets, clip in zip(rollout.first, rollout.targets, rollout.clip, strict=True):
            steps = np.diff(np.concatenate([[first], targets[: len(game.clips[clip])]])) % 68
            assert set(steps.tolist()) <= {67, 0, 1}, name
    jumps = np.diff(rollouts["random-jump"].targets[:, :3], axis=1) % 68
    assert ((jumps > 1) & (jumps < 67)).any()


def test_no_policy_beats_the_optimum_and_greedy_takes_the_best_first_step(rollouts, game):
    optimum = rollouts["optimal"].returns
    for name in ("static", "random-walk", "prior", "adaptive", "greedy"):
        assert (rollouts[name].returns <= optimum + 1e-5).all()
    greedy = rollouts["greedy"]
    for e in range(len(greedy.clip)):
        table = game.nme_table(int(greedy.clip[e]))[0]
        candidates = (greedy.first[e] + np.array([-1, 0, 1])) % 68
        assert np.isclose(greedy.nme[e, 0], table[candidates].max())


def test_the_same_seed_repeats_and_another_does_not(game):
    walks = [play(game, named_policy("random-walk", game, lambda: game), 10, seed) for seed in (3, 3, 4)]
    assert np.array_equal(walks[0].targets, walks[1].targets)
    assert not np.array_equal(walks[0].targets, walks[2].targets)


def test_share_of_the_optimum_runs_from_random_walk_to_optimal(rollouts):
    rows = {row["policy"]: row for row in summarise(rollouts)}
    assert rows["random-walk"]["optimal_share"] == 0
    assert rows["optimal"]["optimal_share"] == 1
    assert rows["greedy"]["gain"] > 0


def test_prior_plans_with_each_landmarks_mean_excess(game, rollouts):
    excess = mean_excess(game)
    rollout = rollouts["prior"]
    for e in range(len(rollout.clip)):
        length = len(game.clips[rollout.clip[e]])
        expected = best_path(np.tile(excess, (length, 1)), game.neighbours.numpy(), int(rollout.first[e]))
        assert np.array_equal(rollout.targets[e, :length], expected)


def test_steady_values_are_those_of_the_best_path_on_frames_that_are_alike():
    rewards, neighbours = torch.rand(2, 9, generator=torch.Generator().manual_seed(0)), torch.arange(9)[:, None]
    neighbours = (neighbours + torch.tensor([-1, 0, 1])) % 9
    found = steady_values(rewards, neighbours, 1.0, 4)
    for row, values in zip(rewards.double(), found, strict=True):
        to_go = values_to_go(np.tile(row.numpy(), (4, 1)), neighbours.numpy())[0]
        assert values.numpy() == pytest.approx(row.numpy() + to_go, abs=1e-5)


def test_adaptive_leaves_a_landmark_that_the_means_praise_and_the_clip_does_not(game):
    policy = named_policy("adaptive", game, lambda: game)
    policy.begin(game, torch.tensor([0]), torch.tensor([30]), [np.random.default_rng(0)])
    means = torch.zeros(game.num_landmarks)
    means[30], means[32] = 0.04, 0.02
    policy.plan.learn(means, float(means.mean()), 1.0)
    place, earned = torch.tensor([0]), nothing_earned(1, game.num_landmarks, game.device)
    path = []
    for frame in range(4):
        position = Position(place, torch.tensor([frame]), torch.tensor([30 if not path else path[-1]]), place, earned)
        path.append(int(policy.targets(position, torch.ones(1, dtype=torch.bool))))
        earned = remember(earned, torch.tensor(path[-1:]), torch.tensor([0.02 * (path[-1] == 32)]))
    # 30 paid nothing: the first look leaves it 0.04 / 2, as much as 32 promises, the second less.
    assert path == [30, 30, 31, 32]


def test_prior_samples_clips_and_frames_evenly(game, monkeypatch):
    clips = len(game.clips)
    assert clips > 2
    tables = [game.nme_table(clip).numpy() for clip in range(clips)]
    excess = [table[:, :-1] - table[:, -1:] for table in tables]
    assert mean_excess(game) == pytest.approx(np.mean([table.mean(0) for table in excess], 0), abs=1e-5)
    monkeypatch.setattr("agents.policies.prior.PRIOR_CLIPS", 2)
    assert mean_excess(game, frames=1) == pytest.approx((excess[0][0] + excess[-1][0]) / 2, abs=1e-5)


class Detour:
    """A game in ``track`` mode: landmark 7 pays 0.2; landmarks 2 to 4 pay 1, but only to who was on landmark 1 before."""

    mode, num_landmarks, device = "track", 8, torch.device("cpu")
    clips, lengths = [range(5)], torch.tensor([5])
    tracker = SimpleNamespace(start=lambda batch: torch.zeros(batch, 1))

    def candidates(self, landmark):
        return (landmark[:, None] + torch.tensor([-1, 0, 1])) % self.num_landmarks

    def respond(self, clip, frame, target, state, excess=False):
        paid = (target >= 2) & (target <= 4) & (state[:, 0] > 0)
        return SimpleNamespace(nme=paid + 0.2 * (target == 7), state=state + (target == 1)[:, None])


def test_beam_search_takes_a_detour_that_greedy_misses():
    game, first = Detour(), np.array([0])
    returns = {name: play(game, named_policy(name, game, lambda: game), 1, 0, first).returns for name in ("greedy", "optimal")}
    assert returns["greedy"] == pytest.approx([1.0]) and returns["optimal"] == pytest.approx([4.0])


def test_with_more_clips_than_episodes_the_next_seed_continues_with_the_next_clips(game):
    clips, two = len(game.clips), 2
    played = [episode_starts(game, two, seed)[0].tolist() for seed in range(clips)]
    assert played[:2] == [[0, 1], [2, 3]] and {clip for part in played for clip in part} == set(range(clips))
    for seed in (0, 7):
        assert episode_starts(game, clips + 1, seed)[0].tolist() == [*range(clips), 0]


def test_an_unknown_policy_is_refused_with_the_known_names(game):
    with pytest.raises(UserError, match="random-walk"):
        named_policy("clever", game, lambda: game)


def test_a_name_stays_a_name_where_a_run_has_it_too(game, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    note_double_name.cache_clear()
    other = {**rules_of(GameRules()), "occluder": "black"}
    save_tensors(tmp_path / "greedy" / POLICY, {"w": torch.zeros(1)}, {"arguments": other})
    assert trained_rules("greedy") == rules_of(GameRules()) and trained_rules("./greedy") == other
    assert isinstance(find_policy("greedy", game, lambda: game), Greedy)
    assert "note: policy 'greedy': the one that needs no training; ./greedy is the folder" in capsys.readouterr().err
    for path in ("./greedy", "greedy/", Path("greedy")):
        with pytest.raises(UserError, match="not written by this version"):
            find_policy(path, game, lambda: game)
    with pytest.raises(UserError, match=r"policy '\./static': unknown"):
        check_policy("./static")


def test_nothing_is_covered_after_a_clips_end(rollouts, game):
    greedy = rollouts["greedy"]
    lengths = np.array([len(game.clips[c]) for c in greedy.clip])
    after = np.arange(greedy.targets.shape[1]) >= lengths[:, None]
    assert (greedy.targets[after] == -1).all()
    assert lengths.max() == greedy.nme.shape[1]


def test_landmark_shares_count_only_played_frames():
    targets = np.array([[0, 36, -1, 37], [48, 48, -1, -1]])
    nme = np.array([[0.1, 0.1, 0.1, 0.1], [0.1, 0.1, np.nan, np.nan]])
    shares = landmark_shares(Rollout(np.arange(2), np.zeros(2, int), targets, nme), 68)
    np.testing.assert_allclose(shares[[0, 36, 37, 48, 1]], np.array([1, 1, 1, 2, 0]) / 6)
    components = component_shares(shares, IBUG68)
    assert sum(components.values()) == pytest.approx(5 / 6, abs=1e-3)  # on one frame of six nothing was covered
    assert components["mouth"] == pytest.approx(1 / 3, abs=1e-3)

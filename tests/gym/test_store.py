"""What games share through a store, what they do not share, and that a store's memory is freed with it."""

from __future__ import annotations

import gc
import pickle
import weakref

import gymnasium as gym
import pytest
import torch

from srn_core import Tracker, load_pretrained
from srn_core.data import Clip, load_clips
from srn_gym.cache.store import Store
from srn_gym.features import encode_groups
from srn_gym.game import OcclusionGame
from srn_gym.games import SHARED, load_game
from tests.support.faces import write_checkpoint

BATCH = torch.tensor([0, 1, 2, 0]), torch.tensor([3, 0, 2, 5]), torch.tensor([10, -1, 67, 30])


class CountingTracker(Tracker):
    """Counts the faces that it has looked at."""

    faces = 0

    def step(self, frames, *arguments):
        self.faces += len(frames)
        return super().step(frames, *arguments)


@pytest.fixture
def tracker(tiny_checkpoint) -> CountingTracker:
    return CountingTracker(load_pretrained(tiny_checkpoint), "cpu")


@pytest.fixture(scope="module")
def clips(clip_spec):
    return load_clips(clip_spec).clips


def respond(game: OcclusionGame):
    return game.respond(*BATCH, game.tracker.start(len(BATCH[0])))


@pytest.mark.parametrize("rule", [{"reward": "excess"}, {"reward_cap": 0.01}, {"neighbourhood": "graph"}, {"mode": "track"}])
def test_games_that_differ_in_what_is_paid_or_chosen_share_crops_and_answers(clips, tracker, rule):
    store = Store()
    plain, other = OcclusionGame(clips, tracker, store), OcclusionGame(clips, tracker, store, **rule)
    assert plain.scene is other.scene
    expected = respond(plain).nme
    seen = tracker.faces
    clean = OcclusionGame(clips, tracker, store).respond(BATCH[0], BATCH[1], torch.full((4,), -1), tracker.start(4))
    assert tracker.faces == seen + 3 and (clean.nme > 0).all()
    if rule.get("mode") != "track":
        assert torch.equal(respond(other).nme, expected)
        assert tracker.faces == seen + 3


@pytest.mark.parametrize("rule", [{"occluder": "black"}, {"occluder_size": 40}, {"noise_seed": 1}, {"noise_per_frame": False}])
def test_games_that_show_something_else_share_crops_alone(clips, tracker, rule, monkeypatch):
    read = []
    crops = Clip.crops
    monkeypatch.setattr(Clip, "crops", lambda clip, spec: read.append(clip) or crops(clip, spec))
    store = Store()
    plain, other = (respond(OcclusionGame(clips, tracker, store, **rules)) for rules in ({}, rule))
    assert len(read) == 3
    assert not torch.equal(plain.prediction[[0, 3]], other.prediction[[0, 3]])
    assert tracker.faces == 8


def test_a_cold_store_gives_the_answers_of_a_shared_one(clip_spec, tiny_checkpoint):
    shared, cold = (load_game(clip_spec, tiny_checkpoint, "cpu", store) for store in (SHARED, Store()))
    assert shared.scene is not cold.scene
    respond(shared)
    for found, expected in zip(respond(cold), respond(shared), strict=True):
        torch.testing.assert_close(found, expected)


def test_a_checkpoint_retrained_under_the_same_path_is_another_tracker(clip_spec, tmp_path):
    errors = []
    for seed in (0, 1, 0):
        game = gym.make(
            "srn_gym:OcclusionSynthesis-v0", clips=clip_spec, tracker=write_checkpoint(tmp_path, seed), device="cpu"
        )
        errors.append(respond(game.unwrapped.game).nme)
    assert torch.equal(errors[0], errors[2])
    assert (errors[0] != errors[1]).all()


def test_envs_made_by_name_share_clips_crops_and_answers(clip_spec, tiny_checkpoint):
    first, second = (
        gym.make("srn_gym:OcclusionSynthesis-v0", clips=clip_spec, tracker=tiny_checkpoint, device="cpu", reward=reward)
        for reward in ("nme", "excess")
    )
    assert first.unwrapped.game.scene is second.unwrapped.game.scene
    assert first.unwrapped.game.tracker is second.unwrapped.game.tracker


def test_an_answer_that_a_batch_asks_for_several_times_is_computed_once(clips, tracker):
    game = OcclusionGame(clips, tracker)
    clip, frame, target = (index.repeat(12) for index in BATCH)
    found = game.respond(clip, frame, target, tracker.start(len(clip)))
    assert tracker.faces == 4
    expected = respond(OcclusionGame(clips, tracker)).nme
    torch.testing.assert_close(found.nme, expected.repeat(12))


def test_unknown_answers_are_computed_in_parts_of_equal_size(clips, tracker, monkeypatch):
    sizes = []
    step = tracker.step
    monkeypatch.setattr(tracker, "step", lambda frames, *others: sizes.append(len(frames)) or step(frames, *others))
    clip = torch.zeros(33, dtype=torch.int64)
    OcclusionGame(clips, tracker).respond(clip, clip, torch.arange(33), tracker.start(33))
    assert sizes == [17, 16]


def test_features_of_equal_weights_are_shared(clips, tracker, tiny_checkpoint, tmp_path):
    game = OcclusionGame(clips, tracker)
    features = game.features(load_pretrained(tiny_checkpoint), encode_groups)
    assert game.features(load_pretrained(tiny_checkpoint), encode_groups) is features
    assert game.features(load_pretrained(write_checkpoint(tmp_path, seed=1)), encode_groups) is not features


def test_memory_is_free_as_soon_as_nobody_refers_to_it(clips, tracker):
    gc.disable()
    try:
        game = OcclusionGame(clips, tracker, observation="features")
        respond(game), game.observe(BATCH[0], BATCH[1], BATCH[2].clamp(min=0))
        parts = [game, game.store, game.scene, game.scene._crops, game._answers, game._features]
        left = [weakref.ref(part) for part in parts]
        del game, parts
        assert [reference() for reference in left] == [None] * 6
    finally:
        gc.enable()


def test_the_least_recently_used_make_room(clips, tracker):
    store = Store(kept=2)
    first = OcclusionGame(clips, tracker, store).scene
    for seed in (1, 0, 2):
        last = OcclusionGame(clips, tracker, store, noise_seed=seed).scene
    assert OcclusionGame(clips, tracker, store).scene is first
    assert OcclusionGame(clips, tracker, store, noise_seed=2).scene is last
    again = OcclusionGame(clips, tracker, store, noise_seed=1).scene
    assert OcclusionGame(clips, tracker, store).scene is not first and again is not None


def test_a_pickled_game_without_a_name_plays_on(clips, tracker):
    game = OcclusionGame(clips, Tracker(tracker.model, "cpu"))
    expected = respond(game)
    copy = pickle.loads(pickle.dumps(game))
    assert copy.store.scene(copy.clips, copy.tracker.crop, copy.device, copy.rules) is copy.scene
    assert torch.equal(respond(copy).nme, expected.nme)

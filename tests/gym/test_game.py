"""The game's rules: occluder, observation, response, memo, memory, crops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import srn_gym.cache.memo
from srn_core.checkpoints import load_pretrained
from srn_core.data import load_clips
from srn_core.errors import UserError
from srn_core.face.geometry import CropSpec
from srn_core.face.metrics import normaliser_length, point_errors
from srn_core.model.patches import extract_patches
from srn_core.tracking.tracker import Tracker
from srn_gym.cache.crops import Crops
from srn_gym.cache.memo import Memo
from srn_gym.episodes import Episodes
from srn_gym.game import OcclusionGame
from srn_gym.games import load_game
from tests.support.faces import write_checkpoint


@pytest.fixture(scope="module")
def game(clip_spec: str, tiny_checkpoint: str) -> OcclusionGame:
    return load_game(clip_spec, tiny_checkpoint, "cpu")


def new_game(clip_spec: str, checkpoint: str, **options) -> OcclusionGame:
    """A game that shares nothing with others."""
    return OcclusionGame(load_clips(clip_spec).clips, Tracker(load_pretrained(checkpoint), "cpu"), **options)


def index(*values: int) -> torch.Tensor:
    return torch.tensor(values)


def test_candidates_wrap_round(game):
    assert game.candidates(index(0, 30, 67)).tolist() == [[67, 0, 1], [29, 30, 31], [66, 67, 0]]


def test_occluder_changes_only_its_square(game):
    clean, covered = (game.scene.occlude(index(0), index(2), index(target))[0] for target in (-1, 30))
    assert torch.equal(clean, torch.from_numpy(game.clips[0].crops(game.tracker.crop)[2]).permute(2, 0, 1))
    changed = (clean != covered).any(0).nonzero()
    centre = game.scene.landmarks[2, 30].flip(0)
    assert len(changed) > 0.9 * game.scene.occluder_side**2
    assert ((changed - centre).abs() <= game.scene.occluder_side / 2 + 1).all()


def test_noise_depends_on_seed_clip_name_and_frame_alone(clip_spec, tiny_checkpoint, game):
    def square(of: OcclusionGame, clip: int, frame: int, target: int) -> torch.Tensor:
        scene, side = of.scene, of.scene.occluder_side
        image = scene.occlude(index(clip), index(frame), index(target))[0]
        x, y = (torch.floor(scene.landmarks[scene.offsets[clip] + frame, target] + 0.5).long() - side // 2).tolist()
        return image[:, y : y + side, x : x + side]

    reference = square(game, 1, 2, 30)
    assert all(torch.equal(square(game, 1, 2, target), reference) for target in (29, 31))
    assert not torch.equal(square(game, 1, 1, 30), reference)
    assert not torch.equal(square(game, 0, 2, 30), reference)
    reordered = OcclusionGame(game.clips[1:], game.tracker)
    assert torch.equal(square(reordered, 0, 2, 30), reference)
    assert not torch.equal(square(new_game(clip_spec, tiny_checkpoint, noise_seed=1), 1, 2, 30), reference)


def test_observation_is_patches_of_the_three_covered_frames(game):
    clip, frame, landmark = index(0, 2), index(3, 1), index(0, 40)
    observation = game.observe(clip, frame, landmark)
    for action, targets in enumerate(game.candidates(landmark).T):
        images = game.scene.occlude(clip, frame, targets)
        truth = game.scene.landmarks[game.scene.offsets[clip] + frame]
        assert torch.equal(observation[:, action], extract_patches(images, truth, game.patch_size))


def test_memo_gives_what_the_tracker_says(game):
    clip, frame, target = index(0, 1, 4, 0), index(3, 0, 2, 3), index(10, -1, 67, 10)
    boxes = game.scene.boxes[game.scene.offsets[clip] + frame]
    direct, _ = game.tracker.step(game.scene.occlude(clip, frame, target), boxes, game.tracker.start(4))
    for _ in range(2):
        response = game.respond(clip, frame, target, game.tracker.start(4))
        torch.testing.assert_close(response.prediction, direct)
    predicted = game.scene.to_frame_pixels(clip, frame, response.prediction)
    truth = np.stack([game.clips[c].landmarks[t] for c, t in zip(clip.tolist(), frame.tolist(), strict=True)])
    errors = point_errors(predicted, truth, normaliser_length(truth, game.tracker.scheme)).mean(-1)
    np.testing.assert_allclose(response.nme.numpy(), errors, rtol=1e-4)


def test_memo_asks_once_and_forgets_beyond_its_budget():
    asked = []

    def predict(clip, frame, target):
        asked.extend(zip(clip.tolist(), frame.tolist(), target.tolist(), strict=True))
        return (100.0 * clip + 10 * frame + target)[:, None, None].expand(-1, 3, 2)

    memo = Memo(index(2, 3, 1), 4, (3, 2), budget_bytes=0)
    batch = index(0, 1, 2, 1), index(1, 2, 0, 0), index(2, 0, -1, 1)
    assert memo.lookup(*batch, predict)[:, 0, 0].tolist() == [12, 120, 199, 101]
    memo.lookup(index(2), index(0), index(-1), predict)
    assert len(asked) == 4
    assert memo.lookup(*batch, predict)[:, 0, 0].tolist() == [12, 120, 199, 101]
    assert len(asked) > 4


def test_another_tracker_and_another_landmark_change_the_reward(clip_spec, tmp_path, game):
    other = new_game(clip_spec, write_checkpoint(tmp_path, seed=1))
    batch = index(0, 0, 0), index(2, 2, 2), index(-1, 30, 31)
    rewards, others = (g.respond(*batch, g.tracker.start(3)).nme for g in (game, other))
    assert len(set(rewards.tolist())) == 3
    assert (rewards != others).all()


def test_table_holds_every_reward(game):
    table = game.nme_table(2)
    assert table.shape == (5, 69)
    clip, frame, target = index(2, 2), index(4, 1), index(-1, 55)
    torch.testing.assert_close(table[frame, target], game.respond(clip, frame, target, game.tracker.start(2)).nme)
    wanted = torch.rand(5, 68, generator=torch.Generator().manual_seed(0)) < 0.1
    part = game.nme_table(2, wanted)
    assert part.shape == table.shape and (~part.isnan()).sum() == wanted.sum()
    torch.testing.assert_close(part[:, :68][wanted], table[:, :68][wanted])


def test_track_mode_is_detect_mode_on_a_single_frame_and_remembers_later(clip_spec, tiny_checkpoint, game):
    tracking = new_game(clip_spec, tiny_checkpoint, mode="track")
    rewards = {}
    for name, played in (("detect", game), ("track", tracking)):
        episodes = Episodes(played, 1)
        episodes.reset([0], [np.random.default_rng(0)], {"clip": 0, "landmark": 30})
        rewards[name] = [float(episodes.step(index(1)).reward) for _ in range(3)]
    assert rewards["track"][0] == pytest.approx(rewards["detect"][0], rel=1e-5)
    assert rewards["track"][2] != pytest.approx(rewards["detect"][2], rel=1e-6)
    with pytest.raises(UserError, match="mode 'track'.*use mode 'detect'"):
        tracking.nme_table(0)


def test_a_cut_clears_the_memory(clip_spec, tiny_checkpoint):
    tracking = new_game(clip_spec, tiny_checkpoint, mode="track")
    step = index(0), index(2), index(5)
    fresh, dirty = tracking.tracker.start(1), torch.ones_like(tracking.tracker.start(1))
    before = tracking.respond(*step, dirty)
    assert not torch.equal(before.prediction, tracking.respond(*step, fresh).prediction)
    tracking.scene.cuts[2] = True
    torch.testing.assert_close(tracking.respond(*step, dirty).prediction, tracking.respond(*step, fresh).prediction)


def test_crops_are_the_same_within_a_small_budget(clip_spec):
    clips, spec = load_clips(clip_spec).clips, CropSpec(32, 1.4)
    clip, frame = index(0, 1, 2, 3, 4, 0, 2), index(5, 3, 4, 0, 2, 0, 1)
    large, small = (Crops(clips, spec, torch.device("cpu"), budget) for budget in (1 << 20, 7 * 3 * 32**2))
    expected = large.gather(clip, frame)
    assert expected.float().std() > 1
    for order in (torch.arange(7), torch.arange(6, -1, -1), index(3, 3, 4)):
        assert torch.equal(small.gather(clip[order], frame[order]), expected[order])
    with pytest.raises(UserError, match="clip '001'.*expected at most.*raise the budget"):
        Crops(clips, spec, torch.device("cpu"), 5 * 3 * 32**2)


def test_large_batches_are_split(clip_spec, tiny_checkpoint, game, monkeypatch):
    monkeypatch.setattr(srn_gym.cache.memo, "batch_size", lambda device: 2)
    split = new_game(clip_spec, tiny_checkpoint)
    batch = index(0, 1, 2, 2, 4), index(0, 1, 2, 3, 1), index(3, 13, 23, 33, 43)
    start = game.tracker.start(5)
    torch.testing.assert_close(split.respond(*batch, start).prediction, game.respond(*batch, start).prediction)


def test_srn_batch_sets_how_many_faces_are_computed_at_once(monkeypatch):
    def sizes(given: str) -> list[int]:
        monkeypatch.setenv("SRN_BATCH", given)
        asked: list[int] = []
        memo, index = Memo(torch.tensor([5]), 1, (1,)), torch.arange(5)
        memo.lookup(index * 0, index, index * 0, lambda clip, frame, column: asked.append(len(clip)) or frame[:, None].float())
        return asked

    assert (sizes(""), sizes("1"), sizes("3")) == ([5], [1] * 5, [3, 2])
    with pytest.raises(UserError, match="SRN_BATCH=none: expected a whole number of at least 1"):
        sizes("none")

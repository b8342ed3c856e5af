"""From a policy to occluded clips to a fine-tuned tracker."""

from __future__ import annotations

import dataclasses
import json
import weakref
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from agents.deepq.args import DQNArgs
from agents.deepq.training import trained_dqn
from agents.finetune import finetune
from agents.hardening.args import FinetuneArgs
from agents.hardening.placements import placements
from agents.hardening.run import FinetuningRun
from agents.playing.rollout import play
from agents.policies.named import named_policy
from srn_core.checkpoints import load_card, load_pretrained
from srn_core.data import load_clips
from srn_core.data.clip import Clip, continuous
from srn_core.errors import UserError
from srn_core.io.tensors import load_tensors
from srn_core.tracking.tracker import Tracker
from srn_core.training.args import TrainArgs
from srn_core.training.augment import PlacedOccluders, draw_batch
from srn_core.training.pool import FacePool
from srn_core.training.teachers import taught
from srn_core.training.train import train
from srn_gym.game import OcclusionGame
from tests.support.faces import TINY, write_checkpoint


def small_args(clip_spec: str, tracker: str, out: Path, **changes) -> FinetuneArgs:
    options = {"steps": 6, "batch": 8, "sequence": 2, "refresh": 2, "val_every": 3, "device": "cpu", "policy": "greedy"}
    return FinetuneArgs(out=out, clips=(clip_spec,), val=(clip_spec,), tracker=tracker, **{**options, **changes})


@pytest.fixture(scope="module")
def dotted_pool(clip_spec) -> FacePool:
    """A pool of grey faces on which landmark 36 is a white dot: where it lies in an augmented crop is seen, not computed."""
    pool = FacePool(load_clips(clip_spec).clips, TINY, torch.device("cpu"))
    pool.crops[:] = 60
    for image, (x, y) in zip(pool.crops, np.round(pool.landmarks[:, 36]).astype(int), strict=True):
        image[y - 1 : y + 2, x - 1 : x + 2] = 255
    return pool


def dots(images: torch.Tensor) -> torch.Tensor:
    """The brightest pixel ``(x, y)`` of each face: ``(T, B, 2)``."""
    brightest = images.mean(2).flatten(2).argmax(2)
    return torch.stack([brightest % TINY.image_size, brightest // TINY.image_size], -1)


@pytest.mark.parametrize("occlusion", ["square", "varied"])
def test_the_occluder_sits_on_the_policys_landmark_in_augmented_crops(dotted_pool, occlusion):
    placed = PlacedOccluders(np.full(len(dotted_pool), 36), share=1.0)
    clean = draw_batch(dotted_pool, TINY, (0, 1), 64, 2, "none")
    covered = draw_batch(dotted_pool, TINY, (0, 1), 64, 2, occlusion, placed)
    assert torch.equal(clean.truth, covered.truth)
    dot = dots(clean.images)
    inside = ((dot > 8) & (dot < TINY.image_size - 9)).all(-1)
    mirrored = (dot - clean.truth[:, :, 45]).norm(dim=-1) < (dot - clean.truth[:, :, 36]).norm(dim=-1)
    assert inside.float().mean() > 0.5
    assert 0.2 < mirrored.float().mean() < 0.8
    changed = (covered.images - clean.images).abs().amax(2) > 0.15
    frame, face = torch.meshgrid(torch.arange(2), torch.arange(64), indexing="ij")
    assert changed[frame, face, dot[..., 1], dot[..., 0]][inside].float().mean() > 0.9
    if occlusion == "square":
        pixels = torch.arange(TINY.image_size, dtype=torch.float32)
        weight = changed.flatten(2).sum(2)
        centre = torch.stack([(changed.sum(2) * pixels).sum(2), (changed.sum(3) * pixels).sum(2)], -1) / weight[..., None]
        assert (centre - dot)[inside].norm(dim=-1).quantile(0.9) < 2


def test_no_target_no_share_no_occluder_and_stills_keep_theirs(dotted_pool):
    nothing = draw_batch(dotted_pool, TINY, (0, 2), 16, 2, "none").images
    for targets, share in ((-1, 1.0), (36, 0.0)):
        placed = PlacedOccluders(np.full(len(dotted_pool), targets), share)
        clean = draw_batch(dotted_pool, TINY, (0, 2), 16, 2, "square", placed).images
        # The occluder's noise is drawn, if not shown: what follows it in the generator differs, a grain of 3 %.
        assert (clean - nothing).abs().max() < 0.3
    half = PlacedOccluders(np.full(len(dotted_pool), 36), 0.5)
    clean, mixed = (draw_batch(dotted_pool, TINY, (0, 2), 64, 2, *how).images for how in (("none",), ("square", half)))
    covered = ((mixed - clean).abs().amax(2) > 0.3).flatten(2).sum(2) > 20
    assert 0.3 < covered.float().mean() < 0.7
    assert torch.equal(covered[0], covered[1])


def test_a_pass_visits_every_frame_once_with_noise_of_its_own(clip_spec, tiny_checkpoint):
    clips, tracker = load_clips(clip_spec).clips, Tracker(load_pretrained(tiny_checkpoint), "cpu")
    first, again, second, other = (
        list(placements(clips, tracker, "random-jump", seed, number)) for seed, number in ((0, 0), (0, 0), (0, 1), (1, 0))
    )
    assert [(p.clip, p.frame) for p in first] == [(c, t) for c, clip in enumerate(clips) for t in range(len(clip))]
    assert first == again
    for passed in (second, other):
        assert passed[0].noise_seed != first[0].noise_seed
        assert [p.target for p in passed] != [p.target for p in first]
    assert {p.target for p in placements(clips, tracker, "none", 0, 0)} == {-1}


def test_games_that_were_played_are_freed(clip_spec, tiny_checkpoint, monkeypatch):
    clips, tracker = load_clips(clip_spec).clips, Tracker(load_pretrained(tiny_checkpoint), "cpu")
    games: list[weakref.ref] = []

    def noted(*args, **rules) -> OcclusionGame:
        game = OcclusionGame(*args, **rules)
        games.append(weakref.ref(game))
        return game

    monkeypatch.setattr("agents.hardening.placements.CLIPS_AT_ONCE", 1)
    monkeypatch.setattr("agents.hardening.placements.OcclusionGame", noted)
    alive = [sum(game() is not None for game in games) for _ in placements(clips, tracker, "static", 0, 0)]
    assert len(games) == len(clips) and max(alive) <= 2


def test_on_a_share_of_the_clips_the_occluder_is_placed_at_random(clip_spec, tiny_checkpoint, tmp_path):
    """Random-jump plays whole clips, other ones in each pass. The policy, here none, plays the rest."""
    args = small_args(clip_spec, tiny_checkpoint, tmp_path / "run", policy="none", random_share=0.5)
    run = FinetuningRun(args, tiny_checkpoint, "none", tmp_path / "run/round-1", 1)
    at_random = list(placements(run.clips, run.victim, "random-jump", run.args.seed, 3))
    chosen = []
    for number in range(8):
        played = run.placements(number)
        covered = [{p.target >= 0 for p in played if p.clip == clip} for clip in range(len(run.clips))]
        assert all(len(kinds) == 1 for kinds in covered)
        chosen.append([kinds == {True} for kinds in covered])
        if number == 3:
            assert {p for p in played if p.target >= 0} <= set(at_random)
    assert 0.2 < np.mean(chosen) < 0.8
    assert len({tuple(row) for row in chosen}) > 1


def test_the_training_learns_the_teachers_answers_and_the_game_keeps_the_labels(clip_spec, tiny_checkpoint, tmp_path):
    args = small_args(clip_spec, tiny_checkpoint, tmp_path / "run", teacher=(tiny_checkpoint,), teacher_share=1.0)
    run = FinetuningRun(args, tiny_checkpoint, "none", tmp_path / "run/round-1", 1)
    clips = load_clips(clip_spec).clips
    answers = FacePool(taught(clips, [tiny_checkpoint], 1.0, "cpu"), run.config, torch.device("cpu"))
    np.testing.assert_allclose(run.pool.landmarks, answers.landmarks, atol=0.05)
    assert np.abs(run.pool.landmarks - FacePool(clips, run.config, torch.device("cpu")).landmarks).max() > 1
    for clip, given in zip(run.clips, clips, strict=True):
        np.testing.assert_array_equal(clip.landmarks, given.landmarks)


def test_a_fine_tuned_head_for_certainty_is_calibrated(clip_spec, tmp_path):
    sure = write_checkpoint(tmp_path / "sure", 0, dataclasses.replace(TINY, certainty="on"))
    finetune(small_args(clip_spec, sure, tmp_path / "run", policy="random-jump"))
    assert load_card(tmp_path / "run")["certainty"]


def test_the_training_finds_a_placement_by_its_clip_and_frame(clip_spec, tiny_checkpoint, tmp_path, monkeypatch):
    args = small_args(clip_spec, tiny_checkpoint, tmp_path / "run")
    run = FinetuningRun(args, tiny_checkpoint, "random-jump", tmp_path / "run/round-1", 1)
    expected = run.targets(0)
    first, backwards = 0, list(reversed(run.placements(0)))
    for number, clip in enumerate(run.clips):
        mine = sorted(p for p in backwards if p.clip == number)
        assert [p.target for p in mine] == expected[first : first + len(clip)].tolist()
        first += len(clip)
    monkeypatch.setattr(run, "placements", lambda number: backwards)
    assert np.array_equal(run.targets(1), expected)


def test_on_a_still_a_policy_has_the_time_to_look_for_its_place(clip_spec, lively_tracker):
    """Greedy steps lead uphill: to a landmark worse than both neighbours, unless the moves run out on the way."""
    clips = load_clips(clip_spec).clips
    stills = [
        Clip(
            f"{clip.name}-{t}", clip.landmarks[t:][:1], clip.boxes[t:][:1], partial(still, clip, t), continuous(1), clip.scheme
        )
        for clip in clips
        for t in range(len(clip))
    ]
    passed = list(placements([*clips, *stills], lively_tracker, "greedy", 0, 0))
    counts = [len(clip) for clip in clips] + [1] * len(stills)
    assert [(p.clip, p.frame) for p in passed] == [(c, t) for c, count in enumerate(counts) for t in range(count)]
    game = OcclusionGame(stills, lively_tracker, noise_seed=passed[0].noise_seed)
    on_top = []
    for number, placement in enumerate(passed[-len(stills) :]):
        errors = game.nme_table(number)[0]
        around = game.neighbours[placement.target].cpu()
        on_top.append(errors[placement.target] >= errors[around].max())
    assert np.mean(on_top) > 0.9


def still(clip: Clip, t: int, _: int) -> np.ndarray:
    return clip.frame(t)


def test_resumed_fine_tuning_equals_uninterrupted_bit_for_bit(clip_spec, tiny_checkpoint, tmp_path, monkeypatch):
    finetune(small_args(clip_spec, tiny_checkpoint, tmp_path / "whole"))
    save = FinetuningRun.validate_and_save

    def save_and_stop(self, step):
        save(self, step)
        if step:
            raise InterruptedError

    monkeypatch.setattr(FinetuningRun, "validate_and_save", save_and_stop)
    with pytest.raises(InterruptedError):
        finetune(small_args(clip_spec, tiny_checkpoint, tmp_path / "parts"))
    monkeypatch.undo()
    assert load_tensors(tmp_path / "parts/round-1/state.safetensors")[1]["step"] == 3
    finetune(small_args(clip_spec, tiny_checkpoint, tmp_path / "parts", resume=True))
    for file in ("round-1/state.safetensors", "model.safetensors"):
        (whole, card), (parts, other) = (load_tensors(tmp_path / name / file) for name in ("whole", "parts"))
        assert whole.keys() == parts.keys()
        assert all(torch.equal(whole[name], parts[name]) for name in whole)
        for own in ("arguments", "seconds"):
            card.pop(own, None), other.pop(own, None)
        assert card == other
    assert list((tmp_path / "parts/round-1").glob("events.out.tfevents.*"))


def test_a_refused_resume_leaves_the_rounds_dqn_as_it_is(clip_spec, tmp_path):
    tracker = write_checkpoint(tmp_path / "tracker", seed=0)
    args = small_args(clip_spec, tracker, tmp_path / "run", steps=2, policy="dqn", dqn_steps=64)
    finetune(args)
    before = (tmp_path / "run/round-1/dqn/state.safetensors").read_bytes()
    with pytest.raises(UserError, match="started with dqn-steps 64"):
        finetune(dataclasses.replace(args, dqn_steps=128, resume=True))
    write_checkpoint(tmp_path / "tracker", seed=1)
    with pytest.raises(UserError, match="weights have changed"):
        finetune(dataclasses.replace(args, steps=4, resume=True))
    assert (tmp_path / "run/round-1/dqn/state.safetensors").read_bytes() == before
    with pytest.raises(UserError, match="holds a DQN of 64 steps; expected 16"):
        trained_dqn(DQNArgs(clips=clip_spec, total_steps=16, num_envs=32, run_dir=tmp_path / "run/round-1/dqn"))
    with pytest.raises(UserError, match="was started with .*mode detect"):
        trained_dqn(DQNArgs(clips=clip_spec, total_steps=64, mode="track", run_dir=tmp_path / "run/round-1/dqn"))


def test_two_seeds_differ_and_a_clean_loss_is_reported(clip_spec, tiny_checkpoint, tmp_path, capsys):
    for seed in (0, 1):
        finetune(small_args(clip_spec, tiny_checkpoint, tmp_path / str(seed), seed=seed, policy="random-jump"))
    first, second = (load_tensors(tmp_path / str(seed) / "model.safetensors")[0] for seed in (0, 1))
    assert not torch.equal(first["hsrm.global_shape.weight"], second["hsrm.global_shape.weight"])
    assert load_card(tmp_path / "0")["clean_kept"]
    capsys.readouterr()
    finetune(small_args(clip_spec, tiny_checkpoint, tmp_path / "wild", policy="random-jump", lr=1.0))
    assert not load_card(tmp_path / "wild")["clean_kept"]
    assert "the clean error of all weights rose by more than 1%" in capsys.readouterr().out


@pytest.mark.parametrize("occlusion", ["square", "varied"])
def test_a_saved_data_set_loads_again(clip_spec, tiny_checkpoint, tmp_path, occlusion):
    saved = tmp_path / "set"
    finetune(small_args(clip_spec, tiny_checkpoint, tmp_path / "run", steps=1, save=saved, occlusion=occlusion))
    originals, clips = load_clips(clip_spec).clips, load_clips(f"300vw:{saved}").clips
    manifest = json.loads((saved / "manifest.json").read_text())
    assert manifest["policy"] == "greedy" and "drawn for this data set alone" in manifest["occluders"]
    assert [len(clip) for clip in clips] == [len(clip) for clip in originals]
    for original, clip in zip(originals, clips, strict=True):
        np.testing.assert_allclose(clip.landmarks, original.landmarks, atol=1e-3)
        for t, target in enumerate(manifest["clips"][clip.name]["landmarks"]):
            before, after = original.frame(t), clip.frame(t)
            changed = (before != after).any(-1)
            x, y = np.round(original.landmarks[t, target]).astype(int)
            assert 0.002 < changed.mean() < 0.5
            assert changed[y - 3 : y + 4, x - 3 : x + 4].mean() > 0.5
    assert not list(tmp_path.glob(".set*"))
    with pytest.raises(UserError, match="already exists"):
        finetune(small_args(clip_spec, tiny_checkpoint, tmp_path / "second", save=saved))


def test_rounds_train_a_dqn_against_the_tracker_of_the_round_before(clip_spec, tiny_checkpoint, tmp_path):
    args = small_args(clip_spec, tiny_checkpoint, tmp_path / "run", policy="dqn", dqn_steps=64, steps=2, rounds=2)
    assert finetune(args) == tmp_path / "run"
    victims = [load_tensors(tmp_path / f"run/round-{n}/dqn/policy.safetensors")[1]["arguments"]["tracker"] for n in (1, 2)]
    assert victims == [tiny_checkpoint, str(tmp_path / "run/round-1")]
    final, last = (load_tensors(tmp_path / name / "model.safetensors")[0] for name in ("run", "run/round-2"))
    assert all(torch.equal(final[name], last[name]) for name in final)


def test_what_cannot_be_used_is_refused(clip_spec, tiny_checkpoint, tmp_path):
    def refused(match: str, clips: str = clip_spec, **changes) -> None:
        with pytest.raises(UserError, match=match):
            finetune(small_args(clips, tiny_checkpoint, tmp_path / "run", **changes))

    refused("masked faces are for evaluation", clips=f"{clip_spec}?masked=1")
    refused("nothing to resume", resume=True)
    refused("occluded-share", occluded_share=1.5)
    refused("random-share", random_share=-0.1)
    refused("teacher-share", teacher_share=1.5)
    refused("/no/teacher", teacher=("/no/teacher",), policy="dqn")
    cofw = write_checkpoint(tmp_path / "cofw", 0, dataclasses.replace(TINY, scheme="29"))
    refused("has the scheme 29; expected 68", teacher=(cofw,), policy="dqn")
    refused("steps", steps=0)
    refused("policy 'clever'", policy="clever")
    refused("--batch 8: expected a multiple of 3", policy="dqn", batch=8, sequence=3)
    refused("/no/such", policy="dqn", clips="300w:/no/such")
    assert not (tmp_path / "run/round-1/dqn").exists()
    assert not (tmp_path / "run/model.safetensors").exists()
    finetune(small_args(clip_spec, tiny_checkpoint, tmp_path / "used", steps=1, policy="none"))
    with pytest.raises(UserError, match="--resume"):
        finetune(small_args(clip_spec, tiny_checkpoint, tmp_path / "used"))
    with pytest.raises(UserError, match="already holds a checkpoint; give another --out"):
        finetune(small_args(clip_spec, tiny_checkpoint, Path(tiny_checkpoint), resume=True))
    refused("is --out or contains it", save=tmp_path / "run")
    refused("is --out or contains it", save=tmp_path)
    with pytest.raises(UserError, match=r"--save .* already exists"):
        finetune(small_args(clip_spec, tiny_checkpoint, tmp_path / "used", resume=True, save=tmp_path / "used" / "round-1"))
    with pytest.raises(UserError, match="started with policy none, lr 0.0001; resume it with the same"):
        finetune(small_args(clip_spec, tiny_checkpoint, tmp_path / "used", steps=1, policy="greedy", lr=5.0, resume=True))


def worst_case(checkpoint: Path, spec: str) -> float:
    """Mean NME, percent, under the exact optimum against this very tracker, with noise that no training saw."""
    game = OcclusionGame(load_clips(spec).clips, Tracker(load_pretrained(checkpoint), "cpu"), noise_seed=77)
    policy = named_policy("optimal", game, lambda: game)
    return 100 * float(play(game, policy, len(game.clips), 0).mean_nme.mean())


@pytest.mark.slow
def test_fine_tuning_on_the_optimums_occluders_lowers_the_worst_case(tiny_checkpoint, tmp_path):
    """On rendered heads, whose pictures say where the landmarks are; clean fine-tuning alone does not help."""
    spec, base = "demo?split=train&limit=2", tmp_path / "base"
    clean = {"batch": 16, "sequence": 2, "device": "cpu"}
    rates = {"steps": 300, "lr": 3e-3, "ema": 0.9, "warmup": 20}
    train(TrainArgs(data=(spec,), out=base, init=tiny_checkpoint, occlusion="none", **rates, **clean))
    before = worst_case(base, spec)
    options = {"steps": 100, "lr": 2e-3, "refresh": 100, "val_every": 50, **clean}
    for seed in range(3):
        out = tmp_path / f"optimal-{seed}"
        finetune(small_args(spec, str(base), out, policy="optimal", seed=seed, **options))
        assert worst_case(out, spec) < 0.85 * before
    finetune(small_args(spec, str(base), tmp_path / "none", policy="none", **options))
    assert worst_case(tmp_path / "none", spec) > 0.93 * before

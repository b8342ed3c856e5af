"""Folds of people: trainings that leave them out, and the victim that answers with the tracker that has not met a person."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from agents.deepq.args import DQNArgs
from agents.dqn import train_dqn
from agents.playing.rollout import play
from agents.policies.trained import load_policy
from srn_core import SRN
from srn_core.checkpoints import load_card, save_pretrained
from srn_core.data import load_clips
from srn_core.data.spec import parse_spec
from srn_core.data.splits import Fold, fold_of, read_fold
from srn_core.errors import UserError
from srn_core.training.args import TrainArgs
from srn_core.training.fold import fold_card, leave_out
from srn_core.training.train import TrainingRun
from srn_core.victims.protocol import ClipVictim
from srn_core.victims.registry import is_own, is_srn, load_victim
from srn_gym.cache.store import Store
from srn_gym.games import load_game
from tests.support.faces import TINY, write_checkpoint, write_clip

COUNT = 2


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    """Clips of five people, of whom two appear twice."""
    folder = tmp_path_factory.mktemp("people")
    people = {"001": "ada", "002": "ben", "003": "cleo", "004": "dan", "005": "ada", "006": "eve"}
    for name in people:
        write_clip(folder / name, 3, np.random.default_rng(int(name)))
    (folder / "people.txt").write_text("".join(f"{clip} {person}\n" for clip, person in people.items()), encoding="utf-8")
    return f"300vw:{folder}"


def write_fold(folder, seed: int, fold: Fold, spec: str, **changes) -> None:
    """What ``srn train --fold`` would save, with untrained weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = SRN(TINY)
        for layer in (*model.hsrm.groups.values(), model.hsrm.global_shape):
            torch.nn.init.normal_(layer.weight, std=0.3)
    *_, left_out = leave_out(fold, load_clips(spec).clips, {})
    arguments = {"data": [spec], "steps": 6, "out": str(folder), "fold": str(fold), "init": None, **changes}
    save_pretrained(model, folder, {"arguments": arguments, "fold": fold_card(fold, left_out, None)})


@pytest.fixture(scope="module")
def folds(tmp_path_factory, spec):
    folder = tmp_path_factory.mktemp("folds")
    for number in (1, 2):
        write_fold(folder / f"f{number}", number, Fold(number, COUNT), spec)
    return folder


def test_folds_are_equal_parts_that_depend_on_the_name_alone():
    names = [f"person {i}" for i in range(3000)]
    parts = [fold_of(name, 3) for name in names]
    assert set(parts) == {1, 2, 3} and min(map(parts.count, (1, 2, 3))) > 900
    assert parts == [fold_of(name, 3) for name in names]
    assert read_fold("2/3", "--fold 2/3") == Fold(2, 3)
    for text in ("0/2", "3/2", "1/1", "1", "a/b", "1/2/3"):
        with pytest.raises(UserError, match="expected k/K"):
            read_fold(text, f"--fold {text}")
        with pytest.raises(UserError, match=f"'demo.fold={text}': fold={text}: expected k/K"):
            parse_spec(f"demo?fold={text}")


def test_the_folds_of_a_spec_hold_each_person_once_and_those_whom_the_training_leaves_out(spec, folds):
    everything = load_clips(spec).clips
    for number in (1, 2):
        kept = load_clips(f"{spec}?fold={number}/2").clips
        assert {clip.person for clip in kept} == set(load_card(folds / f"f{number}")["fold"]["left_out"])
        assert [clip.name for clip in kept] == [clip.name for clip in everything if fold_of(clip.person, 2) == number]
        assert [clip.name for clip in load_clips(f"{spec}?fold={number}/2&limit=1").clips] == [kept[0].name]
    with pytest.raises(UserError, match="no clips"):
        load_clips(f"{spec}?limit=1&fold=1/1000")


def test_a_training_leaves_the_people_out_and_its_card_says_so(spec, tmp_path):
    args = TrainArgs(data=(spec,), val=(spec,), out=tmp_path / "run", fold="1/2", steps=1, batch=4, sequence=2, device="cpu")
    run = TrainingRun(args)
    left_out = {clip.person for clip in load_clips(spec).clips if fold_of(clip.person, 2) == 1}
    assert left_out and {clip.person for clip in run.clips} == {clip.person for clip in load_clips(spec).clips} - left_out
    assert not left_out & {clip.person for clips in run.validation.values() for clip in clips}
    assert run.card(1, {})["fold"] == {"number": 1, "parts": 2, "left_out": sorted(left_out), "init": None}
    run.close_log()


def test_weights_that_may_have_met_the_people_are_no_start(spec, folds, tiny_checkpoint):
    for init in (tiny_checkpoint, str(folds / "f2")):
        with pytest.raises(UserError, match="may have met"):
            fold_card(Fold(1, 2), ["ada"], init)
    assert fold_card(Fold(1, 2), ["ada"], str(folds / "f1"))["init"]["steps"] == 6


def test_nothing_left_to_train_on_is_refused(spec):
    clip = load_clips(spec).clips[0]
    with pytest.raises(UserError, match="leaves out all 1 people"):
        leave_out(Fold(fold_of(clip.person, 2), 2), [clip], {})


@pytest.mark.parametrize("mode", ["detect", "track"])
@pytest.mark.parametrize("observation", ["patches", "features", "response", "change", "memory"])
def test_each_clip_is_answered_as_by_its_tracker_alone(spec, folds, mode, observation):
    rules = {"mode": mode, "observation": observation, "reward": "excess"}
    game = load_game(spec, f"crossfit:{folds}", "cpu", Store(), **rules)
    alone = [load_game(spec, str(folds / f"f{k}"), "cpu", Store(), **rules) for k in (1, 2)]
    clip = torch.arange(6).repeat(2)
    frame, landmark = torch.arange(12) % 3, torch.arange(12) * 5
    state = torch.randn(game.tracker.start(12).shape, generator=torch.Generator().manual_seed(0)) if mode == "track" else None
    state = game.tracker.start(12) if state is None else state
    found, seen = game.respond(clip, frame, landmark, state), game.observe(clip, frame, landmark)
    used = set()
    for i in range(12):
        number = fold_of(game.clips[int(clip[i])].person, COUNT)
        used.add(number)
        assert game.clips[int(clip[i])].person in load_card(folds / f"f{number}")["fold"]["left_out"]
        one = slice(i, i + 1)
        expected = alone[number - 1].respond(clip[one], frame[one], landmark[one], state[one])
        for value, wanted in zip(found, expected, strict=True):
            torch.testing.assert_close(value[one], wanted, atol=1e-4, rtol=1e-4)
        shown = alone[number - 1].observe(clip[one], frame[one], landmark[one])
        torch.testing.assert_close(seen[one].float(), shown.float(), atol=2e-3, rtol=2e-3)
        other = alone[2 - number].respond(clip[one], frame[one], landmark[one], state[one])
        assert not torch.allclose(other.prediction, expected.prediction, atol=1e-2)
    assert used == {1, 2}


def test_a_policy_trained_against_it_plays_against_any_tracker(spec, folds, tmp_path, tiny_checkpoint):
    args = DQNArgs(
        clips=spec, tracker=f"crossfit:{folds}", device="cpu", run_dir=tmp_path / "run", total_steps=64, num_envs=8,
        learning_starts=32, batch_size=16, capacity=64, view="response",
    )  # fmt: skip
    run = train_dqn(args)
    for tracker in (f"crossfit:{folds}", tiny_checkpoint):
        game = load_game(spec, tracker, "cpu")
        assert (play(game, load_policy(run), 6, seed=0).returns > 0).all()
    with pytest.raises(UserError, match="several trunks"):
        dataclasses.replace(args, trunk="tuned")
    train_dqn(dataclasses.replace(args, total_steps=96, resume=True))


def test_who_has_met_whom_must_be_known(spec, folds, clip_spec):
    name = f"crossfit:{folds}"
    assert not is_srn(name) and not is_own(name) and not is_own("crossfit:runs")
    victim = load_victim(name, "cpu")
    assert isinstance(victim, ClipVictim)
    with pytest.raises(UserError, match="do not name '001', the person of clip '001'"):
        load_game(clip_spec, name, "cpu", Store())
    with pytest.raises(UserError, match="depends on the clip"):
        victim.step(torch.zeros(1, 3, 56, 56), torch.zeros(1, 4), victim.start(1))


def test_folders_that_are_no_cross_fit_are_refused(spec, tmp_path):
    def refused(match: str) -> None:
        with pytest.raises(UserError, match=match):
            load_victim(f"crossfit:{tmp_path}", "cpu")

    refused("no checkpoints")
    write_fold(tmp_path / "a", 1, Fold(1, 2), spec)
    refused(r"holds the folds 1/2 \(a\); expected each of 1/2 to 2/2 once")
    write_fold(tmp_path / "b", 2, Fold(2, 2), spec, steps=7)
    refused("different --steps")
    write_fold(tmp_path / "b", 2, Fold(2, 2), spec, out="elsewhere")
    before = load_victim(f"crossfit:{tmp_path}", "cpu").key
    write_fold(tmp_path / "b", 3, Fold(2, 2), spec)
    assert load_victim(f"crossfit:{tmp_path}", "cpu").key != before
    write_checkpoint(tmp_path / "c", 0)
    refused("belongs to no fold")

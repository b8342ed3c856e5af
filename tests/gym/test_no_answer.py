"""A victim without an answer ends the game with one line; it is never counted as a frame without error."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from agents.deepq.args import DQNArgs
from agents.dqn import train_dqn
from agents.playing.rollout import play
from agents.policies.named import NAMES, named_policy
from srn_core.errors import UserError
from srn_core.victims.constant import ConstantVictim
from srn_core.victims.registry import load_victim
from srn_gym.game import OcclusionGame
from srn_gym.games import load_game
from tests.support.no_answer import NONSENSE

NO_ANSWER = r"victim '.*': no answer for clip .*, frame \d+ .*expected finite landmarks"


@pytest.mark.parametrize("answer", ["nan", "one_nan", "infinite", "far_away", "minus_one"])
@pytest.mark.parametrize("policy", ["none", "random-jump", "greedy", "optimal"])
@pytest.mark.parametrize("mode", ["detect", "track"])
def test_no_answer_is_an_error_for_every_policy(answer: str, policy: str, mode: str, clip_spec: str) -> None:
    game = load_game(clip_spec, f"tests.support.no_answer:{answer}", "cpu", mode=mode)
    assert policy in NAMES
    with pytest.raises(UserError, match=NO_ANSWER):
        play(game, named_policy(policy, game, lambda: game), 4, 0)


def test_the_error_names_victim_clip_and_frame(clip_spec: str) -> None:
    game = load_game(clip_spec, "tests.support.no_answer:nan", "cpu")
    with pytest.raises(UserError) as found:
        game.nme_table(1, wanted=torch.eye(4, 68, dtype=torch.bool))
    # It answers the first two of the four faces.
    assert f"victim 'tests.support.no_answer:nan': no answer for clip {game.clips[1].name}, frame 2" in str(found.value)


def test_training_stops_and_saves_no_weights_that_are_nan(clip_spec: str, tmp_path: Path) -> None:
    args = DQNArgs(
        clips=clip_spec, tracker="tests.support.no_answer:nan", encoder="srn-small", run_dir=tmp_path / "run", device="cpu",
        total_steps=64, num_envs=8, learning_starts=32, batch_size=8, capacity=32,
    )  # fmt: skip
    with pytest.raises(UserError, match=NO_ANSWER):
        train_dqn(args)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_victim_that_always_answers_is_not_stopped(clip_spec: str) -> None:
    game = load_game(clip_spec, "constant", "cpu")
    assert isinstance(game, OcclusionGame) and isinstance(game.tracker, ConstantVictim)
    table = game.nme_table(0)
    assert torch.isfinite(table).all()
    json.dumps(table.tolist(), allow_nan=False)


@pytest.mark.parametrize("answer", NONSENSE)
@pytest.mark.parametrize("mode", ["detect", "track"])
def test_what_is_no_landmarks_is_an_error(answer: str, mode: str, clip_spec: str) -> None:
    """Some of these shapes fit by chance, and would count as other landmarks or as those of another face."""
    game = load_game(clip_spec, f"tests.support.no_answer:{answer}", "cpu", mode=mode)
    expected = "expected landmarks .4, 68, 2. in crop pixels and a state .4, 0."
    with pytest.raises(UserError, match=f"victim 'tests.support.no_answer:{answer}': (returns|fails on) .*{expected}"):
        play(game, named_policy("none", game, lambda: game), 4, 0)


def test_a_function_that_fails_is_named() -> None:
    with pytest.raises(
        UserError, match=r"no_answer:fails_at_once': fails_at_once\(cpu\) fails \(ValueError: no weights here\)"
    ):
        load_victim("tests.support.no_answer:fails_at_once", "cpu")


@pytest.mark.parametrize("mode", ["detect", "track"])
def test_other_kinds_of_numbers_are_the_same_landmarks(mode: str, clip_spec: str) -> None:
    games = [load_game(clip_spec, name, "cpu", mode=mode) for name in ("constant", "tests.support.no_answer:doubles")]
    plain, doubles = (play(game, named_policy("static", game, lambda: games[0]), 3, 0) for game in games)
    np.testing.assert_allclose(plain.nme, doubles.nme, rtol=1e-5)

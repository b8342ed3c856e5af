"""A victim without an answer ends the game with one line; it is never counted as a frame without error."""

import json
from pathlib import Path

import pytest
import torch

from agents.deepq.args import DQNArgs
from agents.dqn import train_dqn
from agents.playing.rollout import play
from agents.policies.named import NAMES, named_policy
from srn_core.errors import UserError
from srn_core.victims.constant import ConstantVictim
from srn_gym.game import OcclusionGame
from srn_gym.games import load_game

NO_ANSWER = r"victim '.*': no answer for clip .*, frame \d+ .*expected finite landmarks"


@pytest.mark.parametrize("answer", ["nan", "one_nan", "infinite"])
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

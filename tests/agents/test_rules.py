"""The rules of the game as options: the same for every command, saved with a run, and checked."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re

import pytest

import agents.dqn
import agents.evaluate
import agents.sb3
import benchmarks.compare_policies
import srn_gym.play
from agents.deepq.args import DQNArgs
from agents.hardening.placements import placements
from agents.playing.rollout import play
from agents.policies.named import named_policy
from agents.policies.trained import trained_rules
from agents.run_folder import POLICY
from srn_core.io.tensors import load_tensors
from srn_gym.games import load_game
from srn_gym.rules import GameRules, Rules, TrainingRules, rules_of

TRAINING = (agents.dqn, agents.sb3)
PLAYING = (*TRAINING, agents.evaluate, benchmarks.compare_policies, srn_gym.play)
CHANGED = ["--occluder", "black", "--neighbourhood", "graph", "--no-noise-per-frame", "--occluder-size", "60"]


def call(module, monkeypatch, *words: str) -> None:
    monkeypatch.setattr("sys.argv", [module.__name__, *words])
    module.main()


def names(kind: type) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


def test_a_run_is_evaluated_by_the_rules_of_its_training(clip_spec, tiny_checkpoint, tmp_path, monkeypatch):
    shared = ["--clips", clip_spec, "--tracker", tiny_checkpoint, "--device", "cpu"]
    sizes = ["--total-steps", "64", "--num-envs", "8", "--learning-starts", "32", "--eval-episodes", "5"]
    run = tmp_path / "run"
    # Views of patches without a plan: a policy that does not end on the same landmark by both rules.
    options = [
        *shared,
        *sizes,
        *CHANGED,
        "--view",
        "parts",
        "--plan",
        "none",
        "--reward-cap",
        "0.2",
        "--val-clips",
        clip_spec,
        "--run-dir",
        str(run),
    ]
    call(agents.dqn, monkeypatch, *options)
    saved = load_tensors(run / POLICY)[1]["arguments"]
    rules = Rules(**{name: saved[name] for name in names(TrainingRules)})
    expected = {"occluder": "black", "neighbourhood": "graph", "noise_per_frame": False, "occluder_size": 60}
    assert rules == Rules(reward="excess", reward_cap=0.2, **expected)

    def optimum(**rules) -> float:
        game = load_game(clip_spec, tiny_checkpoint, "cpu", **rules)
        return 100 * float(play(game, named_policy("optimal", game, lambda: game), 5, saved["seed"]).mean_nme.mean())

    evaluation = json.loads((run / "evaluation.json").read_text())
    figures = {row["policy"]: row["nme_mean"] for row in evaluation["policies"]}
    assert {name: evaluation[name] for name in names(GameRules)} == rules_of(rules)
    assert figures["optimal"] == pytest.approx(optimum(**dataclasses.asdict(rules)))
    assert figures["optimal"] != pytest.approx(optimum(), rel=1e-4)

    game = load_game(clip_spec, tiny_checkpoint, "cpu", **{**dataclasses.asdict(rules), "reward": "nme"})
    assert trained_rules(str(run)) == rules_of(rules) and trained_rules("greedy") == rules_of(GameRules())
    placed = list(placements(game.clips, game.tracker, str(run), 0, 0))
    moves = [(a.target, b.target) for a, b in itertools.pairwise(placed) if a.clip == b.clip]
    assert moves and all(after in game.neighbours[before] for before, after in moves)

    file = tmp_path / "again.json"
    play_again = ["--policy", str(run), "--episodes", "5", "--seed", str(saved["seed"]), "--json", str(file)]
    call(agents.evaluate, monkeypatch, *shared, *play_again, *CHANGED)
    assert json.loads(file.read_text())["nme_mean"] == pytest.approx(figures[str(run)])
    call(agents.evaluate, monkeypatch, *shared, *play_again)
    assert json.loads(file.read_text())["nme_mean"] != pytest.approx(figures[str(run)], rel=1e-4)


@pytest.mark.parametrize("module", PLAYING, ids=lambda module: module.__name__)
def test_help_shows_the_rules_of_the_command_and_their_units(module, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "300")
    with pytest.raises(SystemExit) as end:
        call(module, monkeypatch, "--help")
    assert end.value.code == 0
    text = capsys.readouterr().out
    shown = names(TrainingRules if module in TRAINING else GameRules) | ({"observation"} if module is agents.sb3 else set())
    options = {name.replace("-", "_") for name in re.findall(r"--([a-z-]+)", text)}
    assert options & names(Rules) == shown
    assert "--no-noise-per-frame" in text
    assert "pixels of a 224 px crop" in text


@pytest.mark.parametrize(
    ("module", "words", "message"),
    [
        (agents.dqn, ["--reward-cap", "0"], "error: reward_cap 0"),
        (agents.dqn, ["--occluder-size", "0"], "error: occluder_size 0"),
        (agents.evaluate, ["--policy", "static", "--occluder-size", "0"], "error: occluder_size 0"),
        (benchmarks.compare_policies, ["--policies", "static", "--occluder-size", "-3"], "error: occluder_size -3"),
        (agents.evaluate, ["--policy", "static", "--occluder", "scarf"], "'scarf'"),
    ],
)
def test_a_bad_value_ends_with_status_2(module, words, message, clip_spec, tiny_checkpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        call(module, monkeypatch, "--clips", clip_spec, "--tracker", tiny_checkpoint, *words)
    assert end.value.code == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert not message.startswith("error") or shown.count("\n") == 1


def test_training_rewards_the_excess_error_but_an_env_the_error():
    assert (DQNArgs().reward, Rules().reward) == ("excess", "nme")
    assert rules_of(DQNArgs()) == rules_of(Rules())

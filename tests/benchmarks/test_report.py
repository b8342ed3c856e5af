"""The page of runs: each kind of run is recognised, episodes are those that were played, and a browser shows them."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import agents.dqn
import agents.evaluate
import benchmarks.report
from agents.playing.episodes import action_table, watch
from agents.playing.rollout import play
from agents.policies.named import named_policy
from agents.policies.trained import load_policy
from benchmarks.reporting.logs import read_logs, read_scalars
from benchmarks.reporting.runs import command_line, read_run
from srn_core.errors import UserError
from srn_core.training.args import TrainArgs
from srn_gym.games import load_game
from tests.support.browser import WIDTHS, data_of, opened, pixels


def call(module, *words: object) -> None:
    before, sys.argv = sys.argv, [module.__name__, *map(str, words)]
    try:
        module.main()
    finally:
        sys.argv = before


@pytest.fixture(scope="module")
def runs(clip_spec, tiny_checkpoint, tmp_path_factory) -> tuple[Path, Path]:
    """A DQN's folder, and the file of an evaluation on the same clips."""
    folder = tmp_path_factory.mktemp("runs")
    shared = ["--clips", clip_spec, "--tracker", tiny_checkpoint, "--device", "cpu"]
    sizes = ["--total-steps", 192, "--num-envs", 8, "--learning-starts", 32, "--batch-size", 8, "--eval-episodes", 3]
    call(agents.dqn, *shared, *sizes, "--val-clips", clip_spec, "--run-dir", folder / "dqn")
    call(agents.evaluate, *shared, "--policy", "greedy", "--episodes", 3, "--optimal", "--json", folder / "greedy.json")
    return folder / "dqn", folder / "greedy.json"


@pytest.fixture(scope="module")
def page(runs, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("page") / "report.html"
    call(benchmarks.report, *runs, "--episodes", 2, "--device", "cpu", "--out", out)
    return out


def test_runs_on_one_game_are_watched_together(page, clip_spec, runs):
    sections = data_of(page.read_text(encoding="utf-8"))["sections"]
    (player,) = [section for section in sections if section["kind"] == "player"]
    # The seeds of the two differ, so the episodes are those of the first.
    names = [policy["name"] for policy in player["episodes"][0]["policies"]]
    assert names == ["dqn", "greedy", "random-walk", "optimal"]
    assert len(player["episodes"]) == 2
    titles = [section["title"] for section in sections]
    assert {"dqn: Players", "greedy.json: Players", "Training", "dqn: What was run"} <= set(titles)
    (curves,) = [section for section in sections if section["kind"] == "plots"]
    assert all(len(line["x"]) == len(line["y"]) for drawn in curves["panels"] for line in drawn["lines"])


def test_an_episode_shows_what_was_played(page, clip_spec, tiny_checkpoint, runs):
    game = load_game(clip_spec, tiny_checkpoint, "cpu")
    sections = data_of(page.read_text(encoding="utf-8"))["sections"]
    (player,) = [section for section in sections if section["kind"] == "player"]
    rollout = play(game, named_policy("optimal", game, lambda: game), 2, seed=1)
    for e, episode in enumerate(player["episodes"]):
        best = episode["policies"][-1]
        count = episode["length"]
        assert best["targets"] == rollout.targets[e, :count].tolist()
        assert best["errors"] == pytest.approx(100 * rollout.nme[e, :count], rel=1e-3)
        chosen = [row.index(target) for row, target in zip(best["candidates"], best["targets"], strict=True)]
        found = [errors[i] for errors, i in zip(best["candidateErrors"], chosen, strict=True)]
        assert found == pytest.approx(best["errors"])
        answers = np.frombuffer(base64.b64decode(best["answers"]), "<i2").reshape(count, -1, 2) / 16
        truth = np.frombuffer(base64.b64decode(episode["truth"]), "<i2").reshape(count, -1, 2) / 16
        errors = np.linalg.norm(answers - truth, axis=-1).mean(1) / episode["normaliser"]
        assert 100 * errors == pytest.approx(best["errors"], abs=0.5)
        assert episode["policies"][0]["values"] is not None and best["values"] is None


def test_a_run_logs_under_the_names_of_sb3_and_shows_pictures(runs):
    names = {
        "rollout/ep_rew_mean",
        "rollout/exploration_rate",
        "train/loss",
        "time/fps",
        "eval/mean_reward",
        "eval/nme_percent",
    }
    scalars = read_scalars(runs[0])
    assert names <= set(scalars)
    rows = json.loads((runs[0] / "evaluation.json").read_text())["policies"]
    (mine,) = (row for row in rows if row["policy"] == str(runs[0]))
    steps, values = scalars["eval/mean_reward"]
    assert (steps.tolist(), values.tolist()) == ([192], pytest.approx([mine["return_mean"]]))
    (log,) = (log for log in read_logs(runs[0]) if log.Tags()["images"])
    assert {"eval/hardest_frames/1", "eval/occluder_path"} <= set(log.Tags()["images"])
    assert "_hparams_/experiment" in log.PluginTagToContent("hparams")


@pytest.mark.parametrize("mode", ["detect", "track"])
def test_watching_again_gives_the_errors_of_the_first_time(mode, clip_spec, tiny_checkpoint):
    game = load_game(clip_spec, tiny_checkpoint, "cpu", mode=mode)
    policy = named_policy("random-walk", game, lambda: game)
    rollout = play(game, policy, 2, seed=3)
    count = len(game.clips[rollout.clip[1]])
    seen = watch(game, policy, int(rollout.clip[1]), int(rollout.first[1]), rollout.targets[1, :count].tolist())
    np.testing.assert_allclose(seen.errors, rollout.nme[1, :count], rtol=1e-5)


def test_a_table_of_actions_leads_along_the_policys_path(runs, clip_spec, tiny_checkpoint):
    game = load_game(clip_spec, tiny_checkpoint, "cpu")
    rollout = play(game, load_policy(runs[0]), 2, seed=1)
    clip, landmark = int(rollout.clip[1]), int(rollout.first[1])
    path = []
    for actions in action_table(game, str(runs[0]), clip):
        landmark = int(game.neighbours[landmark, actions[landmark]])
        path.append(landmark)
    assert path == rollout.targets[1, : len(path)].tolist()


def test_a_command_is_told_by_its_saved_arguments():
    saved = {"data": ["demo", "ytf68:A B"], "occlusion": "varied", "steps": 7, "out": "runs/a", "gone": 1}
    words = command_line(["srn", "train"], TrainArgs, saved)
    assert words == "srn train --data demo --data 'ytf68:A B' --out runs/a --steps 7"


def test_what_is_no_run_is_named(tmp_path):
    with pytest.raises(UserError, match="no run; expected a folder with one of policy.safetensors, card.json, figures.json"):
        read_run(tmp_path)
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(UserError, match="unknown content"):
        read_run(tmp_path / "x.json")


def test_stored_results_are_runs():
    root = Path(__file__).parents[2] / "benchmarks" / "results"
    for folder in ("hofs/varied", "learners/video", "policies/video", "ablation/parts", "accuracy/srn-small"):
        run = read_run(root / folder)
        assert run.sections and all(json.dumps(section, allow_nan=False) for section in run.sections)


def test_later_sessions_of_a_log_replace_earlier_steps(tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    for session, steps in enumerate([range(0, 6), range(4, 8)]):
        writer = SummaryWriter(str(tmp_path), filename_suffix=f".{session}")
        for step in steps:
            writer.add_scalar("x", 10 * session + step, step)
        writer.close()
    steps, values = read_scalars(tmp_path)["x"]
    assert steps.tolist() == list(range(8))
    assert values[-1] == 17


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_a_browser_scrubs_through_episodes(page, width):
    assert page.stat().st_size < 8_000_000
    with opened(page, width, dark=width < 500) as shown:
        face, player = ".player canvas.face", ".player"
        pictures = [pixels(shown, face)]
        shown.focus(face)
        shown.keyboard.press("ArrowRight")
        pictures.append(pixels(shown, face))
        assert "Frame 2 of" in shown.text_content(f"{player} .status")
        shown.locator(f"{player} input[type=range]").focus()
        shown.keyboard.press("End")
        pictures.append(pixels(shown, face))
        box = shown.locator(face).bounding_box()
        shown.locator(face).scroll_into_view_if_needed()
        box = shown.locator(face).bounding_box()
        shown.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2)
        shown.mouse.down()
        shown.mouse.up()
        assert "Frame 1 of" in shown.text_content(f"{player} .status")
        assert len(set(pictures)) == 3
        shown.select_option(f"{player} select", "optimal")
        assert "optimal covers landmark" in shown.text_content(f"{player} .status")
        shown.click(f"{player} button:has-text('Play')")
        assert shown.locator("button:has-text('Pause')").count() == 1
        shown.click("button:has-text('Pause')")
        assert shown.locator("h2:has-text('Players') ~ div table").count() == 2
        assert shown.locator(".uplot canvas").count() > 2
        shown.click("button.theme")

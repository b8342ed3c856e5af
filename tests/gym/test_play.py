"""A person at the keys: the loop without a window, the command without a display, and the page for a browser."""

from __future__ import annotations

import base64
import gzip
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from srn_gym.env import OcclusionSynthesisEnv
from srn_gym.games import load_game
from srn_gym.planning import best_path
from srn_gym.play import KEYS, main, play_with_keys
from tests.support.browser import WIDTHS, data_of, opened, pixels


@pytest.fixture
def env(clip_spec: str, tiny_checkpoint: str) -> OcclusionSynthesisEnv:
    return OcclusionSynthesisEnv(f"{clip_spec}?limit=2", tiny_checkpoint, "cpu", window=3, render_mode="rgb_array")


def test_keys_move_the_occluder_and_every_picture_is_shown(env):
    pictures: list[np.ndarray] = []
    landmarks = []

    def draw(picture):
        pictures.append(picture)
        landmarks.append(int(env.episodes.landmark))

    assert list(play_with_keys(env, ["next", "next", "quit", "next"], draw, seed=0)) == []
    assert np.diff(landmarks).tolist() == [1, 1]
    assert len(pictures) == 3
    assert all(not np.array_equal(*pair) for pair in zip(pictures, pictures[1:], strict=False))


def test_an_episode_ends_with_its_mean_error_and_any_key_starts_another(env):
    keys = ["previous", "same", "next", "next", "same", "same", "same"]
    errors = list(play_with_keys(env, keys, lambda picture: None, seed=3))
    env.reset(seed=3)
    expected = np.mean([env.step(np.int64(action))[4]["nme"] for action in (0, 1, 2)])
    assert len(errors) == 2
    assert errors[0] == pytest.approx(expected)


def test_arrows_of_all_systems_have_a_meaning():
    assert [KEYS[code] for code in (65361, 65362, 65363, 2424832, 63235, 32, 113)] == [
        "previous", "same", "next", "previous", "next", "same", "quit",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("display", "said"),
    [(None, "there is no display"), (":987", "display :987 does not answer"), ("127.0.0.1:987.0", "does not")],
)
def test_without_a_display_the_command_says_so(monkeypatch, capsys, display, said):
    monkeypatch.delenv("DISPLAY", raising=False)
    if display is not None:
        monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("sys.argv", ["play"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith("error: srn_gym.play: ") and said in message
    assert message.count("\n") == 1


def played_page(clip_spec: str, checkpoint: str, out: Path, *words: str) -> dict:
    sys.argv = ["play", "--clips", clip_spec, "--tracker", checkpoint, "--device", "cpu", "--html", str(out), *words]
    main()
    return data_of(out.read_text(encoding="utf-8"))["sections"][0]


def test_the_page_holds_every_answer_and_the_optimum(clip_spec, tiny_checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", [])
    section = played_page(clip_spec, tiny_checkpoint, tmp_path / "play.html", "--neighbourhood", "graph")
    game = load_game(clip_spec, tiny_checkpoint, "cpu", neighbourhood="graph")
    table = game.nme_table(0).numpy()
    count, landmarks = len(game.clips[0]), game.num_landmarks
    assert np.array(section["errors"]) == pytest.approx(100 * np.roll(table, 1, 1), rel=1e-2)
    assert section["neighbours"] == game.neighbours.tolist()
    clean = np.frombuffer(base64.b64decode(section["clean"]), "<i2").reshape(count, landmarks, 2) / 16
    steps = np.frombuffer(gzip.decompress(base64.b64decode(section["answers"])), np.int8) / 4
    answers = clean[:, None] + steps.reshape(count, landmarks, landmarks, 2)
    where = torch.tensor([0]), torch.tensor([2]), torch.tensor([30])
    expected = game.respond(*where, game.tracker.start(1)).prediction[0]
    np.testing.assert_allclose(answers[2, 30], expected, atol=0.2)
    (optimum,) = section["rivals"]
    landmark, path = 30, []
    for t in range(count):
        landmark = section["neighbours"][landmark][int(optimum["actions"][t * landmarks + landmark])]
        path.append(landmark)
    assert path == best_path(table[:, :-1], game.neighbours.numpy(), 30).tolist()


@pytest.mark.parametrize(
    ("words", "said"), [(("--mode", "track"), "use mode 'detect'"), (("--occluder", "blur"), "choose noise, black")]
)
def test_a_game_that_a_page_cannot_hold_is_refused(words, said, clip_spec, tiny_checkpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [])
    with pytest.raises(SystemExit):
        played_page(clip_spec, tiny_checkpoint, tmp_path / "play.html", *words)
    assert said in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_a_browser_plays_to_the_end(width, clip_spec, tiny_checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", [])
    section = played_page(clip_spec, tiny_checkpoint, tmp_path / "play.html")
    with opened(tmp_path / "play.html", width, dark=width < 500) as shown:
        shown.wait_for_selector("canvas[data-ready]")
        pictures, landmark, errors = [pixels(shown, "canvas.face")], 30, []
        for t in range(section["length"]):
            shown.keyboard.press("ArrowRight")
            landmark = section["neighbours"][landmark][2]
            errors.append(section["errors"][t][landmark + 1])
            pictures.append(pixels(shown, "canvas.face"))
        assert len(set(pictures)) == len(pictures)
        assert f"{np.mean(errors):.2f}\xa0%" in shown.text_content("table.bars tr.chosen")
        assert "The end." in shown.text_content("p.chosen")
        assert shown.locator(".keys button:disabled").count() == 3
        shown.keyboard.press("Enter")
        assert "Frame 0 of" in shown.text_content(".status")
        shown.click(".keys button:has-text('stay')")
        assert "Frame 1 of" in shown.text_content(".status")

"""A person at the keys: the loop without a window, and the command without a display."""

from __future__ import annotations

import numpy as np
import pytest

from srn_gym.env import OcclusionSynthesisEnv
from srn_gym.play import KEYS, main, play_with_keys


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

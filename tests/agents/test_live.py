"""srn track --occlude: the occluder lies on the face, moves as the rules say, and shows in the video alone."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from agents.policies.actions import ActionPolicy
from srn_core import Tracker, load_pretrained
from srn_core.cli import main as cli
from srn_core.data import load_clips
from srn_core.errors import UserError
from srn_core.face.boxes import following_box
from srn_core.io.frames import VideoFrames
from srn_core.tracking import attack
from srn_core.tracking.attack import load_attack
from srn_core.tracking.video import TrackedFace
from srn_gym.neighbourhoods import neighbour_table


@pytest.fixture(scope="module")
def tracker() -> Tracker:
    return Tracker(load_pretrained("srn-small"), "cpu")


@pytest.fixture(scope="module")
def shown(tracker: Tracker) -> list[tuple[np.ndarray, TrackedFace]]:
    clip = load_clips("demo?split=val").clips[0]
    faces = [(clip.frame(t), clip.landmarks[t]) for t in range(4)]
    return [(image, TrackedFace(0, following_box(points, "68"), points, 1.0)) for image, points in faces]


@pytest.mark.parametrize("policy", ["greedy", "random-walk"])
def test_the_occluder_lies_on_the_covered_landmark_and_moves_to_neighbours(tracker: Tracker, shown, policy: str) -> None:
    attack = load_attack(policy, tracker, "srn-small")
    found = [attack(image, face) for image, face in shown]
    neighbours = neighbour_table(tracker.scheme, "index")
    for before, after in zip(found, found[1:], strict=False):
        assert after.covered in neighbours[before.covered]
    for (image, face), attacked in zip(shown, found, strict=True):
        changed = np.argwhere((attacked.image != image).any(-1))[:, ::-1]
        x, y = face.landmarks[attacked.covered]
        assert (changed.min(0) <= [x + 1, y + 1]).all() and (changed.max(0) >= [x - 1, y - 1]).all()
        assert len(changed) < 0.2 * np.prod(face.box[2:] - face.box[:2])
        assert attacked.moved > 0


def test_a_player_remembers_one_face_and_forgets_it_when_another_is_tracked(tracker: Tracker, shown) -> None:
    attack, seen = load_attack("random-walk", tracker, "srn-small"), []

    class Told(ActionPolicy):
        remembers = True

        def actions(self, game, position, candidates):
            seen.append(position.earned[0].clone())
            # The excess error is that over the tracker's own answer to the bare crop, not over the face that is shown.
            clean = game.respond(position.clip, position.frame, torch.full_like(position.clip, -1), position.state).nme
            covered = game.respond(position.clip, position.frame, candidates[:, 1], position.state).nme
            paid.append(float(covered - clean))
            return torch.ones_like(position.clip)

    paid: list[float] = []
    attack._policy = Told()
    for k, (image, face) in enumerate(shown):
        attack(image, dataclasses.replace(face, number=k // 3))
    assert not seen[0].any() and not seen[3].any()
    assert float(seen[2][0].sum()) == pytest.approx(sum(paid[:2]), abs=1e-6)
    assert float(seen[2][1].max()) == float(seen[2][1].sum()) == 2


def test_greedy_moves_the_landmarks_further_than_no_occluder(tracker: Tracker, shown) -> None:
    none, greedy = (load_attack(policy, tracker, "srn-small") for policy in ("none", "greedy"))
    bare, covered = ([attack(image, face) for image, face in shown] for attack in (none, greedy))
    assert all((a.image == image).all() and a.covered == -1 for a, (image, _) in zip(bare, shown, strict=True))
    assert np.mean([a.moved for a in covered]) > np.mean([a.moved for a in bare])


def test_the_command_shows_the_attack_in_the_video_and_not_in_the_landmarks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = load_clips("demo?split=val").clips[0]
    x0, y0, x1, y1 = clip.landmarks[0].min(0).tolist() + clip.landmarks[0].max(0).tolist()
    words = ["srn", "track", str(clip.source.path), "--box", f"{x0},{y0},{x1 - x0},{y1 - y0}", "--frames", "3", "--json"]
    for name, more in (("bare", []), ("attacked", ["--occlude", "random-jump"])):
        monkeypatch.setattr(
            sys, "argv", [*words, str(tmp_path / f"{name}.json"), "--out", str(tmp_path / f"{name}.mp4"), *more]
        )
        cli.main()
    bare, attacked = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("bare", "attacked"))
    assert bare == attacked
    difference = np.abs(VideoFrames(tmp_path / "bare.mp4")(1).astype(int) - VideoFrames(tmp_path / "attacked.mp4")(1))
    assert (difference > 60).any(-1).sum() > 20
    assert "random-jump: the answers on the covered frames are" in capsys.readouterr().out


def test_unknown_policies_and_absent_players_are_one_line(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="policy 'no-such': unknown; expected none, static"):
        load_attack("no-such", tracker, "srn-small")
    monkeypatch.setattr(attack, "CHECKOUT", tmp_path)
    with pytest.raises(UserError, match="--occlude greedy: the players are not here"):
        load_attack("greedy", tracker, "srn-small")

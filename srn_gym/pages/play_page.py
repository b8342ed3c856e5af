"""A page on which a person plays one clip in a browser, against policies whose choices are known for every place.

In ``detect`` mode the tracker's answer depends on the frame and the covered landmark alone. So a page that holds all answers
needs no tracker.
"""

import base64
import gzip
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from srn_core.errors import UserError
from srn_core.pages.page import Section, write_page
from srn_core.pages.pictures import packed, shape, sheet
from srn_core.pages.sections import numbers
from srn_gym.game import NO_OCCLUDER, OcclusionGame
from srn_gym.pages.pictures import clip_frames, occluders, pictures
from srn_gym.planning import best_actions

# Answers are kept as differences to the clean frame's, in quarters of a pixel, one byte each.
STEPS_PER_PIXEL = 4
OPTIMUM = "optimum"
TITLE = "Fool the tracker"
TEXT = (
    "Cover the face where it hurts the tracker most. On each frame, move the square one landmark along: left arrow for the "
    "previous, right arrow for the next, up arrow or space to stay. Rings mark these three places. The score is the tracker's "
    "mean error. White lines: the truth. Dots: the tracker's answer."
)


def write_play_page(
    path: Path,
    game: OcclusionGame,
    rivals: Mapping[str, np.ndarray] | None = None,
    clip: int = 0,
    most_frames: int | None = None,
) -> None:
    """Write the page of one clip.

    Args:
        path: of the page.
        game: in ``detect`` mode, with an occluder that looks the same wherever it is.
        rivals: name -> the actions ``(T, L)`` of a policy; the random walk and the optimum are always there.
        clip: the clip's number.
        most_frames: play the first frames only; None: all of them.

    Raises:
        UserError: the game does not allow it, or the page would be too large.
    """
    write_page(path, TITLE, [game_section(game, rivals or {}, clip, most_frames)])


def game_section(game: OcclusionGame, rivals: Mapping[str, np.ndarray], clip: int, most_frames: int | None) -> Section:
    """The section of :mod:`srn_core.pages` that is played; arguments as for :func:`write_play_page`."""
    if game.mode != "detect":
        raise UserError("mode 'track': an answer depends on all earlier frames, so a page cannot hold them; use mode 'detect'")
    if game.rules.occluder == "blur":
        raise UserError("occluder 'blur': shows what is under it; for a page choose noise, black, texture or mask")
    count = len(game.clips[clip]) if most_frames is None else min(len(game.clips[clip]), most_frames)
    errors, answers = all_answers(game, clip, count)
    rows = game.scene.row(*clip_frames(game, clip))[:count]
    truth = game.scene.landmarks[rows].cpu().numpy()
    neighbours = game.neighbours.cpu().numpy()
    policies = {**rivals, OPTIMUM: best_actions(errors[:, 1:], neighbours)}
    nobody = [NO_OCCLUDER] * len(game.clips[clip])
    _, squares = occluders(game, clip, [0] * len(nobody))
    return {
        "kind": "game", "title": f"Clip {game.clips[clip].name}", "note": TEXT, "shape": shape(game.tracker.scheme),
        "length": count,
        "frames": sheet(pictures(game, clip, nobody)[:count]),
        "tiles": sheet(squares[:count]),
        "truth": packed(truth),
        "normaliser": numbers(game.scene.normaliser[rows].cpu().numpy()),
        "errors": [numbers(row, 4) for row in 100 * errors],
        "clean": packed(answers[:, 0]),
        "answers": packed_differences(answers[:, 1:] - answers[:, :1]),
        "neighbours": neighbours.tolist(),
        "rivals": [{"name": name, "actions": "".join(map(str, table[:count].ravel()))} for name, table in policies.items()],
    }  # fmt: skip


def all_answers(game: OcclusionGame, clip: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The NME ``(T, 1 + L)``, a fraction, and landmarks ``(T, 1 + L, L, 2)`` for no occluder and for each covered landmark."""
    targets = torch.arange(NO_OCCLUDER, game.num_landmarks, device=game.device)
    errors, answers = [], []
    for t in range(count):
        where = torch.full_like(targets, clip), torch.full_like(targets, t)
        response = game.respond(*where, targets, game.tracker.start(len(targets)))
        errors.append(response.nme.cpu().numpy())
        answers.append(response.prediction.cpu().numpy())
    return np.stack(errors), np.stack(answers)


def packed_differences(differences: np.ndarray) -> str:
    """Pixels as compressed bytes; a step is a quarter of a pixel, and differences beyond 31.75 px move to that."""
    steps = np.rint(differences * STEPS_PER_PIXEL).clip(-128, 127).astype(np.int8)
    return base64.b64encode(gzip.compress(steps.tobytes(), 9, mtime=0)).decode()

"""Episodes in full, frame by frame, for pages that show them: what each policy covered, what the tracker answered."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from agents.deepq.policy import LearnedPolicy
from agents.playing.rollout import Rollout
from agents.policies.actions import ActionPolicy
from agents.policies.protocol import Policy, Position
from agents.policies.trained import load_policy
from srn_core.errors import UserError
from srn_core.pages.page import Section
from srn_core.pages.pictures import packed, shape, sheet
from srn_core.pages.sections import numbers
from srn_gym.game import NO_OCCLUDER, NUM_ACTIONS, OcclusionGame
from srn_gym.memory import nothing_earned, remember
from srn_gym.pages.pictures import clip_frames, occluders, pictures


class Watched(NamedTuple):
    """An episode of T frames as it went.

    Attributes:
        answers: ``(T, L, 2)`` the tracker's landmarks, crop pixels.
        errors: ``(T,)`` NME, fractions.
        candidates: ``(T, 3)`` int64, the landmarks that could be covered.
        candidate_errors: ``(T, 3)`` the NME that each of them would have led to.
        values: ``(T, 3)`` what a Q-network expects of them; None of other policies.
    """

    answers: Tensor
    errors: Tensor
    candidates: Tensor
    candidate_errors: Tensor
    values: Tensor | None


def player_section(
    title: str, note: str, game: OcclusionGame, policies: Mapping[str, Policy], rollouts: Mapping[str, Rollout], episodes: int
) -> Section:
    """A section of :mod:`srn_core.pages` in which episodes are watched.

    Args:
        title: of the section.
        note: a sentence under it.
        game: what was played.
        policies: the players, by the names that are shown.
        rollouts: what each of them played: the same episodes, in the same order.
        episodes: how many of them to show, from the first.
    """
    first = next(iter(rollouts.values()))
    shown = [
        episode_record(game, {name: (policies[name], rollout) for name, rollout in rollouts.items()}, e)
        for e in range(min(episodes, len(first.clip)))
    ]
    return {"kind": "player", "title": title, "note": note, "shape": shape(game.tracker.scheme), "episodes": shown}


@torch.no_grad()
def watch(game: OcclusionGame, policy: Policy | None, clip: int, first: int, path: Sequence[int]) -> Watched:
    """Play one episode again.

    Args:
        game: what was played.
        policy: who played; only a :class:`LearnedPolicy` is asked, for its values.
        clip: number of the clip.
        first: first landmark.
        path: the T landmarks that were covered, -1 for none.
    """
    landmark, state = torch.tensor([first], device=game.device), game.tracker.start(1)
    earned = nothing_earned(1, game.num_landmarks, game.device)
    frames, values = [], []
    for t, target in enumerate(path):
        candidates = game.candidates(landmark)
        covered = torch.cat([landmark.new_tensor([target]), candidates[0]])
        where = torch.full_like(covered, clip), torch.full_like(covered, t)
        remembers = getattr(policy, "remembers", False)
        response = game.respond(*where, covered, state.repeat(1 + NUM_ACTIONS, 1), excess=remembers)
        if isinstance(policy, LearnedPolicy):
            position = Position(where[0][:1], where[1][:1], landmark, state, earned)
            values.append(policy.values(position, candidates)[0])
        if response.excess is not None:
            earned = remember(earned, covered[:1], response.excess[:1])
        frames.append((response.prediction[0], response.nme[0], candidates[0], response.nme[1:]))
        state = response.state[:1]
        landmark = landmark if target == NO_OCCLUDER else covered[:1]
    answers, errors, shown, candidate_errors = (torch.stack(part).cpu() for part in zip(*frames, strict=True))
    return Watched(answers, errors, shown, candidate_errors, torch.stack(values).cpu() if values else None)


def episode_record(game: OcclusionGame, played: Mapping[str, tuple[Policy, Rollout]], episode: int) -> dict[str, Any]:
    """One episode of several policies, JSON-able; errors are in percent of the normaliser, points in crop pixels."""
    rollout = next(iter(played.values()))[1]
    clip, first = int(rollout.clip[episode]), int(rollout.first[episode])
    count = len(game.clips[clip])
    nobody = [NO_OCCLUDER] * count
    rows = game.scene.row(*clip_frames(game, clip))
    return {
        "name": f"{game.clips[clip].name}, from landmark {first}",
        "length": count,
        "frames": sheet(pictures(game, clip, nobody)),
        "truth": packed(game.scene.landmarks[rows].cpu().numpy()),
        "normaliser": numbers(game.scene.normaliser[rows].cpu().numpy()),
        "clean": numbers(100 * watch(game, None, clip, first, nobody).errors.numpy()),
        "policies": [
            {"name": name, **_policy_record(game, policy, clip, first, who.targets[episode, :count].tolist())}
            for name, (policy, who) in played.items()
        ],
    }


def _policy_record(game: OcclusionGame, policy: Policy, clip: int, first: int, path: list[int]) -> dict[str, Any]:
    seen = watch(game, policy, clip, first, path)
    corners, tiles = occluders(game, clip, path)
    return {
        "targets": path,
        "corners": corners,
        "tiles": sheet(tiles),
        "answers": packed(seen.answers.numpy()),
        "errors": numbers(100 * seen.errors.numpy()),
        "candidates": seen.candidates.tolist(),
        "candidateErrors": [numbers(row) for row in 100 * seen.candidate_errors.numpy()],
        "values": None if seen.values is None else [numbers(row) for row in seen.values.numpy()],
    }


@torch.no_grad()
def action_table(game: OcclusionGame, run: str, clip: int) -> np.ndarray:
    """What a trained policy does in a clip wherever it stands: actions ``(T, L)`` by frame and landmark covered before.

    A policy that remembers the clip plays as on its first frame.

    Raises:
        UserError: ``run`` is no run's folder, or the game is not in ``detect`` mode, where no choice depends on the tracker's
            memory.
    """
    if game.mode != "detect":
        raise UserError(f"mode '{game.mode}': choices depend on earlier frames; use mode 'detect'")
    policy = load_policy(Path(run))
    assert isinstance(policy, ActionPolicy)
    policy.prepare(game)
    frames = torch.arange(len(game.clips[clip]), device=game.device).repeat_interleave(game.num_landmarks)
    landmarks = torch.arange(game.num_landmarks, device=game.device).repeat(len(game.clips[clip]))
    earned = nothing_earned(len(frames), game.num_landmarks, game.device)
    position = Position(torch.full_like(frames, clip), frames, landmarks, game.tracker.start(len(frames)), earned)
    return policy.actions(game, position, game.candidates(landmarks)).view(-1, game.num_landmarks).cpu().numpy()

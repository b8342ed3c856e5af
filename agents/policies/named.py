"""Named policies that need no learning, and what every policy looks like to a rollout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from agents.policies.planning import best_path, reachable
from agents.policies.protocol import Policy, Position
from srn_core.errors import UserError
from srn_gym.game import NO_OCCLUDER, OcclusionGame

# Frames of a training clip on which the prior is measured: means over clips differ by more than those over frames.
PRIOR_FRAMES = 32
# Training clips on which it is measured: a photo set has thousands, and each frame costs one look a landmark.
PRIOR_CLIPS = 128


class Fixed:
    """``none`` leaves every frame clean; ``static`` stays on the first landmark."""

    def __init__(self, clean: bool) -> None:
        self.clean = clean

    def begin(self, game: OcclusionGame, clip: Tensor, landmark: Tensor, rngs: Sequence[np.random.Generator]) -> None:
        pass

    def targets(self, position: Position, running: Tensor) -> Tensor:
        return torch.full_like(position.landmark, NO_OCCLUDER) if self.clean else position.landmark


class Random:
    """``random-walk`` takes one of the three actions; ``random-jump`` any landmark (the paper's RSF)."""

    def __init__(self, jump: bool) -> None:
        self.jump = jump

    def begin(self, game: OcclusionGame, clip: Tensor, landmark: Tensor, rngs: Sequence[np.random.Generator]) -> None:
        self.game, self.rngs = game, rngs

    def targets(self, position: Position, running: Tensor) -> Tensor:
        count = self.game.num_landmarks if self.jump else 3
        drawn = torch.tensor([int(rng.integers(count)) for rng in self.rngs], device=position.landmark.device)
        return drawn if self.jump else self.game.candidates(position.landmark).gather(1, drawn[:, None])[:, 0]


class Greedy:
    """One-step look-ahead with the true reward."""

    def begin(self, game: OcclusionGame, clip: Tensor, landmark: Tensor, rngs: Sequence[np.random.Generator]) -> None:
        self.game = game

    def targets(self, position: Position, running: Tensor) -> Tensor:
        candidates = self.game.candidates(position.landmark)
        targets = position.landmark.clone()
        live = running.nonzero()[:, 0]
        clip, frame, state = (
            values[live].repeat_interleave(3, 0) for values in (position.clip, position.frame, position.state)
        )
        errors = self.game.respond(clip, frame, candidates[live].flatten(), state).nme.view(-1, 3)
        targets[live] = candidates[live].gather(1, errors.argmax(1, keepdim=True))[:, 0]
        return targets


class Planned:
    """A path fixed at the start: ``plan`` gives a clip's rewards ``(T, L)``, and the best path through them is taken.

    With the true rewards of the clip this is ``optimal``; with each landmark's mean excess error on training clips, the same
    on every frame, it is ``prior``. ``plan`` is told which rewards a path can meet, ``(T, L)`` bool: only they must be known.
    """

    def __init__(self, plan: Callable[[OcclusionGame, int, np.ndarray], np.ndarray]) -> None:
        self.plan = plan

    def begin(self, game: OcclusionGame, clip: Tensor, landmark: Tensor, rngs: Sequence[np.random.Generator]) -> None:
        clips, starts, neighbours = clip.cpu().numpy(), landmark.cpu().numpy(), game.neighbours.cpu().numpy()
        met = {c: reachable(neighbours, starts[clips == c], len(game.clips[c])) for c in np.unique(clips).tolist()}
        rewards = {c: self.plan(game, c, entries) for c, entries in met.items()}
        paths = [torch.from_numpy(best_path(rewards[c], neighbours, first)) for c, first in zip(clips, starts, strict=True)]
        self.paths = torch.nn.utils.rnn.pad_sequence(paths, batch_first=True).to(landmark.device)

    def targets(self, position: Position, running: Tensor) -> Tensor:
        frame = position.frame.clamp(max=self.paths.shape[1] - 1)
        return self.paths.gather(1, frame[:, None])[:, 0]


class BeamSearch:
    """``optimal`` in ``track`` mode: the best of ``width`` paths kept at each frame. A bound from below, not the optimum."""

    def __init__(self, width: int = 8) -> None:
        self.width = width

    def begin(self, game: OcclusionGame, clip: Tensor, landmark: Tensor, rngs: Sequence[np.random.Generator]) -> None:
        paths = [self._search(game, c, first) for c, first in zip(clip.tolist(), landmark.tolist(), strict=True)]
        self.paths = torch.nn.utils.rnn.pad_sequence(paths, batch_first=True)

    def targets(self, position: Position, running: Tensor) -> Tensor:
        frame = position.frame.clamp(max=self.paths.shape[1] - 1)
        return self.paths.gather(1, frame[:, None])[:, 0]

    def _search(self, game: OcclusionGame, clip: int, first: int) -> Tensor:
        landmark = torch.tensor([first], device=game.device)
        state, returns = game.tracker.start(1), torch.zeros(1, device=game.device)
        paths = torch.zeros(1, 0, dtype=torch.int64, device=game.device)
        for t in range(len(game.clips[clip])):
            targets = game.candidates(landmark).flatten()
            parent = torch.arange(len(landmark), device=game.device).repeat_interleave(3)
            response = game.respond(torch.full_like(targets, clip), torch.full_like(targets, t), targets, state[parent])
            total = returns[parent] + response.nme
            kept = self._distinct(total, targets)
            returns, landmark, state = total[kept], targets[kept], response.state[kept]
            paths = torch.cat([paths[parent[kept]], targets[kept, None]], 1)
        return paths[returns.argmax()]

    def _distinct(self, total: Tensor, targets: Tensor) -> Tensor:
        """The best ``width`` candidates, at most two that end on one landmark: near-copies would fill the beam."""
        order = total.argsort(descending=True).tolist()
        seen: dict[int, int] = {}
        kept = []
        for i in order:
            landmark = int(targets[i])
            if seen.get(landmark, 0) < 2:
                seen[landmark] = seen.get(landmark, 0) + 1
                kept.append(i)
        return torch.tensor(kept[: self.width], device=total.device)


def true_rewards(game: OcclusionGame, clip: int, wanted: np.ndarray) -> np.ndarray:
    """Each landmark's reward on each frame of a clip ``(T, L)``, nan where it is not ``wanted``; ``detect`` mode only."""
    return game.nme_table(clip, wanted=torch.from_numpy(wanted))[:, :-1].numpy()


def mean_excess(training: OcclusionGame) -> np.ndarray:
    """Each landmark's mean error over the clean frame's on the training clips: ``(L,)``; a clip counts once.

    Of many clips :data:`PRIOR_CLIPS` are taken, of a long one :data:`PRIOR_FRAMES` frames, evenly spaced.
    """
    return np.mean([_clip_excess(training, clip) for clip in _evenly(len(training.clips), PRIOR_CLIPS).tolist()], axis=0)


def _evenly(count: int, most: int) -> Tensor:
    """At most ``most`` of the numbers below ``count``, evenly spaced."""
    return torch.linspace(0, count - 1, min(count, most)).round().long()


def _clip_excess(game: OcclusionGame, clip: int) -> np.ndarray:
    frames = _evenly(len(game.clips[clip]), PRIOR_FRAMES).to(game.device)
    targets = torch.arange(NO_OCCLUDER, game.num_landmarks, device=game.device)
    frame, target = frames.repeat_interleave(len(targets)), targets.repeat(len(frames))
    clips = torch.full_like(frame, clip)
    errors = game.respond(clips, frame, target, game.tracker.start(len(clips))).nme.view(len(frames), -1)
    return (errors[:, 1:] - errors[:, :1]).mean(0).cpu().numpy()


def prior(training: OcclusionGame) -> Planned:
    """``prior``: looks at no image; see :class:`Planned`."""
    excess = mean_excess(training)
    return Planned(lambda game, clip, _: np.tile(excess, (len(game.clips[clip]), 1)))


NAMES: Mapping[str, str] = {
    "none": "no occluder",
    "static": "stays on the first landmark",
    "random-walk": "a random action a frame",
    "random-jump": "a random landmark a frame (RSF)",
    "prior": "best path for each landmark's mean excess error on the training clips; looks at no image",
    "greedy": "one-step look-ahead with the true reward",
    "optimal": "dynamic programming on the true rewards (track mode: beam search, a bound)",
}


def named_policy(name: str, game: OcclusionGame, training: Callable[[], OcclusionGame]) -> Policy:
    """A policy of :data:`NAMES`.

    Args:
        name: which.
        game: the game that it will play.
        training: loads the game on the training clips, for ``prior``; in ``detect`` mode.

    Raises:
        UserError: an unknown name.
    """
    if name in ("none", "static"):
        return Fixed(clean=name == "none")
    if name in ("random-walk", "random-jump"):
        return Random(jump=name == "random-jump")
    if name == "greedy":
        return Greedy()
    if name == "prior":
        return prior(training())
    if name == "optimal":
        return Planned(true_rewards) if game.mode == "detect" else BeamSearch()
    raise UserError(f"policy '{name}': unknown; expected {', '.join(NAMES)} or the folder of a trained run")

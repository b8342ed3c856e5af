"""Policies that fix their whole path at the start: ``prior`` and ``optimal``."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from agents.policies.protocol import Position
from srn_gym.game import NUM_ACTIONS, OcclusionGame
from srn_gym.planning import best_path, reachable

Plan = Callable[[OcclusionGame, int, np.ndarray], np.ndarray]
"""(game, clip, entries that a path can meet ``(T, L)`` bool) -> the clip's rewards ``(T, L)``; only those entries are read."""


class PathPolicy:
    """Follows one path of landmarks per episode. A subclass finds the paths in ``begin`` and stores them.

    Attributes:
        paths: ``(B, T)`` landmarks; a shorter clip's path is padded.
    """

    paths: Tensor

    def store(self, paths: Sequence[Tensor]) -> None:
        """Take the paths ``(T,)`` of the episodes."""
        self.paths = torch.nn.utils.rnn.pad_sequence(list(paths), batch_first=True)

    def targets(self, position: Position, running: Tensor) -> Tensor:
        frame = position.frame.clamp(max=self.paths.shape[1] - 1)
        return self.paths.gather(1, frame[:, None])[:, 0]


class Planned(PathPolicy):
    """The best path through the rewards that ``plan`` returns.

    With the true rewards of the clip this is ``optimal``. With each landmark's mean excess error on the training clips, the
    same on every frame, it is ``prior``.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def begin(self, game: OcclusionGame, clip: Tensor, landmark: Tensor, rngs: Sequence[np.random.Generator]) -> None:
        clips, starts, neighbours = clip.cpu().numpy(), landmark.cpu().numpy(), game.neighbours.cpu().numpy()
        met = {c: reachable(neighbours, starts[clips == c], len(game.clips[c])) for c in np.unique(clips).tolist()}
        rewards = {c: self.plan(game, c, entries) for c, entries in met.items()}
        paths = [best_path(rewards[c], neighbours, first) for c, first in zip(clips, starts, strict=True)]
        self.store([torch.from_numpy(path).to(landmark.device) for path in paths])


class BeamSearch(PathPolicy):
    """``optimal`` in ``track`` mode: keeps the best ``width`` paths at each frame. A lower bound of the optimum."""

    def __init__(self, width: int = 8) -> None:
        self.width = width

    def begin(self, game: OcclusionGame, clip: Tensor, landmark: Tensor, rngs: Sequence[np.random.Generator]) -> None:
        self.store([self._search(game, c, first) for c, first in zip(clip.tolist(), landmark.tolist(), strict=True)])

    def _search(self, game: OcclusionGame, clip: int, first: int) -> Tensor:
        landmark = torch.tensor([first], device=game.device)
        state, returns = game.tracker.start(1), torch.zeros(1, device=game.device)
        paths = torch.zeros(1, 0, dtype=torch.int64, device=game.device)
        for t in range(len(game.clips[clip])):
            targets = game.candidates(landmark).flatten()
            parent = torch.arange(len(landmark), device=game.device).repeat_interleave(NUM_ACTIONS)
            response = game.respond(torch.full_like(targets, clip), torch.full_like(targets, t), targets, state[parent])
            total = returns[parent] + response.nme
            kept = self._distinct(total, targets)
            returns, landmark, state = total[kept], targets[kept], response.state[kept]
            paths = torch.cat([paths[parent[kept]], targets[kept, None]], 1)
        return paths[returns.argmax()]

    def _distinct(self, total: Tensor, targets: Tensor) -> Tensor:
        """The best ``width`` candidates, at most two per landmark: otherwise near-copies would fill the beam."""
        kept: list[int] = []
        landmarks = targets.tolist()
        for i in total.argsort(descending=True).tolist():
            if sum(landmarks[i] == landmarks[j] for j in kept) < 2:
                kept.append(i)
        return torch.tensor(kept[: self.width], device=total.device)


def true_rewards(game: OcclusionGame, clip: int, wanted: np.ndarray) -> np.ndarray:
    """Each landmark's error on each frame of a clip ``(T, L)``, nan where not ``wanted``; only in ``detect`` mode."""
    return game.nme_table(clip, wanted=torch.from_numpy(wanted))[:, :-1].numpy()

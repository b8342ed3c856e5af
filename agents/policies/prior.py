"""Policies that see no image: they know each landmark's mean excess error on the training clips.

``prior`` follows the best path by these means. ``adaptive`` corrects them, on each clip, by what it earned there.
"""

import numpy as np
import torch
from torch import Tensor

from agents.policies.actions import ActionPolicy
from agents.policies.landmark_plan import LandmarkPlan
from agents.policies.paths import Planned
from agents.policies.protocol import Position
from srn_gym.game import NO_OCCLUDER, OcclusionGame

# Each frame costs one answer of the tracker per landmark, and a set of photos has thousands of clips. Frames of one clip differ
# less than clips do.
PRIOR_CLIPS, PRIOR_FRAMES = 128, 32
# Per frame, as for the DQN.
PLAN_DISCOUNT = 0.99


def prior(training: OcclusionGame, frames: int = PRIOR_FRAMES) -> Planned:
    """The policy of a training game; see :class:`agents.policies.paths.Planned` and :func:`mean_excess`."""
    excess = mean_excess(training, frames)
    return Planned(lambda game, clip, _: np.tile(excess, (len(game.clips[clip]), 1)))


class Adaptive(ActionPolicy):
    """The best candidate by the means of a training game, as a :class:`LandmarkPlan` corrects them by what the clip earned.

    It plans as many frames ahead as that, also where the clip ends before.
    """

    remembers = True

    def __init__(self, training: OcclusionGame, frames: int = PRIOR_FRAMES) -> None:
        self.means = torch.from_numpy(mean_excess(training, frames))

    def prepare(self, game: OcclusionGame) -> None:
        self.plan = LandmarkPlan(game.neighbours, PLAN_DISCOUNT, adapts=True).to(game.device)
        self.plan.learn(self.means, float(self.means.mean()), 1.0)

    def actions(self, game: OcclusionGame, position: Position, candidates: Tensor) -> Tensor:
        return self.plan(position.earned).gather(1, candidates).argmax(1)


def mean_excess(training: OcclusionGame, frames: int = PRIOR_FRAMES) -> np.ndarray:
    """Each landmark's mean error on the training clips, minus the error on the clean frame: ``(L,)``; every clip counts once.

    At most :data:`PRIOR_CLIPS` clips and ``frames`` frames of each are used, evenly spaced.
    """
    clips = _evenly(len(training.clips), PRIOR_CLIPS).tolist()
    return np.mean([_clip_excess(training, clip, frames) for clip in clips], axis=0)


def _evenly(count: int, most: int) -> Tensor:
    """At most ``most`` of the numbers below ``count``, evenly spaced."""
    return torch.linspace(0, count - 1, min(count, most)).round().long()


def _clip_excess(game: OcclusionGame, clip: int, most: int) -> np.ndarray:
    frames = _evenly(len(game.clips[clip]), most).to(game.device)
    targets = torch.arange(NO_OCCLUDER, game.num_landmarks, device=game.device)
    frame, target = frames.repeat_interleave(len(targets)), targets.repeat(len(frames))
    clips = torch.full_like(frame, clip)
    errors = game.respond(clips, frame, target, game.tracker.start(len(clips))).nme.view(len(frames), -1)
    return (errors[:, 1:] - errors[:, :1]).mean(0).cpu().numpy()

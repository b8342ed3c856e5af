"""What covering each landmark is worth without a look at the picture: by the excess errors of training and played clip."""

import torch
from torch import Tensor, nn

from srn_gym.planning import steady_values

# Frames that are planned. On people left out, 20 to 50 were equally good; 10 and 200 were worse.
PLAN_FRAMES = 20
# On the clip that is played: excess errors of the size met in training that are added to a landmark's own.
CLIP_SHRINKAGE = 1


class LandmarkPlan(nn.Module):
    """Values of landmarks, in standardised rewards.

    Attributes:
        means: ``(L,)`` mean excess error for covering a landmark in training, a fraction.
        mean: ``()`` of all landmarks, a fraction.
        deviation: ``()`` of the rewards in training, a fraction.
        fixed: ``(L,)`` the values by the training alone: those of the best path if every frame has these means.
    """

    means: Tensor
    mean: Tensor
    deviation: Tensor
    fixed: Tensor

    def __init__(self, neighbours: Tensor, gamma: float, adapts: bool) -> None:
        """Start with no excess errors; ``adapts``: :meth:`forward` takes in what a clip earned."""
        super().__init__()
        self.neighbours, self.gamma, self.adapts = neighbours, gamma, adapts
        for name, size in (("means", (len(neighbours),)), ("mean", ()), ("deviation", ()), ("fixed", (len(neighbours),))):
            self.register_buffer(name, torch.zeros(size))
        self.deviation.fill_(1)

    @torch.no_grad()
    def learn(self, means: Tensor, mean: float, deviation: float) -> None:
        """Take in the training so far: each landmark's mean excess error ``(L,)``, that of all, and the rewards' deviation."""
        self.means.copy_(means)
        self.mean.fill_(mean)
        self.deviation.fill_(deviation)
        self.fixed.copy_(self._values(self.means))

    def forward(self, earned: Tensor) -> Tensor:
        """Values ``(B, L)`` for episodes that earned ``(B, 2, L)`` on their clips so far (:mod:`srn_gym.memory`)."""
        if not self.adapts:
            return self.fixed.expand(len(earned), -1)
        sums, counts = earned.unbind(1)
        return self._values((sums + CLIP_SHRINKAGE * self.means) / (counts + CLIP_SHRINKAGE))

    def _values(self, excess: Tensor) -> Tensor:
        rewards = (excess - self.mean) / self.deviation
        return steady_values(rewards, self.neighbours, self.gamma, PLAN_FRAMES)

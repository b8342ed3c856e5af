"""The Q-network: one value per candidate, ``Q(s, a) = Qnet(s^a)``, the same network for all three."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class QHead(nn.Module):
    """From a candidate's features and the landmark it covers to its value.

    The observation shows which landmark is covered (it is the middle of the noise); the index says it without looking.

    Attributes:
        mean: ``(F,)`` of the features, and ``deviation`` ``(F,)``; zero until :meth:`standardise_by` is called.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int, num_landmarks: int, hidden: int = 64) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.zeros(features))
        self.first = nn.Linear(features, hidden)
        self.landmark = nn.Embedding(num_landmarks, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, 1)
        nn.init.normal_(self.landmark.weight, std=1.0)

    @property
    def standardised(self) -> bool:
        return bool(self.deviation.any())

    def standardise_by(self, features: Tensor) -> None:
        """Take mean and deviation of features ``(N, F)`` as those of the input, once and for all."""
        self.mean.copy_(features.mean(0))
        self.deviation.copy_(features.std(0).clamp(min=1e-6))

    def forward(self, features: Tensor, landmark: Tensor) -> Tensor:
        """``(..., F)`` features and ``(...)`` int64 covered landmarks -> ``(...)`` values."""
        seen = (features - self.mean) / self.deviation.clamp(min=1e-6)
        hidden = torch.relu(self.first(seen) + self.landmark(landmark))
        hidden = torch.relu(self.second(hidden))
        return self.value(hidden)[..., 0]

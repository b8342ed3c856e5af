"""The Q-network: one value per candidate, ``Q(s, a) = Qnet(s^a)``, the same network for all three."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class QHead(nn.Module):
    """From a candidate's features and the landmark it covers to its value.

    The observation shows which landmark is covered (it is the middle of the noise); the index says it without looking.
    """

    def __init__(self, features: int, num_landmarks: int, hidden: int = 256) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(features)
        self.first = nn.Linear(features, hidden)
        self.landmark = nn.Embedding(num_landmarks, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, 1)
        nn.init.zeros_(self.value.weight)
        nn.init.zeros_(self.value.bias)

    def forward(self, features: Tensor, landmark: Tensor) -> Tensor:
        """``(..., F)`` features and ``(...)`` int64 covered landmarks -> ``(...)`` values."""
        hidden = torch.relu(self.first(self.norm(features)) + self.landmark(landmark))
        hidden = torch.relu(self.second(hidden))
        return self.value(hidden)[..., 0]

"""The Q-network: one value per candidate, ``Q(s, a) = Qnet(s^a)``, the same network for all three."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from agents.deepq.features import FrozenFeatures, encode
from srn_core.model import SRN


class QNet(nn.Module):
    """An SRN that looks at a candidate's patches, and a head that values what it makes of them.

    Attributes:
        landmark_only: see nothing: values follow from the covered landmark's number alone.
        relative_to_clean: see what is more than on the frame with nothing hidden.
        without_landmark_id: see alone: the covered landmark's number is not told.
        head: the :class:`QHead`.
        encoder: the SRN whose trunk learns too; None: the frozen one, whose answers are computed once.
    """

    def __init__(
        self,
        features: FrozenFeatures,
        tuned: bool = False,
        landmark_only: bool = False,
        relative_to_clean: bool = False,
        without_landmark_id: bool = False,
    ) -> None:
        """``tuned``: the trunk learns too, from the frozen SRN's weights; the others: see the attributes."""
        super().__init__()
        self.landmark_only, self.relative_to_clean = landmark_only, relative_to_clean
        self.without_landmark_id = without_landmark_id
        self.head = QHead(features.size, features.game.num_landmarks)
        self.encoder: SRN | None = None
        if tuned:
            self.encoder = copy.deepcopy(features.model).requires_grad_(False)
            self.encoder.trunk.requires_grad_(True)

    def see(self, features: FrozenFeatures, clip: Tensor, frame: Tensor, covered: Tensor) -> Tensor:
        """What the SRN makes of the frames with landmark ``covered`` hidden: ``(B,)`` indices -> ``(B, F)``."""
        if self.landmark_only:
            return torch.zeros(len(clip), features.size, device=clip.device)
        if self.encoder is None:
            seen = features(clip, frame, covered)
            return seen - features.clean(clip, frame) if self.relative_to_clean else seen
        seen = _encoded(self.encoder, features.patches(clip, frame, covered))
        if not self.relative_to_clean:
            return seen
        # The candidates of a state share their clean frame.
        (clips, frames), place = torch.unique(torch.stack([clip, frame]), dim=1, return_inverse=True)
        return seen - _encoded(self.encoder, features.patches(clips, frames, torch.full_like(clips, -1)))[place]

    def forward(self, features: FrozenFeatures, clip: Tensor, frame: Tensor, covered: Tensor) -> Tensor:
        """Values ``(B,)`` of hiding landmark ``covered`` on the frames."""
        named = torch.zeros_like(covered) if self.without_landmark_id else covered
        return self.head(self.see(features, clip, frame, covered), named)

    def candidate_values(self, features: FrozenFeatures, clip: Tensor, frame: Tensor, landmark: Tensor) -> Tensor:
        """Values of the three candidates round ``landmark``: ``(B,)`` indices -> ``(B, 3)``."""
        candidates = features.game.candidates(landmark)
        count = candidates.shape[1]
        values = self(features, clip.repeat_interleave(count), frame.repeat_interleave(count), candidates.flatten())
        return values.view(-1, count)


def _encoded(model: SRN, patches: Tensor) -> Tensor:
    return encode(model, model.patch_features(patches))


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

"""The Q-network: one value per candidate, ``Q(s, a) = Qnet(s^a)``, the same network for all three."""

import copy

import torch
from torch import Tensor, nn

from agents.deepq.features import View
from agents.policies.landmark_plan import LandmarkPlan
from srn_core.model import SRN
from srn_gym.features import FrozenFeatures, update_lengths

HIDDEN = 128
"""Units of each of the head's two hidden layers."""


class QNet(nn.Module):
    """An SRN computes features of a candidate's patches, and a head turns them into a value.

    Attributes:
        landmark_only: the head gets only the covered landmark's number, and no features.
        without_landmark_id: the head gets only the features, and not the covered landmark's number.
        view: what the head gets of the SRN's update: the lengths by component (``parts``), these minus those of the clean frame
            (``change``), or the lengths of each landmark's update and of its change (``response``).
        head: the :class:`QHead`.
        plan: what covering each landmark is worth by its excess errors alone; the head adds what the picture tells. None: no
            plan.
        encoder: the SRN whose trunk is trained too; None: the features come from a frozen SRN, computed once.
    """

    def __init__(
        self,
        features: FrozenFeatures,
        tuned: bool = False,
        landmark_only: bool = False,
        without_landmark_id: bool = False,
        view: View = "parts",
        plan: LandmarkPlan | None = None,
    ) -> None:
        """``tuned``: the trunk is trained too, from the frozen SRN on; for the others see the attributes."""
        super().__init__()
        self.landmark_only, self.without_landmark_id, self.view, self.plan = landmark_only, without_landmark_id, view, plan
        self.head = QHead(features.size, features.scene.scheme.num_landmarks)
        self.encoder: SRN | None = None
        if tuned:
            self.encoder = copy.deepcopy(features.model).requires_grad_(False)
            self.encoder.trunk.requires_grad_(True)

    def see(self, features: FrozenFeatures, clip: Tensor, frame: Tensor, covered: Tensor) -> Tensor:
        """Features of the frames with landmark ``covered`` hidden: ``(B,)`` indices -> ``(B, F)``."""
        if self.landmark_only:
            return torch.zeros(len(clip), features.size, device=clip.device)
        seen = features(clip, frame, covered) if self.encoder is None else self._encoded(features, clip, frame, covered)
        if self.view == "parts":
            return seen
        clean = self._clean(features, clip, frame)
        return seen - clean if self.view == "change" else update_lengths(seen, clean)

    def _clean(self, features: FrozenFeatures, clip: Tensor, frame: Tensor) -> Tensor:
        """The vectors of the clean frames: ``(B, F)``."""
        if self.encoder is None:
            return features.clean(clip, frame)
        # The candidates of a state share their clean frame.
        (clips, frames), place = torch.unique(torch.stack([clip, frame]), dim=1, return_inverse=True)
        return self._encoded(features, clips, frames, torch.full_like(clips, -1))[place]

    def _encoded(self, features: FrozenFeatures, clip: Tensor, frame: Tensor, covered: Tensor) -> Tensor:
        assert self.encoder is not None
        return features.encode(self.encoder, self.encoder.patch_features(features.patches(clip, frame, covered)))

    def value(self, seen: Tensor, covered: Tensor, kept: Tensor | None = None) -> Tensor:
        """Values ``(B,)`` of hiding landmarks ``covered`` ``(B,)``, from what :meth:`see` returned for them.

        They hold the plan of the training. ``kept``: see :meth:`QHead.forward`.
        """
        picture = self._picture(seen, covered, kept)
        return picture if self.plan is None else picture + self.plan.fixed[covered]

    def _picture(self, seen: Tensor, covered: Tensor, kept: Tensor | None) -> Tensor:
        landmark = torch.zeros_like(covered) if self.without_landmark_id else covered
        return self.head(seen, landmark, kept)

    def forward(
        self, features: FrozenFeatures, clip: Tensor, frame: Tensor, covered: Tensor, kept: Tensor | None = None
    ) -> Tensor:
        """Values ``(B,)`` of hiding landmark ``covered`` on the frames."""
        return self.value(self.see(features, clip, frame, covered), covered, kept)

    def candidate_values(
        self, features: FrozenFeatures, clip: Tensor, frame: Tensor, candidates: Tensor, earned: Tensor
    ) -> Tensor:
        """Values of landmarks ``candidates`` ``(B, 3)`` on frames ``(B,)``, by the plan of the clip: ``(B, 3)``.

        ``earned``: ``(B, 2, L)`` what the episodes earned on their clips so far (:mod:`srn_gym.memory`).
        """
        shown = each_candidate(clip, frame, candidates)
        picture = self._picture(self.see(features, *shown), shown[-1], None).view(candidates.shape)
        return picture if self.plan is None else picture + self.plan(earned).gather(1, candidates)


def each_candidate(clip: Tensor, frame: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One entry per candidate: clips and frames ``(B,)`` and landmarks ``(B, A)`` -> three times ``(B * A,)``."""
    count = candidates.shape[1]
    return clip.repeat_interleave(count), frame.repeat_interleave(count), candidates.flatten()


class QHead(nn.Module):
    """A candidate's value from its features and the landmark that it covers.

    The observation shows which landmark is covered: it is the centre of the noise. The number says so directly.

    Attributes:
        mean: ``(F,)`` mean of the features; zero until :meth:`standardise_by` is called.
        deviation: ``(F,)`` standard deviation of the features; zero until then.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int, num_landmarks: int, hidden: int = HIDDEN) -> None:
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
        """Standardise all inputs by the mean and deviation of features ``(N, F)`` from now on."""
        self.mean.copy_(features.mean(0))
        self.deviation.copy_(features.std(0).clamp(min=1e-6))

    def forward(self, features: Tensor, landmark: Tensor, kept: Tensor | None = None) -> Tensor:
        """``(B, F)`` features and ``(B,)`` int64 covered landmarks -> ``(B,)`` values.

        ``kept``, ``(2, B, H)``: factors of both hidden layers, which drop units in training; None: none are dropped.
        """
        first, second = (1, 1) if kept is None else kept
        seen = (features - self.mean) / self.deviation.clamp(min=1e-6)
        hidden = torch.relu(self.first(seen) + self.landmark(landmark)) * first
        hidden = torch.relu(self.second(hidden)) * second
        return self.value(hidden)[..., 0]

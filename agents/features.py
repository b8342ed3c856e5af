"""What the Q-network sees of a candidate: the SRN, frozen, run for one step on the patches of the observation.

The three candidates of a frame differ from the clean frame only in the patches that the occluder touches, and a frozen
network's answer never changes. So untouched patches are taken from the clean frame's, and every vector is computed once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from srn_core.model import SRN
from srn_core.model.patches import extract_patches
from srn_core.occluders import square_corner
from srn_gym.dynamics import OcclusionGame
from srn_gym.memo import Memo

BATCH = 512


def encode(model: SRN, x: Tensor) -> Tensor:
    """Patch features X ``(B, L, C, S * S)`` -> ``(B, F)``: the six component groups (eq. 6) and the shape update (eq. 7).

    The patches lie on the ground truth, where the right update is zero: what the occluder does to the update is what it
    does to the tracker. Updates are in sixteenths of a patch, which makes both parts of one size.
    """
    memory = model.hsrm.remember(x.flatten(2), model.start(len(x)))
    groups = model.hsrm.component_groups(model.relate(x).flatten(2), memory)
    update = model.hsrm.shape_update(groups) * (16 / model.config.patch_size)
    return torch.cat([*groups.values(), update.flatten(1)], 1)


def feature_size(model: SRN) -> int:
    """F of :func:`encode`."""
    scheme = model.config.landmarks
    return len(scheme.groups) * model.config.group_dim + 2 * scheme.num_landmarks


class FrozenFeatures:
    """Features of (clip, frame, covered landmark) under a frozen SRN, shared and remembered."""

    def __init__(self, game: OcclusionGame, model: SRN, budget_bytes: int = 2 << 30) -> None:
        """``model`` must have the patch size and scheme of the game's tracker."""
        self.game, self.model = game, model
        self.size = feature_size(model)
        features = model.trunk.channels * model.trunk.side**2
        self._clean = Memo(
            game.lengths, 1, (game.num_landmarks, features), self._clean_features, budget_bytes // 4, torch.float32
        )
        self._memo = Memo(game.lengths, game.num_landmarks, (self.size,), self._compute, budget_bytes, torch.float16)

    def __call__(self, clip: Tensor, frame: Tensor, target: Tensor) -> Tensor:
        """``(B,)`` indices -> ``(B, F)`` float32."""
        return self._memo.lookup(clip, frame, target).float()

    def plain(self, observation: Tensor) -> Tensor:
        """The same from an observation ``(B, 3, L, 3, P, P)`` uint8, nothing shared: ``(B, 3, F)``."""
        x = self.model.patch_features(observation.flatten(0, 1))
        return encode(self.model, x).unflatten(0, (-1, observation.shape[1]))

    @torch.no_grad()
    def _clean_features(self, clip: Tensor, frame: Tensor, _: Tensor) -> Tensor:
        parts = zip(*(index.split(BATCH) for index in (clip, frame)), strict=True)
        return torch.cat([self._trunk_features(*part) for part in parts])

    def _trunk_features(self, clip: Tensor, frame: Tensor) -> Tensor:
        game = self.game
        images = game.occlude(clip, frame, torch.full_like(clip, -1))
        patches = extract_patches(images, game.landmarks[game.row(clip, frame)], game.patch_size)
        return self.model.patch_features(patches).flatten(2)

    @torch.no_grad()
    def _compute(self, clip: Tensor, frame: Tensor, target: Tensor) -> Tensor:
        parts = zip(*(index.split(BATCH) for index in (clip, frame, target)), strict=True)
        return torch.cat([self._compute_part(*part) for part in parts])

    def _compute_part(self, clip: Tensor, frame: Tensor, target: Tensor) -> Tensor:
        game = self.game
        points = game.landmarks[game.row(clip, frame)]
        x = self._clean.lookup(clip, frame, torch.zeros_like(clip)).clone()
        touched = self._touched(points, target)
        patches = extract_patches(game.occlude(clip, frame, target), points, game.patch_size)[touched]
        if len(patches):
            x[touched] = self.model.patch_features(patches[None])[0].flatten(1)
        return encode(self.model, x.unflatten(2, (self.model.trunk.channels, -1)))

    def _touched(self, points: Tensor, target: Tensor) -> Tensor:
        """Which patches ``(B, L)`` overlap the occluder on landmark ``target``.

        Patches that reach over the image's border repeat it, so overlap is tested on their clamped extent.
        """
        game = self.game
        side, size = game.tracker.crop.size, game.patch_size
        centre = points[torch.arange(len(points), device=points.device), target]
        low = square_corner(centre, game.occluder_side, side)[:, None]
        first = (torch.floor(points + 0.5).long() - size // 2).clamp(0, side - 1)
        last = (torch.floor(points + 0.5).long() - size // 2 + size - 1).clamp(0, side - 1)
        return ((last >= low) & (first < low + game.occluder_side)).all(-1)

"""What a frozen SRN makes of a candidate: one step of it on the patches of the observation.

The three candidates of a frame differ from the clean frame only in the patches that the occluder touches, and a frozen
network's answer never changes. So untouched patches are taken from the clean frame's, and every vector is computed once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from srn_core.errors import UserError
from srn_core.model import SRN
from srn_core.model.patches import extract_patches
from srn_core.occluders.squares import square_corner
from srn_core.tracking.tracker import Tracker
from srn_gym.cache.memo import Memo, batch_size

if TYPE_CHECKING:
    from srn_gym.game import OcclusionGame

Encode = Callable[[SRN, Tensor], Tensor]
"""Patch features X ``(B, L, C, S * S)`` -> ``(B, F)``."""


def component_groups(model: SRN, x: Tensor) -> dict[str, Tensor]:
    """The six vectors of eq. 6 from X ``(B, L, C, S * S)``, the memory being that of a clip's start."""
    return model.component_groups(x, model.start(len(x)))[0]


def encode_groups(model: SRN, x: Tensor) -> Tensor:
    """:func:`component_groups` side by side ``(B, F)``: the observation ``features``."""
    return torch.cat([*component_groups(model, x).values()], 1)


def groups_size(model: SRN) -> int:
    """F of :func:`encode_groups`."""
    return sum(model.hsrm.group_widths.values())


class FrozenFeatures:
    """Features of (clip, frame, covered landmark) under a frozen SRN, shared and remembered."""

    def __init__(self, game: OcclusionGame, model: SRN, encode: Encode, size: int, budget_bytes: int = 2 << 30) -> None:
        """Start empty.

        Args:
            game: whose frames and occluders.
            model: the SRN, on the game's device.
            encode: from its patch features to the vectors.
            size: F of ``encode``.
            budget_bytes: memory to use at most for the vectors.

        Raises:
            UserError: ``model`` has another scheme or patch size than the game's tracker.
        """
        config = model.config
        if (config.scheme, config.patch_size) != (game.tracker.scheme.name, game.patch_size):
            raise UserError(
                f"encoder with scheme '{config.scheme}' and patches of {config.patch_size} px, but the tracker's are "
                f"'{game.tracker.scheme.name}' and {game.patch_size} px; choose an SRN like the tracker"
            )
        self.game, self.model, self.encode, self.size = game, model, encode, size
        features = model.trunk.channels * model.trunk.side**2
        self._clean = Memo(
            game.lengths, 1, (game.num_landmarks, features), self._clean_features, budget_bytes // 4, torch.float32
        )
        self._memo = Memo(game.lengths, game.num_landmarks, (size,), self._compute, budget_bytes)
        self._uncovered = Memo(game.lengths, 1, (size,), self._encode_clean, budget_bytes // 4)

    def __call__(self, clip: Tensor, frame: Tensor, target: Tensor) -> Tensor:
        """``(B,)`` indices -> ``(B, F)`` float32."""
        return self._memo.lookup(clip, frame, target)

    def clean(self, clip: Tensor, frame: Tensor) -> Tensor:
        """Those of the frames with nothing hidden: ``(B,)`` indices -> ``(B, F)`` float32."""
        return self._uncovered.lookup(clip, frame, torch.zeros_like(clip))

    def patches(self, clip: Tensor, frame: Tensor, target: Tensor) -> Tensor:
        """The candidates (eq. 9): patches ``(B, L, 3, P, P)`` uint8 of frames with landmark ``target`` hidden; -1: none."""
        points = self.game.landmarks[self.game.row(clip, frame)]
        return extract_patches(self.game.occlude(clip, frame, target), points, self.game.patch_size)

    def plain(self, observation: Tensor) -> Tensor:
        """The same from an observation ``(B, 3, L, 3, P, P)`` uint8, nothing shared: ``(B, 3, F)``."""
        x = self.model.patch_features(observation.flatten(0, 1))
        return self.encode(self.model, x).unflatten(0, (-1, observation.shape[1]))

    @torch.no_grad()
    def _clean_features(self, clip: Tensor, frame: Tensor, _: Tensor) -> Tensor:
        return _in_parts(self._trunk_features, clip, frame)

    def _trunk_features(self, clip: Tensor, frame: Tensor) -> Tensor:
        return self.model.patch_features(self.patches(clip, frame, torch.full_like(clip, -1))).flatten(2)

    @torch.no_grad()
    def _encode_clean(self, clip: Tensor, frame: Tensor, _: Tensor) -> Tensor:
        return _in_parts(self._encode_clean_part, clip, frame)

    def _encode_clean_part(self, clip: Tensor, frame: Tensor) -> Tensor:
        return self._encoded(self._clean.lookup(clip, frame, torch.zeros_like(clip)))

    def _encoded(self, x: Tensor) -> Tensor:
        return self.encode(self.model, x.unflatten(2, (self.model.trunk.channels, -1)))

    @torch.no_grad()
    def _compute(self, clip: Tensor, frame: Tensor, target: Tensor) -> Tensor:
        return _in_parts(self._compute_part, clip, frame, target)

    def _compute_part(self, clip: Tensor, frame: Tensor, target: Tensor) -> Tensor:
        game = self.game
        points = game.landmarks[game.row(clip, frame)]
        x = self._clean.lookup(clip, frame, torch.zeros_like(clip)).clone()
        touched = self._touched(points, target)
        patches = extract_patches(game.occlude(clip, frame, target), points, game.patch_size)[touched]
        if len(patches):
            x[touched] = self.model.patch_features(patches[None])[0].flatten(1)
        return self._encoded(x)

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


def _in_parts(compute: Callable[..., Tensor], *indices: Tensor) -> Tensor:
    """``compute`` of indices ``(B,)``, as many at once as serve the device."""
    parts = zip(*(index.split(batch_size(index.device)) for index in indices), strict=True)
    return torch.cat([compute(*part) for part in parts])


def observed_features(game: OcclusionGame) -> FrozenFeatures:
    """What the observation ``features`` shows: the tracker's own component groups (eq. 6).

    Raises:
        UserError: the tracker is no SRN.
    """
    if not isinstance(game.tracker, Tracker):
        raise UserError("observation 'features': the tracker is no SRN; expected an SRN, or use observation='patches'")
    return FrozenFeatures(game, game.tracker.model, encode_groups, groups_size(game.tracker.model))

"""What the Q-network sees of a candidate: the SRN, frozen, run for one step on the patches of the observation."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

import srn_gym.features
from srn_core.checkpoints import load_pretrained
from srn_core.model import SRN
from srn_core.tracking.tracker import Tracker
from srn_core.victims.registry import is_own, is_srn, load_victim
from srn_gym.features import component_groups, encode_groups, groups_size
from srn_gym.game import OcclusionGame
from srn_gym.games import DEFAULT_TRACKER


def encode(model: SRN, x: Tensor) -> Tensor:
    """Patch features X ``(B, L, C, S * S)`` -> ``(B, 1 + G)``: how far the SRN's update (eq. 7) would move the landmarks.

    The patches lie on the ground truth, where the right update is zero: what the occluder does to the update is what it
    does to the tracker. The mean length over all landmarks, then over those of each of the G components, in sixteenths of
    a patch. Richer features (the group vectors of eq. 6) fit the training clips closer and strangers worse.
    """
    update = model.hsrm.shape_update(component_groups(model, x)) * (16 / model.config.patch_size)
    lengths = update.norm(dim=-1)
    parts = [lengths[:, list(points)].mean(1) for points in model.config.landmarks.groups.values()]
    return torch.stack([lengths.mean(1), *parts], 1)


class FrozenFeatures(srn_gym.features.FrozenFeatures):
    """:func:`encode` of (clip, frame, covered landmark), shared and remembered."""

    def __init__(self, game: OcclusionGame, model: SRN, budget_bytes: int = 2 << 30) -> None:
        """``model`` must have the patch size and scheme of the game's tracker."""
        size = 1 + len(model.config.landmarks.groups)
        super().__init__(game, model, encode, size, budget_bytes)


@lru_cache(maxsize=4)
def shared_features(game: OcclusionGame, tracker: str, encoder: str = "") -> FrozenFeatures:
    """The features of a game under :func:`load_encoder`'s SRN, computed once for all learners and policies of a process."""
    return FrozenFeatures(game, load_encoder(tracker, encoder).to(game.device))


# Large: the training clips' and the held-out ones'.
@lru_cache(maxsize=2)
def shared_groups(game: OcclusionGame, tracker: str) -> srn_gym.features.FrozenFeatures:
    """The observation ``features`` of a game under the tracker's SRN, computed once for all SB3 policies of a process."""
    model = load_encoder(tracker).to(game.device)
    return srn_gym.features.FrozenFeatures(game, model, encode_groups, groups_size(model))


def forget_features() -> None:
    """Drop what is shared, with the games it belongs to."""
    shared_features.cache_clear()
    shared_groups.cache_clear()


def load_encoder(tracker: str, encoder: str = "") -> SRN:
    """The SRN of a checkpoint's name or folder; where none is given the tracker's if that has one, else srn-small."""
    if encoder or is_srn(tracker):
        return load_pretrained(encoder or tracker)
    victim = load_victim(tracker, "cpu") if is_own(tracker) else None
    return victim.model if isinstance(victim, Tracker) else load_pretrained(DEFAULT_TRACKER)

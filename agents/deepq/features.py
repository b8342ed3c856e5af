"""What the Q-network sees of a candidate: a frozen SRN, run for one step on the patches of the observation."""

from collections.abc import Mapping
from typing import Literal

from srn_core.checkpoints import load_pretrained
from srn_core.model import SRN
from srn_core.tracking.tracker import Tracker
from srn_core.victims.registry import is_own, is_srn, load_victim
from srn_gym.features import Encode, FrozenFeatures, encode_part_lengths, encode_update
from srn_gym.game import OcclusionGame
from srn_gym.games import DEFAULT_TRACKER

View = Literal["change", "parts", "response"]
VIEWS: Mapping[str, Encode] = {"change": encode_part_lengths, "parts": encode_part_lengths, "response": encode_update}
"""What is computed for each view. The patches lie on the ground truth, where the right update is zero. So what the occluder
does to the update is what it does to the tracker. Richer features (the group vectors of eq. 6) fit the training clips more
closely and unseen clips worse."""


def network_features(game: OcclusionGame, encoder: str = "", view: View = "parts") -> FrozenFeatures:
    """The vectors of a view, shared by all learners and policies of the game's store.

    They come from the tracker of the game: a policy sees how its opponent reacts, whichever that is. If the opponent is not an
    SRN, or ``encoder`` names one, they come from srn-small or from that SRN.
    """
    if not encoder and game.victim.models:
        return game.own_features(VIEWS[view])
    return game.features(load_pretrained(encoder or DEFAULT_TRACKER).to(game.device), VIEWS[view])


def load_encoder(tracker: str) -> SRN:
    """The SRN of a tracker, given by name, or srn-small if that is no SRN."""
    if is_srn(tracker):
        return load_pretrained(tracker)
    victim = load_victim(tracker, "cpu") if is_own(tracker) else None
    return victim.model if isinstance(victim, Tracker) else load_pretrained(DEFAULT_TRACKER)

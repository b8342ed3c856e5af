"""The policies that need no training, by name."""

from collections.abc import Callable, Mapping

from agents.policies.paths import BeamSearch, Planned, true_rewards
from agents.policies.prior import PRIOR_FRAMES, Adaptive, prior
from agents.policies.protocol import Policy
from agents.policies.simple import Fixed, Greedy, Random
from srn_core.errors import UserError
from srn_gym.game import OcclusionGame

NAMES: Mapping[str, str] = {
    "none": "no occluder",
    "static": "stays on the first landmark",
    "random-walk": "a random action per frame",
    "random-jump": "a random landmark per frame (RSF)",
    "prior": "best path for each landmark's mean excess error on the training clips; sees no image",
    "adaptive": "prior, corrected by the errors that it met on the clip so far; sees no image",
    "greedy": "one-step look-ahead with the true error",
    "optimal": "dynamic programming on the true errors (track mode: beam search, a lower bound)",
}


def named_policy(
    name: str, game: OcclusionGame, training: Callable[[], OcclusionGame], prior_frames: int = PRIOR_FRAMES
) -> Policy:
    """A policy of :data:`NAMES`.

    Args:
        name: which.
        game: the game that it will play.
        training: loads the game on the training clips in ``detect`` mode, for ``prior`` and ``adaptive``.
        prior_frames: frames of each training clip that ``prior`` and ``adaptive`` use.

    Raises:
        UserError: an unknown name.
    """
    if name in ("none", "static"):
        return Fixed(clean=name == "none")
    if name in ("random-walk", "random-jump"):
        return Random(jump=name == "random-jump")
    if name == "greedy":
        return Greedy()
    if name == "prior":
        return prior(training(), prior_frames)
    if name == "adaptive":
        return Adaptive(training(), prior_frames)
    if name == "optimal":
        return Planned(true_rewards) if game.mode == "detect" else BeamSearch()
    raise UserError(f"policy '{name}': unknown; expected {', '.join(NAMES)} or the folder of a trained run")

"""The rules of the occlusion game that an env's arguments choose, checked in one place."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from srn_core.errors import UserError
from srn_core.occluders import KINDS, Occluder

Mode = Literal["detect", "track"]
Neighbourhood = Literal["index", "graph"]
Reward = Literal["nme", "excess"]
Observation = Literal["patches", "features"]
CHOICES = {
    "mode": get_args(Mode),
    "occluder": tuple(KINDS),
    "neighbourhood": get_args(Neighbourhood),
    "reward": get_args(Reward),
    "observation": get_args(Observation),
}


@dataclass(frozen=True)
class Rules:
    """What an env may choose about the game; JSON-able values.

    Attributes:
        mode: ``detect``: the tracker sees every frame afresh; ``track``: its memory runs on through the clip.
        occluder: what is put on the landmark, one of :data:`srn_core.occluders.KINDS`.
        occluder_size: side of the square in pixels of a 224 px crop, scaled with the tracker's crop.
        noise_seed: one more part of the key that the occluder's pixels are drawn from.
        noise_per_frame: the frame's number is part of that key too; else the occluder is the same throughout a clip.
        neighbourhood: what the landmarks before and next are: ``index``: ``l - 1`` and ``l + 1`` (the paper's); ``graph``:
            those on a tour along the face's contours (:func:`srn_gym.neighbourhoods.contour_tour`).
        reward: ``nme``: the error on the covered frame (eq. 10); ``excess``: that less the error which the tracker, in the
            same state, makes on the clean frame.
        reward_cap: the largest reward, a fraction; None for no cap.
        observation: ``patches``: the pixels of eq. 9; ``features``: what an SRN tracker makes of them
            (:func:`srn_gym.features.encode_groups`).
    """

    mode: Mode = "detect"
    occluder: Occluder = "noise"
    occluder_size: int = 48
    noise_seed: int = 0
    noise_per_frame: bool = True
    neighbourhood: Neighbourhood = "index"
    reward: Reward = "nme"
    reward_cap: float | None = None
    observation: Observation = "patches"

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise UserError(f"{name} '{getattr(self, name)}': unknown; expected one of {', '.join(choices)}")
        if self.reward_cap is not None and not self.reward_cap > 0:
            raise UserError(f"reward_cap {self.reward_cap}: expected a fraction above 0, such as 0.3, or None")


def read_rules(arguments: Mapping[str, Any]) -> Rules:
    """Rules from an env's keyword arguments.

    Raises:
        UserError: an unknown name or value.
    """
    known = [field.name for field in dataclasses.fields(Rules)]
    if unknown := sorted(set(arguments) - set(known)):
        raise UserError(f"argument '{unknown[0]}': unknown; the rules of the game know {', '.join(known)}")
    return Rules(**arguments)

"""The rules of the occlusion game that an env's arguments choose, checked in one place."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from srn_core.errors import UserError
from srn_core.occluders.squares import KINDS, Occluder

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
REFERENCE_SIZE = 224
"""Side of the crop, pixels, at whose scale occluder sizes are given."""
KINDS_OF = {
    "occluder_size": ((int,), f"a whole number of pixels from 1 to {REFERENCE_SIZE}"),
    "noise_seed": ((int,), "a whole number from 0 to 2**63 - 1"),
    "noise_per_frame": ((bool,), "true or false"),
    "reward_cap": ((int, float, type(None)), "a fraction above 0, such as 0.3, or None"),
}


@dataclass(frozen=True, kw_only=True)
class GameRules:
    """What all who play a game must share; the options of the commands that play it, with their help."""

    mode: Mode = "detect"
    """detect: the tracker sees every frame afresh; track: its memory runs on through the clip."""
    occluder: Occluder = "noise"
    """What covers the landmark: uniform noise, black, a blur of what is below, a texture of smooth colours, a mask's cloth."""
    occluder_size: int = 48
    """Side of the square occluder, pixels of a 224 px crop; it scales with the tracker's crop."""
    noise_seed: int = 0
    """Seed of the occluder's pixels, the same for all episodes."""
    noise_per_frame: bool = True
    """Draw the occluder's pixels afresh on each frame; else once for a clip."""
    neighbourhood: Neighbourhood = "index"
    """The landmarks before and next. index: l - 1 and l + 1 (the paper's); graph: those on a tour along the face's contours."""

    def __post_init__(self) -> None:
        for name, (kinds, expected) in KINDS_OF.items():
            value = getattr(self, name, None)
            # A bool is an int to Python.
            if hasattr(self, name) and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
                raise UserError(f"{name} {value!r}: expected {expected}")
        for name, choices in CHOICES.items():
            if hasattr(self, name) and getattr(self, name) not in choices:
                raise UserError(f"{name} '{getattr(self, name)}': unknown; expected one of {', '.join(choices)}")
        if not 1 <= self.occluder_size <= REFERENCE_SIZE:
            raise UserError(f"occluder_size {self.occluder_size}: expected a whole number of pixels from 1 to {REFERENCE_SIZE}")
        if not 0 <= self.noise_seed < 2**63:
            raise UserError(f"noise_seed {self.noise_seed}: expected a whole number from 0 to 2**63 - 1")


@dataclass(frozen=True, kw_only=True)
class TrainingRules(GameRules):
    """Also what a learner is paid; the options of the commands that train one."""

    reward: Reward = "excess"
    """A fraction. nme: the error on the covered frame (eq. 10); excess: that less the error, in the same state, on the clean
    frame, which in detect mode is the same for every policy, so only noise goes."""
    reward_cap: float | None = None
    """The largest reward, a fraction such as 0.3; None: no cap."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reward_cap is not None and not self.reward_cap > 0:
            raise UserError(f"reward_cap {self.reward_cap}: expected a fraction above 0, such as 0.3, or None")


@dataclass(frozen=True, kw_only=True)
class Rules(TrainingRules):
    """What an env may choose about the game; JSON-able values."""

    reward: Reward = "nme"
    observation: Observation = "patches"
    """patches: the pixels of eq. 9; features: what an SRN tracker makes of them (:func:`srn_gym.features.encode_groups`)."""


def rules_of(args: GameRules, kind: type[GameRules] = GameRules) -> dict[str, Any]:
    """Those rules of ``args`` that ``kind`` has, as keyword arguments of an env or of another command's arguments."""
    return {field.name: getattr(args, field.name) for field in dataclasses.fields(kind)}


def read_rules(arguments: Mapping[str, Any]) -> Rules:
    """Rules from an env's keyword arguments.

    Raises:
        UserError: an unknown name or value.
    """
    known = [field.name for field in dataclasses.fields(Rules)]
    if unknown := sorted(set(arguments) - set(known)):
        raise UserError(f"argument '{unknown[0]}': unknown; the rules of the game know {', '.join(known)}")
    return Rules(**arguments)

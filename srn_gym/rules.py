"""The rules of the occlusion game, as an env's arguments or a command's options give them, and their checks."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from srn_core.checkpoints import given_name
from srn_core.errors import UserError
from srn_core.occluders.squares import KINDS, Occluder
from srn_core.values import python_value

Mode = Literal["detect", "track"]
Neighbourhood = Literal["index", "graph"]
Reward = Literal["nme", "excess"]
Observation = Literal["patches", "features", "response", "change", "memory"]
CHOICES = {
    "mode": get_args(Mode),
    "occluder": tuple(KINDS),
    "neighbourhood": get_args(Neighbourhood),
    "reward": get_args(Reward),
    "observation": get_args(Observation),
}
NAMES = ("tracker", "policy", "encoder")
"""Options of commands that are names or folders: a text, or in Python also a :class:`pathlib.Path`."""
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
    """The rules that all policies on one game share; also the options of the commands that play it."""

    mode: Mode = "detect"
    """detect: the tracker sees each frame without memory; track: its memory runs through the clip."""
    occluder: Occluder = "noise"
    """What covers the landmark: noise (uniform), black, blur (the covered pixels), texture (smooth colours) or mask (cloth)."""
    occluder_size: int = 48
    """Side of the square occluder, in pixels of a 224 px crop. It scales with the tracker's crop."""
    noise_seed: int = 0
    """Seed of the occluder's pixels, which are the same in all episodes."""
    noise_per_frame: bool = True
    """Draw new occluder pixels on each frame. Without this, they stay the same throughout a clip."""
    neighbourhood: Neighbourhood = "index"
    """Which landmarks are previous and next. index: l - 1 and l + 1, as in the paper; graph: on a tour along the contours."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = python_value(getattr(self, field.name))
            if field.name in NAMES and isinstance(value, Path):
                value = given_name(value)
            # The rules are frozen, and written as JSON.
            object.__setattr__(self, field.name, value)
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
    """The rules with the reward; also the options of the commands that train a policy."""

    reward: Reward = "excess"
    """nme: the error on the covered frame, a fraction (eq. 10). excess: that error minus the error on the clean frame in the
    same state. In detect mode the clean error is the same for every policy, so excess only reduces noise."""
    reward_cap: float | None = None
    """The largest reward, a fraction such as 0.3; larger rewards are lowered to it. None: no cap."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reward_cap is not None and not self.reward_cap > 0:
            raise UserError(f"reward_cap {self.reward_cap}: expected a fraction above 0, such as 0.3, or None")


@dataclass(frozen=True, kw_only=True)
class Rules(TrainingRules):
    """All rules that an env's arguments may set; the values can be written as JSON."""

    reward: Reward = "nme"
    observation: Observation = "patches"
    """patches: the pixels of eq. 9. The others: what an SRN tracker computes from them (:mod:`srn_gym.features`)."""


def rules_of(args: GameRules, kind: type[GameRules] = GameRules) -> dict[str, Any]:
    """The rules of ``args`` that ``kind`` has, as keyword arguments of an env or of other arguments."""
    return {field.name: getattr(args, field.name) for field in dataclasses.fields(kind)}


def read_rules(arguments: Mapping[str, Any]) -> Rules:
    """Rules from an env's keyword arguments.

    Raises:
        UserError: a name or value is unknown.
    """
    known = [field.name for field in dataclasses.fields(Rules)]
    if unknown := sorted(set(arguments) - set(known)):
        raise UserError(f"argument '{unknown[0]}': unknown; expected one of the game's rules {', '.join(known)}")
    return Rules(**arguments)

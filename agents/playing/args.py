"""The arguments of agents/evaluate.py."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from srn_core.errors import COUNT, NOT_NEGATIVE, check_numbers
from srn_gym.rules import GameRules

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class EvaluateArgs(GameRules):
    """Roll out a policy; the same seed gives every policy the same clips, first landmarks and noise."""

    policy: str
    """A name (none, static, random-walk, random-jump, prior, greedy, optimal) or the folder of a trained run."""
    clips: str = "demo?split=val"
    """Data spec of the clips to play."""
    train_clips: str | None = None
    """Data spec of the training clips that prior learns from; the spec with split=train where not given."""
    tracker: str = "srn-small"
    """The tracker to attack: a checkpoint's name or folder, onnx:PATH?..., constant or MODULE:FUNCTION."""
    episodes: int = 48
    """Episodes; clips take turns, each with a random first landmark."""
    seed: int = 0
    """Seeds first landmarks and random policies."""
    optimal: bool = False
    """Also play random-walk and optimal, and report the share of the optimum."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    json: Path | None = None
    """Write the figures and a row an episode here."""
    video: Path | None = None
    """Write the first episode as an .mp4 here."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, {"episodes": COUNT, "seed": NOT_NEGATIVE})

"""The arguments that comparisons share, and the arguments of the regression."""

from dataclasses import dataclass

from srn_core.errors import COUNT, NOT_NEGATIVE, POSITIVE, check_numbers
from srn_gym.rules import GameRules


@dataclass(frozen=True, kw_only=True)
class ComparedGame(GameRules):
    """What policies are compared on."""

    clips: str = "demo?split=val"
    """Data spec of the held-out clips to play."""
    train_clips: str | None = None
    """Data spec of the training clips, for prior and the learners. Default: --clips with split=train."""
    tracker: str = "srn-small"
    """The tracker to attack: a checkpoint's name or folder."""
    episodes: int = 48
    """Episodes per seed. Clips take turns; each episode has a random first landmark."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""


@dataclass(frozen=True, kw_only=True)
class RegressionArgs:
    """Regress the training clips' rewards on the Q-network's features."""

    clips: str = "demo?split=train"
    """Data spec of the training clips."""
    tracker: str = "srn-small"
    """The tracker to attack: a checkpoint's name or folder, onnx:PATH?..., constant or MODULE:FUNCTION."""
    encoder: str = ""
    """The SRN whose features the network sees: a checkpoint's name or folder. Default: the tracker, or srn-small if the
    tracker is not an SRN."""
    seed: int = 0
    """Seed of weights and sampling."""
    steps: int = 4_000
    """Optimiser steps."""
    batch_size: int = 1_024
    """Entries of the table per step."""
    lr: float = 1e-3
    """Learning rate of Adam."""
    relative_to_clean: bool = False
    """Show the network the features of the covered frame minus those of the clean frame, as in agents/dqn.py."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""

    def __post_init__(self) -> None:
        check_numbers(self, {"seed": NOT_NEGATIVE, "steps": COUNT, "batch_size": COUNT, "lr": POSITIVE})

"""The arguments of ``benchmarks/compare_policies.py`` and of the regression, and what comparing and tuning share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agents.clip_options import ClipSpecs, fill_in_clips
from agents.deepq.features import View
from agents.policies.named import NAMES
from agents.policies.prior import PRIOR_FRAMES
from benchmarks.common.jobs import ClusterArgs
from srn_core.errors import COUNT, NOT_NEGATIVE, POSITIVE, check_numbers
from srn_gym.rules import GameRules


@dataclass(frozen=True, kw_only=True)
class ComparedGame(GameRules):
    """What policies are compared on."""

    CLIP_DEFAULTS = {"clips": "demo?split=val"}
    clips: ClipSpecs = ()
    """Data spec of the held-out clips to play; repeat for several. Default: demo?split=val."""
    train_clips: ClipSpecs = ()
    """Data spec of the training clips, for prior, adaptive and the learners; repeat for several. Default: --clips with
    split=train."""
    measured_train_clips: ClipSpecs = ()
    """Data spec of the training clips to measure on; repeat for several. Fewer are faster, because optimal needs the error of
    every landmark on every frame. Default: --train-clips."""
    tracker: str = "srn-small"
    """The tracker to attack: a checkpoint's name or folder."""
    train_tracker: str = ""
    """The tracker that learners, prior and adaptive are trained against, such as crossfit:DIR. Default: --tracker."""
    episodes: int = 48
    """Episodes per seed. Clips take turns; each episode has a random first landmark."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""

    def __post_init__(self) -> None:
        super().__post_init__()
        fill_in_clips(self, "clips", "train_clips", "measured_train_clips")


@dataclass(frozen=True, kw_only=True)
class RegressionArgs:
    """Regress the training clips' rewards on the Q-network's features."""

    CLIP_DEFAULTS = {"clips": "demo?split=train"}
    clips: ClipSpecs = ()
    """Data spec of the training clips, or several. Default: demo?split=train."""
    tracker: str = "srn-small"
    """The tracker to attack: a checkpoint's name or folder, onnx:PATH?..., crossfit:DIR, constant or MODULE:FUNCTION."""
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
    dropout: float = 0.3
    """Share of the network's hidden units that are dropped in each step, as in agents/dqn.py."""
    view: View = "change"
    """What the network sees of a candidate, as in agents/dqn.py."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""

    def __post_init__(self) -> None:
        fill_in_clips(self, "clips")
        check_numbers(self, {"seed": NOT_NEGATIVE, "dropout": (0, 0.99), "steps": COUNT, "batch_size": COUNT, "lr": POSITIVE})


@dataclass(frozen=True, kw_only=True)
class CompareArgs(ComparedGame, ClusterArgs):
    """Compare policies on the same clips, first landmarks and noise."""

    policies: tuple[str, ...] = tuple(NAMES)
    """Names of policies and folders of trained runs. random-walk is always played; with --learners also optimal."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of first landmarks and random policies."""
    prior_frames: int = PRIOR_FRAMES
    """Frames of each training clip that prior and adaptive use. Fewer are faster and less exact."""
    out: Path = Path("runs/compare")
    """Folder for figures.json, README.md, episodes.csv.gz and plots; with --learners also for rows.csv.gz and the runs.
    Finished trainings there are not repeated."""
    learners: tuple[str, ...] = ()
    """What to train and compare: dqn, sb3-dqn, sb3-ppo, sb3-qrdqn, or regression, which fits the true rewards of the training
    clips and shows what the network could learn. NAME:field=value,field=value changes arguments of the training. @N at the
    end uses only the first N training seeds."""
    train_seeds: tuple[int, ...] = tuple(range(10))
    """Every learner is trained once per seed. Use 10 for a main result, 5 for an ablation. Fewer than 5 give no intervals."""
    total_steps: int = 60_000
    """Length of each training, in env steps (frames played)."""
    start: Literal["cold", "warm"] = "cold"
    """cold: each training starts with an empty cache, so that wall-clock curves are fair. warm: trainings share the tracker's
    answers, which is many times faster; results may then differ by rounding."""

    def __post_init__(self) -> None:
        super().__post_init__()
        counts, seeds = (
            dict.fromkeys(("episodes", "prior_frames", "total_steps"), COUNT),
            dict.fromkeys(("seeds", "train_seeds"), NOT_NEGATIVE),
        )
        check_numbers(self, counts | seeds | {"ray_gpus": NOT_NEGATIVE})

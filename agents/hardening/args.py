"""The arguments of agents/finetune.py."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from srn_core.errors import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, check_numbers
from srn_gym.rules import Mode

PlacedOcclusion = Literal["square", "varied"]
LIMITS = {
    **dict.fromkeys(("steps", "batch", "rounds", "refresh", "sequence", "dqn_steps", "val_every"), COUNT),
    **dict.fromkeys(("occluded_share", "random_share"), SHARE),
    "seed": NOT_NEGATIVE,
    "lr": POSITIVE,
}


@dataclass(frozen=True, kw_only=True)
class FinetuneArgs:
    """Fine-tune a tracker on clean sequences mixed with sequences that a policy has occluded."""

    policy: str
    """A policy's name (none, random-jump, greedy, optimal ...) or the folder of a trained run. dqn: before each round, one is
    trained on the first --clips against the round's tracker."""
    out: Path
    """Folder of the fine-tuned tracker. It also holds one folder per round, with logs and the state for --resume."""
    clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec to fine-tune on; repeat for several. Default: demo?split=train."""
    tracker: str = "srn-small"
    """The tracker: a checkpoint's name or folder."""
    val: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec for the validation, clean and occluded; repeat for several. Default: the --clips with split=val."""
    steps: int = 300
    """Optimiser steps per round."""
    batch: int = 64
    """Faces per step."""
    sequence: int = 4
    """Frames of a sequence, through which the tracker's memory runs. A batch holds batch / sequence sequences."""
    lr: float = 1e-4
    """Peak learning rate of Adam. It rises during the first tenth of the steps and then falls to zero along a cosine."""
    occluded_share: float = 0.5
    """Share of the sequences that are occluded."""
    random_share: float = 0.0
    """Share of the clips on which random-jump places the occluder instead of the policy. Each pass draws other clips."""
    occlusion: PlacedOcclusion = "square"
    """What the training puts on the policy's landmark, whatever occluder the policy played with. square: noise, 48 px in a
    224 px crop; varied: many shapes and fillings."""
    refresh: int = 100
    """Steps after which the policy plays all clips again, with other noise and first landmarks (a pass)."""
    rounds: int = 1
    """Rounds of policy and fine-tuning. The policy of a round plays against the tracker of the round before."""
    mode: Mode = "detect"
    """The policy's game. detect: the tracker sees every frame without memory; track: its memory runs through the clip."""
    dqn_steps: int = 60_000
    """Env steps of the training with --policy dqn."""
    val_every: int = 50
    """Steps between validations, which also write the state for --resume."""
    save: Path | None = None
    """Also write a data set of the kind 300vw: every frame with the occluder where the first pass of the last round put it. The
    occluders' pixels are drawn again and differ from the training's, which also leaves some sequences clean."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the network."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    seed: int = 0
    """Seed of batches, first landmarks, noise and the DQN."""
    resume: bool = False
    """Go on with the run in --out."""

    def __post_init__(self) -> None:
        check_numbers(self, LIMITS)

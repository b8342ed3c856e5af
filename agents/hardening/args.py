"""The arguments of agents/finetune.py."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from agents.hardening.placements import PlacedOcclusion
from srn_core.errors import COUNT, NOT_NEGATIVE, POSITIVE, SHARE
from srn_gym.rules import Mode

LIMITS = {
    **dict.fromkeys(("steps", "batch", "rounds", "refresh", "sequence", "dqn_steps", "val_every"), COUNT),
    **dict.fromkeys(("occluded_share", "random_share"), SHARE),
    "seed": NOT_NEGATIVE,
    "lr": POSITIVE,
}


@dataclass(frozen=True)
class FinetuneArgs:
    """Fine-tune a tracker on clean sequences mixed with sequences that a policy has occluded."""

    policy: str
    """A policy's name (none, random-jump, greedy, optimal ...), the folder of a trained run, or dqn: trained on the first
    --clips against the tracker before the fine-tuning of each round."""
    out: Path
    """Folder for the fine-tuned tracker; in it a folder a round with logs and the resumable state."""
    clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec to fine-tune on; repeat for several. demo?split=train where none is given."""
    tracker: str = "srn-small"
    """The tracker: a checkpoint's name or folder."""
    val: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec whose clean error is watched; repeat for several. The --clips with split=val where none is given."""
    steps: int = 300
    """Optimiser steps a round."""
    batch: int = 64
    """Faces a step."""
    sequence: int = 4
    """Frames of a sequence, through which the memory runs; the batch holds batch / sequence of them."""
    lr: float = 1e-4
    """Peak learning rate of Adam: a tenth of the steps of warm-up, then a cosine to zero."""
    occluded_share: float = 0.5
    """Share of the sequences that are occluded."""
    random_share: float = 0.0
    """Share of the clips, drawn anew for each pass, on which random-jump places the occluder and not the policy."""
    occlusion: PlacedOcclusion = "square"
    """What lies on the policy's landmark: a noise square of 48 px (at the 224 scale), or varied shapes and fillings, whatever
    occluder the policy played with."""
    refresh: int = 100
    """Steps after which the policy plays anew, with new noise and other first landmarks."""
    rounds: int = 1
    """Rounds of policy and fine-tuning; each plays against the tracker of the round before."""
    mode: Mode = "detect"
    """The policy's game. detect: the tracker sees every frame afresh; track: its memory runs on."""
    dqn_steps: int = 60_000
    """Env steps of the training of --policy dqn."""
    val_every: int = 50
    """Steps between validations, which also write the resumable state."""
    save: Path | None = None
    """Also write the clips as they were occluded first in the last round: a data set of the kind 300vw."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the network."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    seed: int = 0
    """Seeds batches, first landmarks, noise and the DQN."""
    resume: bool = False
    """Go on with what is in --out."""

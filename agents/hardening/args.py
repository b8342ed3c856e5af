"""The arguments of agents/finetune.py."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from srn_core.errors import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, check_numbers
from srn_gym.rules import Mode

PlacedOcclusion = Literal["square", "varied"]
LIMITS = {
    **dict.fromkeys(("steps", "batch", "rounds", "refresh", "sequence", "dqn_steps", "val_every"), COUNT),
    **dict.fromkeys(("occluded_share", "random_share", "teacher_share"), SHARE),
    "seed": NOT_NEGATIVE,
    "lr": POSITIVE,
}


@dataclass(frozen=True, kw_only=True)
class FinetuneArgs:
    """Fine-tune a tracker on clean sequences mixed with sequences that a policy has occluded."""

    policy: str
    """A policy's name (none, random-jump, greedy, optimal ...) or the folder of a trained run. With dqn, each round
    first trains a DQN on --dqn-clips, against the tracker of that round."""
    out: Path
    """Folder of the fine-tuned tracker. It also holds one folder per round, with logs and the state for --resume."""
    clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec to fine-tune on; repeat for several. Default: demo?split=train."""
    tracker: str = "srn-small"
    """The tracker: a checkpoint's name or folder, or MODULE:FUNCTION[?weights=PATH], a torch module of your own
    (docs/harden-your-own.md)."""
    val: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec for the validation, clean and occluded; repeat for several. Default: the --clips with split=val."""
    steps: int = 300
    """Optimiser steps per round."""
    batch: int = 64
    """Faces per step, over all processes of torchrun."""
    sequence: int = 4
    """Frames per training sequence; the tracker's memory runs through it. A step sees --batch / --sequence sequences. A module
    of your own has no memory: with 1 it sees more different faces."""
    lr: float = 1e-4
    """Peak learning rate of Adam. It rises during the first tenth of the steps and then falls to zero along a cosine."""
    occluded_share: float = 0.5
    """Share of the sequences that are occluded."""
    teacher: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Checkpoint whose answers on the clean faces are mixed into the labels of --clips; repeat for several. With the --tracker
    itself, occluded faces are drawn to what it sees without the occluder."""
    teacher_share: float = 0.5
    """How much of a mixed label is the teachers' answer; the rest is the label of the data."""
    random_share: float = 0.0
    """Share of the clips on which random-jump places the occluder instead of the policy. Each pass chooses other clips."""
    occlusion: PlacedOcclusion = "square"
    """What the training draws on the landmark that the policy chose. The policy itself may play with another occluder. square:
    noise, 48 px in a 224 px crop; varied: many shapes and fillings, which help more under masks."""
    refresh: int = 100
    """Steps after which the policy plays all clips again (a pass), with other noise and first landmarks."""
    rounds: int = 1
    """Rounds of playing and fine-tuning. In each round, the policy plays against the tracker of the previous round."""
    mode: Mode = "detect"
    """How the tracker runs in the policy's game. detect: it sees each frame without memory; track: its memory runs through the
    clip."""
    dqn_clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec that the DQN learns on; repeat for several. Default: all --clips."""
    dqn_steps: int = 60_000
    """Env steps of the training with --policy dqn."""
    val_every: int = 50
    """Steps between validations, which also write the state for --resume."""
    save: Path | None = None
    """Also write the occluded clips to this folder, as a data set of the kind 300vw. On each frame, the occluder lies where the
    first pass of the last round put it. Its pixels are drawn again, so they differ from the training's. The training also
    leaves some sequences clean."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the network. bfloat16 is faster on GPUs and on CPUs with AMX, and slower on CPUs without AVX-512."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    seed: int = 0
    """Seed of batches, first landmarks, noise and the DQN."""
    resume: bool = False
    """Continue the run in --out."""

    def __post_init__(self) -> None:
        check_numbers(self, LIMITS)

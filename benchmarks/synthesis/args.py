"""The arguments of ``benchmarks/hofs.py``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from agents.hardening.args import PlacedOcclusion
from benchmarks.common.jobs import ClusterArgs
from srn_core.model.config import Preset
from srn_gym.rules import Mode

Arm = Literal["base", "none", "rsf", "hofs", "mixed", "rounds", "prior", "greedy", "optimal"]


@dataclass(frozen=True, kw_only=True)
class HofsArgs(ClusterArgs):
    """Fine-tune one tracker in several ways, all from the same weights and for the same steps, and measure each."""

    arms: tuple[Arm, ...] = ("none", "rsf", "hofs", "greedy", "optimal")
    """Ways of fine-tuning. none: clean faces only. rsf: occluders at random places. hofs: a DQN places them. mixed: half of the
    clips as hofs, half as rsf. rounds: as hofs, but after half of the steps a new DQN is trained against the tracker so far.
    prior: where covering hurts on average. greedy, optimal: planned with the true errors. base: no fine-tuning at all."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Every arm is fine-tuned once per seed; each seed also trains a DQN."""
    occluder: PlacedOcclusion = "square"
    """What training draws on the landmark that the policy chose. square: the noise square; varied: shapes and fillings,
    which help more under masks."""
    clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec to train on; repeat for several. Default: demo?split=train."""
    dqn_clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec that the DQN learns on; repeat for several. Default: all --clips."""
    val: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec that selects weights; repeat for several. Default: the --clips, so that no --test clip selects weights."""
    test: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Held-out data spec to measure on; repeat for several. Default: demo?split=val."""
    covered: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec for random and worst-case occlusion. Use fewer frames here: the worst case runs the tracker once per landmark
    and frame. Default: the --test."""
    video: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec of continuous video for the jitter. Default: the --test."""
    mode: Mode = "detect"
    """How the tracker runs on clean and masked clips. detect: it sees each frame without memory; track: its memory runs through
    each clip. The jitter always uses track."""
    base: str | None = None
    """The tracker that all arms start from: a checkpoint's name or folder, or MODULE:FUNCTION[?weights=PATH], a torch module of
    your own. Default: one is trained without occluders."""
    model: str | None = None
    """MODULE:FUNCTION, a torch module of your own that is trained without --base, in place of an SRN
    (docs/harden-your-own.md)."""
    preset: Preset = "small"
    """Architecture of the tracker that is trained without --base: tiny (80 px), small (112 px) or paper (224 px)."""
    base_steps: int = 10_000
    """Optimiser steps of the training without --base."""
    steps: int = 300
    """Optimiser steps of the fine-tuning."""
    batch: int = 64
    """Faces per step."""
    lr: float = 1e-4
    """Peak learning rate of Adam in the fine-tuning."""
    occluded_share: float = 0.5
    """Share of the sequences that are occluded."""
    teacher: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Checkpoint whose answers on the clean faces are mixed into the labels of --clips, in all arms; repeat for several. Give
    the --base to draw occluded faces to what it sees without the occluder."""
    teacher_share: float = 0.5
    """How much of a mixed label is the teachers' answer; the rest is the label of the data."""
    refresh: int = 100
    """Steps after which the policies play all clips again, with other noise and first landmarks."""
    val_every: int = 50
    """Steps between validations."""
    dqn_steps: int = 60_000
    """Env steps of the DQN's training."""
    episodes: int = 3
    """Episodes per clip under random and worst-case occlusion, each from another first landmark."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of training. bfloat16 is faster on GPUs and on CPUs with AMX, and slower on CPUs without AVX-512."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    out: Path = Path("runs/hofs")
    """Folder for the trackers. OUT/OCCLUDER gets figures.json, rows.csv.gz, README.md and arms.png."""

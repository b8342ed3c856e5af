"""The arguments of ``benchmarks/ablation.py``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

import tyro

from benchmarks.common.jobs import ClusterArgs
from srn_core.model.config import Preset
from srn_core.tracking.batch import Mode
from srn_core.training.augment import Occlusion

PartVariant = Literal[
    "full", "relation=off", "relation=embedded_gaussian", "maps=off", "groups=off", "outputs=own", "outputs=off",
    "global_shape=off", "memory=off", "memory=frame", "initial_shape=hourglass",
]  # fmt: skip
SettingVariant = Literal[
    "steps=1", "steps=2", "crop_factor=1.2", "crop_factor=1.4", "crop_factor=1.6", "loss=wing", "loss=smooth-l1",
    "loss=adaptive-wing", "start=previous", "occlusion=none", "occlusion=square", "occlusion=masklike",
]  # fmt: skip
SizeVariant = Literal[
    "steps=4", "image_size=96", "image_size=128", "patch_size=22", "trunk=5x8,3x16", "trunk=5x24,3x48", "group_dim=64",
    "rotation=0", "rotation=10", "rotation=30",
]  # fmt: skip
Variant = Literal[PartVariant, SettingVariant, SizeVariant]


@dataclass(frozen=True, kw_only=True)
class AblationArgs(ClusterArgs):
    """Train every variant of the network from scratch, with the same data, steps and seeds, and measure each."""

    variants: tuple[Variant, ...] = get_args(PartVariant)
    """What to train: full, or full with one change, field=value, to the architecture or the training. After training with
    occlusion=masklike, masked faces no longer test unseen masks."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Training seeds. Every variant is trained once per seed; with the same seed, all variants see the same batches."""
    data: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec to train on; repeat for several. Default: demo?split=train."""
    test: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Held-out data spec to measure on, clean and masked; repeat for several. Default: demo?split=val."""
    mode: Mode = "detect"
    """How the tracker runs when it is measured. detect: it sees each frame without memory; track: its memory runs through each
    clip, and the jitter on videos is measured too."""
    preset: Preset = "small"
    """Architecture of the variant full: tiny (80 px), small (112 px) or paper (224 px)."""
    config_override: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """KEY=VALUE changes a field of the architecture (SRNConfig) in all variants; repeat for several."""
    steps: int = 300
    """Optimiser steps per training."""
    batch: int = 64
    """Faces per step."""
    occlusion: Occlusion = "varied"
    """Occluders on training faces. none; square: the paper's noise square; varied: shapes and fillings; masklike: varied, and
    polygons over mouth and nose. After masklike, masked faces no longer test unseen masks."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of training. bfloat16 is faster on GPUs and on CPUs with AMX, and slower on CPUs without AVX-512."""
    save_every: int = 100
    """Steps between saves. An interrupted training resumes from the last save."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    out: Path = Path("runs/ablation")
    """Folder for trackers, figures.json, rows.csv.gz, README.md and variants.png. Finished trainings there are not repeated."""

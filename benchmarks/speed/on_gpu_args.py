"""The arguments of ``benchmarks/on_gpu.py``, and how its minutes are shared out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from srn_core.model.config import Preset

GpuPart = Literal["parity", "throughput", "train", "evaluate"]
PARTS: tuple[GpuPart, ...] = ("parity", "throughput", "train", "evaluate")
# Of the whole time. What a part does not need goes to the training.
SHARES: Mapping[GpuPart, float] = {"parity": 0.12, "throughput": 0.3, "train": 0.46, "evaluate": 0.12}


@dataclass(frozen=True, kw_only=True)
class OnGpuArgs:
    """Measure parity with the CPU and throughput; train a tracker and evaluate it."""

    parts: tuple[GpuPart, ...] = PARTS
    """Which parts to run, in the order given."""
    data: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec to train on; repeat for several. Default: demo?split=train."""
    val: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec that selects weights and is evaluated, bare and masked; repeat for several. Default: demo?split=val."""
    test: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec that is only evaluated, bare and masked; repeat for several."""
    preset: Preset = "paper"
    """Architecture to train: tiny (80 px), small (112 px) or paper (224 px)."""
    steps: int | None = None
    """Optimiser steps. Default: as many as fit into the time. The time per step is measured first."""
    minutes: float = 8.5
    """Minutes for all parts together, without the start of Python. Each part has a share and stops there; what is left goes to
    the training."""
    batch: int = 64
    """Faces per step."""
    lr: float = 1e-3
    """Peak learning rate of Adam."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """Arithmetic of training. bfloat16 is faster on GPUs and on CPUs with AMX, and slower on CPUs without AVX-512."""
    seed: int = 0
    """Seed of the weights and the batches."""
    beside: tuple[str, ...] = ("srn-small",)
    """More checkpoints to evaluate, names or folders."""
    quick: bool = False
    """Measure parity and throughput at few sizes, with one or two calls each."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    out: Path = Path("runs/on-gpu")
    """OUT/figures.json has the results of all parts and is written after each. OUT/PART/figures.json has those of one part and
    is written while the part runs."""
    weights: Path | None = None
    """Folder of the training run and its float16 export. Default: OUT."""

    @property
    def run(self) -> Path:
        """The folder of the training run."""
        return (self.weights or self.out) / "run"

    @property
    def export(self) -> Path:
        """The folder of the trained weights in float16."""
        return (self.weights or self.out) / "srn"

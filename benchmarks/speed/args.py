"""The arguments of ``benchmarks/throughput.py``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from srn_core.model.config import Preset

Group = Literal[
    "forward",
    "detect",
    "track",
    "draw",
    "train",
    "games",
    "env",
    "dqn",
    "learning",
    "replay",
    "cost",
    "memory",
    "steady",
    "parity",
]
GROUPS: tuple[Group, ...] = get_args(Group)


@dataclass(frozen=True, kw_only=True)
class ThroughputArgs:
    """Measure speed, memory and parity."""

    rows: tuple[Group, ...] = GROUPS
    """What to measure. parity compares results on a GPU with the CPU; without a GPU it is left out."""
    presets: tuple[Preset, ...] = ("small", "paper")
    """Architectures to measure: tiny (80 px), small (112 px), paper (224 px)."""
    quick: bool = False
    """Measure few sizes, with one or two calls each."""
    checkpoints: tuple[str, ...] = ("srn-small",)
    """Checkpoints, names or folders, to time in forward beside --tracker, and to compare in parity, together with an untrained
    model of each of --presets."""
    clips: str = "demo?split=train"
    """Data spec of the faces to measure on; at least one clip."""
    tracker: str = "srn-small"
    """The tracker that the game is played against."""
    seconds: float = 3.0
    """Seconds to measure each row; more give steadier figures. A single slow call may take longer."""
    minutes: float | None = None
    """Stop when these minutes are over; what was measured is kept. Default: measure all rows."""
    frames: int = 95_000
    """Frames of the generated videos of the row memory. They take 0.3 GB of the temporary folder."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    out: Path = Path("runs/throughput")
    """Folder for figures.json and README.md, written after each group of rows."""

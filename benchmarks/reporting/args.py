"""The options of benchmarks/report.py."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from srn_core.errors import COUNT, NOT_NEGATIVE, UserError, check_numbers
from srn_core.pages.page import check_page_name


@dataclass(frozen=True, kw_only=True)
class ReportArgs:
    """The runs to show, and how much of them."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN [RUN ...]")]
    """Folders that agents/dqn.py, sb3.py, finetune.py, srn train or a benchmark wrote, and JSON files of agents/evaluate.py or
    srn evaluate."""
    out: Path = Path("report.html")
    """Write the page here (.html)."""
    episodes: int = 4
    """Episodes to watch for each game that the runs' players play; the first of their evaluation. 0: none."""
    frames: int = 96
    """Most frames of an episode that are shown."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""

    def __post_init__(self) -> None:
        check_numbers(self, {"episodes": NOT_NEGATIVE, "frames": COUNT})
        if not self.runs:
            raise UserError("no RUN given; expected at least one run's folder or JSON file")
        check_page_name("--out", self.out)

"""How the time of a training step changes with the number of processes: wall-clock time, and CPU time of all processes.

python benchmarks/speed/scaling.py                                  # 1 and 2 processes of one thread each
python benchmarks/speed/scaling.py --processes 1 2 4 8 --preset paper --batch 256 --device cuda

The numbers of processes take turns, so that a busy machine slows each of them down alike.
"""

import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import srn_core.threads  # noqa: F401

import numpy as np
import torch

from benchmarks.common.commands import benchmark_command, option_words
from benchmarks.common.results import ResultRow, ResultRows, write_results
from benchmarks.common.tables import command_block, markdown_table, show_page
from benchmarks.speed.timing import describe_machine
from srn_core.cli.options import read_options
from srn_core.devices import pick_device
from srn_core.errors import COUNT, UserError, check_numbers, command
from srn_core.io.files import plain, read_json, write_json
from srn_core.model.config import Preset
from srn_core.training.args import TrainArgs
from srn_core.training.processes import gathered, is_first, joined_processes
from srn_core.training.train import TrainingRun

TIMES = "times.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScalingArgs:
    """Time training steps in several processes with the same batch."""

    processes: tuple[int, ...] = (1, 2)
    """Numbers of processes to compare."""
    threads: int = 1
    """Threads of each process."""
    preset: Preset = "small"
    """Architecture: tiny (80 px), small (112 px) or paper (224 px)."""
    clips: str = "demo?split=train"
    """Data spec of the faces."""
    batch: int = 64
    """Faces per step, over all processes."""
    steps: int = 6
    """Timed steps. Every third is of sequences, so give a multiple of 3."""
    repeats: int = 3
    """Runs of each number of processes."""
    device: str = "auto"
    """auto, cpu or cuda, with one GPU per process."""
    out: Path = Path("runs/scaling")
    """Folder for figures.json, rows.csv.gz and README.md."""

    def __post_init__(self) -> None:
        check_numbers(self, dict.fromkeys(("processes", "threads", "batch", "steps", "repeats"), COUNT))


def scaling(args: ScalingArgs) -> list[ResultRow]:
    """Measure, print and write; returns one figure per number of processes."""
    if not args.processes:
        raise UserError("--processes: none given; expected at least one number")
    rows = []
    for repeat in range(args.repeats):
        for count in args.processes:
            rows += [{"processes": count, "repeat": repeat, **row} for row in _in_processes(args, count)]
    command_line = benchmark_command("speed/scaling", args, ())
    record: dict[str, Any] = {"kind": "scaling", "command": command_line, "settings": plain(args)}
    record |= {"machine": describe_machine(pick_device(args.device)), "figures": summarise_steps(rows)}
    show_page(page := scaling_page(record))
    write_results(args.out, record, page, rows=rows)
    return list(record["figures"])


def _in_processes(args: ScalingArgs, count: int) -> list[ResultRow]:
    """One row per timed step in ``count`` processes."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    environment = os.environ | {"OMP_NUM_THREADS": str(args.threads)}
    with tempfile.TemporaryDirectory() as folder:
        words = option_words(dataclasses.replace(args, out=Path(folder)))
        # What the processes print is left out: gloo too prints there, at any time.
        done = subprocess.run([*launcher, __file__, *words], env=environment, stdout=subprocess.DEVNULL)
        if done.returncode:
            raise UserError(f"--processes {count}: failed, see the messages above; give fewer processes or another --device")
        return list(read_json(Path(folder) / TIMES))


def measure_steps(args: ScalingArgs) -> None:
    """Time the steps in this process, which torchrun has started; the first process writes all rows to ``--out``."""
    training = TrainArgs(data=(args.clips,), out=args.out, preset=args.preset, batch=args.batch, device=args.device)
    with joined_processes(args.device):
        run = TrainingRun(training)
        for step in range(training.sequence_every):
            run.update(step)
        own = [_timed_step(run, step) for step in range(training.sequence_every, training.sequence_every + args.steps)]
        steps = [gathered([times]) for times in own]
    if is_first():
        rows = []
        for wall, cpu, draw in (zip(*times, strict=True) for times in steps):
            rows.append({"wall": max(wall), "cpu": sum(cpu), "draw": sum(draw)})
        write_json(args.out / TIMES, rows)


def _timed_step(run: TrainingRun, step: int) -> tuple[float, float, float]:
    """Seconds of a step: wall-clock, CPU of this process, and CPU of drawing its batch, which the step does too."""
    start = time.process_time()
    run.draw(step)
    draw = time.process_time() - start
    wall, cpu = time.perf_counter(), time.process_time()
    float(run.update(step))
    return time.perf_counter() - wall, time.process_time() - cpu, draw


def summarise_steps(rows: ResultRows) -> list[ResultRow]:
    """Seconds per step for each number of processes: the median over repeats of the mean over steps."""
    figures = []
    for count in dict.fromkeys(row["processes"] for row in rows):
        part = [row for row in rows if row["processes"] == count]
        repeats = sorted({row["repeat"] for row in part})
        means = {
            name: float(np.median([np.mean([row[name] for row in part if row["repeat"] == i]) for i in repeats]))
            for name in ("wall", "cpu", "draw")
        }
        figures.append({"processes": count, **means})
    first = figures[0]
    return [{**row, "speed_up": first["wall"] / row["wall"], "more_cpu": row["cpu"] / first["cpu"]} for row in figures]


def scaling_page(record: Mapping[str, Any]) -> list[str]:
    """The figures in Markdown."""
    machine, settings = record["machine"], record["settings"]
    cells = [
        (str(row["processes"]), f"{row['wall']:.3f}", f"{row['speed_up']:.2f}", f"{row['cpu']:.3f}", f"{row['more_cpu']:.2f}",
         f"{row['draw'] / row['cpu']:.2f}")
        for row in record["figures"]
    ]  # fmt: skip
    headings = ("processes", "s per step", "speed-up", "CPU s per step", "CPU against the first", "share of drawing batches")
    return [
        f"# A training step in several processes on {machine['name']}", "",
        f"Preset {settings['preset']}, {settings['batch']} faces per step, {settings['threads']} threads per process.", "",
        *markdown_table(headings, cells), "", *command_block([record["command"]]),
    ]  # fmt: skip


@command
def main() -> None:
    args = read_options(ScalingArgs, __doc__)
    if torch.distributed.is_torchelastic_launched():
        measure_steps(args)
    else:
        scaling(args)


if __name__ == "__main__":
    main()

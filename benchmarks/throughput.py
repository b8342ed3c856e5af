"""Speed and memory, ours beside the plain way, and whether a GPU gives what the CPU gives.

python benchmarks/throughput.py --quick
python benchmarks/throughput.py --device cuda --rows detect train parity --out runs/throughput
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from benchmarks.common.commands import benchmark_command
from benchmarks.common.results import write_figures
from benchmarks.common.tables import show_table
from benchmarks.speed.game import GameLoad, dqn_rows, env_rows, replay_rows
from benchmarks.speed.parity import game_parity, landmark_parity
from benchmarks.speed.timing import SpeedRow, describe_machine, peak_memory_mib
from benchmarks.speed.tracker import Preset, TrackerLoad, detect_rows, draw_rows, track_rows, train_rows, untrained
from srn_core.checkpoints import load_pretrained
from srn_core.cli.options import read_options
from srn_core.data import load_clips
from srn_core.devices import pick_device
from srn_core.errors import UserError, command
from srn_core.io.files import plain

Group = Literal["detect", "track", "draw", "train", "env", "dqn", "replay", "parity"]
GROUPS: tuple[Group, ...] = ("detect", "track", "draw", "train", "env", "dqn", "replay", "parity")
OF_TRACKER: Mapping[str, Callable[[TrackerLoad, torch.device], Iterator[SpeedRow]]] = {
    "detect": detect_rows,
    "track": track_rows,
    "draw": draw_rows,
    "train": train_rows,
}
OF_GAME: Mapping[str, Callable[[GameLoad, torch.device], Iterator[SpeedRow]]] = {
    "env": env_rows,
    "dqn": dqn_rows,
    "replay": replay_rows,
}


@dataclass(frozen=True, kw_only=True)
class ThroughputArgs:
    """Measure speed, memory and parity."""

    rows: tuple[Group, ...] = GROUPS
    """What to measure. parity compares a GPU with the CPU and is left out without a GPU."""
    presets: tuple[Preset, ...] = ("small", "paper")
    """Architectures."""
    quick: bool = False
    """Measure few sizes, with one or two calls each."""
    checkpoints: tuple[str, ...] = ("srn-small",)
    """Trained trackers for parity, names or folders. An untrained one of each of --presets is added."""
    clips: str = "demo?split=train"
    """Data spec of the faces to measure on; at least one clip."""
    tracker: str = "srn-small"
    """The tracker that the game is played against."""
    seconds: float = 3.0
    """Seconds per row. A single slow call may take longer."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    out: Path = Path("runs/throughput")
    """Folder for figures.json, written after each group of rows."""


def throughput(args: ThroughputArgs) -> dict[str, Any]:
    """Measure, write and print; returns what was written."""
    if not args.rows or not args.presets:
        raise UserError("--rows or --presets: none given; expected at least one of each")
    device = pick_device(args.device)
    record: dict[str, Any] = {"command": benchmark_command("throughput", args, ()), "settings": plain(args)}
    record |= {"machine": describe_machine(device), "figures": [], "parity": []}
    tracker_load, game_load = _loads(args)
    for group in args.rows:
        if group in OF_TRACKER:
            rows = list(OF_TRACKER[group](tracker_load, device))
        elif group in OF_GAME:
            rows = list(OF_GAME[group](game_load, device))
        else:
            rows = []
            record["parity"] = list(_parity(args, device)) if device.type == "cuda" else []
        record["figures"] += [{**dataclasses.asdict(row), "gain": row.gain} for row in rows]
        record["machine"]["peak_memory_mib"] = peak_memory_mib()
        write_figures(args.out, record)
    print_record(record)
    return record


def _loads(args: ThroughputArgs) -> tuple[TrackerLoad, GameLoad]:
    budget = 0.0 if args.quick else args.seconds
    batches, clips, envs = ((1, 4), (1, 4), (1, 4)) if args.quick else ((1, 16, 64, 256), (1, 16), (1, 8, 64))
    train_batch, batch = (8, 32) if args.quick else (64, 256)
    return (
        TrackerLoad(args.clips, args.presets, batches, clips, 4 if args.quick else 16, train_batch, budget),
        GameLoad(args.clips, args.tracker, envs, not args.quick, batch, budget),
    )


def _parity(args: ThroughputArgs, device: torch.device) -> Iterator[dict[str, Any]]:
    models = {name: load_pretrained(name) for name in args.checkpoints}
    models |= {f"untrained {preset}": untrained(preset, torch.device("cpu")).model for preset in args.presets}
    clips, frames = load_clips(args.clips).clips, 2 if args.quick else 16
    yield from landmark_parity(models, device, clips[:8], frames)
    yield from game_parity(args.clips, args.tracker, device, 4 if args.quick else 16, frames)


def print_record(record: Mapping[str, Any]) -> None:
    """Print the figures as tables."""
    machine = record["machine"]
    title = f"{machine['name']}, {machine['threads']} threads, peak memory of the process {machine['peak_memory_mib']:.0f} MiB"
    left = ("group", "on", "arithmetic")
    if record["figures"]:
        lines = []
        for row in record["figures"]:
            plain_text = "" if row["plain"] is None else f"{row['plain']:.4g}, {row['plain_way']}"
            ms, *others = (_number(row[name]) for name in ("ms", "gain", "memory_mib"))
            value = f"{row['value']:.4g} {row['unit']}"
            lines.append([row["group"], row["what"], row["precision"], value, ms, plain_text, *others])
        show_table(title, [*left, "ours", "ms", "plain way", "gain", "device MiB"], lines, left=left)
    if record["parity"]:
        differences = "difference from the CPU"
        lines = []
        for row in record["parity"]:
            figures = [f"{name} {value:.3g}" for name, value in row.items() if name not in ("what", "on", "precision")]
            lines.append([row["what"], row["on"], row["precision"], ", ".join(figures)])
        show_table(title, [*left, differences], lines, left=(*left, differences))
    elif "parity" in record["settings"]["rows"]:
        print("parity: no GPU to compare with the CPU")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if value < 100 else f"{value:.0f}"


@command
def main() -> None:
    throughput(read_options(ThroughputArgs, __doc__))


if __name__ == "__main__":
    main()

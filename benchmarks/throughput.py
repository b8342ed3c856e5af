"""Speed and memory of this code and of a plain implementation, and whether a GPU gives the same results as the CPU.

python benchmarks/throughput.py --quick
python benchmarks/throughput.py --device cuda --rows detect train parity --out runs/throughput
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import srn_core.threads  # noqa: F401

import torch

from benchmarks.common.commands import benchmark_command
from benchmarks.common.results import write_results
from benchmarks.common.tables import command_block, markdown_table, show_page
from benchmarks.speed.args import Group, ThroughputArgs
from benchmarks.speed.game import dqn_rows, env_rows, replay_rows
from benchmarks.speed.parity import game_parity, landmark_parity
from benchmarks.speed.steady import steady_rows
from benchmarks.speed.timing import Load, SpeedRow, describe_machine, peak_memory_mib
from benchmarks.speed.tracker import detect_rows, draw_rows, track_rows, train_rows, untrained
from srn_core.checkpoints import load_pretrained
from srn_core.cli.options import read_options
from srn_core.data import load_clips
from srn_core.devices import pick_device
from srn_core.errors import UserError, command
from srn_core.io.files import plain

MEASURES: Mapping[Group, Callable[[Load, torch.device], Iterator[SpeedRow]]] = {
    "detect": detect_rows, "track": track_rows, "draw": draw_rows, "train": train_rows,
    "env": env_rows, "dqn": dqn_rows, "replay": replay_rows, "steady": steady_rows,
}  # fmt: skip
LABELS = ("what", "on", "precision")


def throughput(args: ThroughputArgs) -> dict[str, Any]:
    """Measure, write and print; returns what was written."""
    if not args.rows or not args.presets:
        raise UserError("--rows or --presets: none given; expected at least one of each")
    device = pick_device(args.device)
    record: dict[str, Any] = {"command": benchmark_command("throughput", args, ()), "settings": plain(args)}
    record |= {"machine": describe_machine(device), "figures": [], "parity": []}
    load = Load(clips=args.clips, tracker=args.tracker, presets=args.presets, quick=args.quick, seconds=args.seconds)
    for group in args.rows:
        if group == "parity":
            record["parity"] = list(_parity(args, device)) if device.type == "cuda" else []
        else:
            record["figures"] += [{**dataclasses.asdict(row), "gain": row.gain} for row in MEASURES[group](load, device)]
        record["machine"]["peak_memory_mib"] = peak_memory_mib()
        write_results(args.out, record, page := throughput_page(record))
    show_page(page)
    return record


def _parity(args: ThroughputArgs, device: torch.device) -> Iterator[dict[str, Any]]:
    models = {name: load_pretrained(name) for name in args.checkpoints}
    models |= {f"untrained {preset}": untrained(preset, torch.device("cpu")).model for preset in args.presets}
    clips, frames = load_clips(args.clips).clips, 2 if args.quick else 16
    yield from landmark_parity(models, device, clips[:8], frames)
    yield from game_parity(args.clips, args.tracker, device, 4 if args.quick else 16, frames)


def throughput_page(record: Mapping[str, Any]) -> list[str]:
    """The figures in Markdown."""
    machine = record["machine"]
    lines = [f"# Speed on {machine['name']}, {machine['threads']} threads", ""]
    lines += [f"Peak memory of the process: {machine['peak_memory_mib']:.0f} MiB.", ""]
    if record["figures"]:
        cells = []
        for row in record["figures"]:
            plain_text = "" if row["plain"] is None else f"{row['plain']:.4g}, {row['plain_way']}"
            ms, *others = (_number(row[name]) for name in ("ms", "gain", "memory_mib"))
            value = f"{row['value']:.4g} {row['unit']}"
            cells.append([row["group"], row["what"], row["precision"], value, ms, plain_text, *others])
        headings = ("group", "on", "arithmetic", "ours", "ms", "plain way", "gain", "device MiB")
        lines += [*markdown_table(headings, cells), ""]
    if record["parity"]:
        cells = []
        for row in record["parity"]:
            differences = ", ".join(f"{name} {value:.3g}" for name, value in row.items() if name not in LABELS)
            cells.append([*(row[name] for name in LABELS), differences])
        lines += [*markdown_table(("group", "on", "arithmetic", "difference from the CPU"), cells), ""]
    elif "parity" in record["settings"]["rows"]:
        lines += ["Parity: not measured, because there is no GPU.", ""]
    return [*lines, *command_block([record["command"]])]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if value < 100 else f"{value:.0f}"


@command
def main() -> None:
    throughput(read_options(ThroughputArgs, __doc__))


if __name__ == "__main__":
    main()

"""Speed and memory of this code and of a plain implementation, and whether a GPU gives the same results as the CPU.

python benchmarks/throughput.py --quick
python benchmarks/throughput.py --device cuda --rows detect train parity --out runs/throughput
"""

import dataclasses
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

import srn_core.threads  # noqa: F401

import torch

from benchmarks.common.commands import benchmark_command
from benchmarks.common.results import write_results
from benchmarks.common.tables import command_block, markdown_table, show_page
from benchmarks.speed.args import Group, ThroughputArgs
from benchmarks.speed.cost import cost_rows, plot_costs
from benchmarks.speed.game import dqn_rows, env_rows, replay_rows
from benchmarks.speed.learning import learning_rows
from benchmarks.speed.memory import memory_rows
from benchmarks.speed.on_device import forward_rows, game_rows
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
    "forward": forward_rows, "detect": detect_rows, "track": track_rows, "draw": draw_rows, "train": train_rows,
    "games": game_rows, "env": env_rows, "dqn": dqn_rows, "learning": learning_rows, "replay": replay_rows,
    "cost": cost_rows, "memory": memory_rows, "steady": steady_rows,
}  # fmt: skip
LABELS = ("what", "on", "precision")
COSTS = "costs.png"


def throughput(args: ThroughputArgs) -> dict[str, Any]:
    """Measure, write and print; returns what was written."""
    if not args.rows or not args.presets:
        raise UserError("--rows or --presets: none given; expected at least one of each")
    device, began = pick_device(args.device), time.time()
    record: dict[str, Any] = {"kind": "throughput", "command": benchmark_command("throughput", args, ())}
    record |= {"settings": plain(args), "machine": describe_machine(device), "figures": [], "parity": [], "left_out": []}
    for group in args.rows:
        record["left_out"].append(group)
        rows = _rows(args, group, device)
        while args.minutes is None or time.time() - began < 60 * args.minutes:
            if (row := next(rows, None)) is None:
                record["left_out"].remove(group)
                break
            record["parity" if group == "parity" else "figures"].append(row)
            _write(args, record)
        rows.close()
        if group == "cost" and group not in record["left_out"]:
            plot_costs(record["figures"], args.out / COSTS)
    _write(args, record)
    show_page(throughput_page(record))
    return record


def _rows(args: ThroughputArgs, group: Group, device: torch.device) -> Generator[dict[str, Any], None, None]:
    if group == "parity":
        yield from _parity(args, device) if device.type == "cuda" else ()
        return
    load = Load(
        clips=args.clips, tracker=args.tracker, presets=args.presets, quick=args.quick, seconds=args.seconds,
        frames=args.frames, checkpoints=args.checkpoints,
    )  # fmt: skip
    yield from ({**dataclasses.asdict(row), "gain": row.gain} for row in MEASURES[group](load, device))


def _write(args: ThroughputArgs, record: dict[str, Any]) -> None:
    record["machine"]["peak_memory_mib"] = peak_memory_mib()
    write_results(args.out, record, throughput_page(record))


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
    if any(row["group"] == "cost" for row in record["figures"]) and "cost" not in record["left_out"]:
        lines += [f"![Cost against faces at once, frames and landmarks]({COSTS})", ""]
    if record["left_out"]:
        lines += [f"Not or not fully measured, because the time was over: {', '.join(record['left_out'])}.", ""]
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

"""Everything that needs a GPU, in one command of less than nine minutes. Each part writes its results when it ends.

srn data "ytf68:DIR?split=train" ... --pack faces.pack             # on the machine that holds the data
python benchmarks/on_gpu.py --data "packed:faces.pack?split=train" --val "packed:faces.pack?kind=300w&split=val"
python benchmarks/on_gpu.py ... # the same command again: an interrupted training resumes

docs/gpu.md says how to prepare a machine that is not on the network.
"""

import dataclasses
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import srn_core.threads  # noqa: F401

from benchmarks.common.clip_nme import check_measurable, masked_spec
from benchmarks.common.commands import benchmark_command
from benchmarks.common.results import FIGURES, ResultRow, read_figures, write_figures, write_results
from benchmarks.common.tables import command_block, markdown_table, number_text, show_page
from benchmarks.speed.args import Group, ThroughputArgs
from benchmarks.speed.on_gpu_args import PARTS, SHARES, GpuPart, OnGpuArgs
from benchmarks.speed.on_gpu_training import train_within
from benchmarks.speed.timing import describe_machine
from benchmarks.throughput import throughput
from srn_core.checkpoints import WEIGHTS, load_pretrained, resolve_checkpoint
from srn_core.cli.options import read_options
from srn_core.data import load_clips
from srn_core.devices import pick_device
from srn_core.errors import UserError, command
from srn_core.evaluation.evaluate import evaluate
from srn_core.io.files import plain
from srn_core.model.config import Preset
from srn_core.tracking.tracker import Tracker
from srn_core.training.args import refuse_masked

# What matters most on a GPU comes first, because the time may end before the last row. The others need no GPU.
GPU_GROUPS: tuple[Group, ...] = ("forward", "games", "train", "detect", "dqn", "env", "draw", "track")
# Of each row: a GPU's times vary little.
ROW_SECONDS = 1.0


def on_gpu(args: OnGpuArgs) -> dict[str, Any]:
    """Do the parts in their order, each within its time; returns what was written. A part that fails leaves the others."""
    began = time.time()
    args = _checked(args)
    do: Mapping[GpuPart, Callable[[OnGpuArgs, float], None]] = {
        "parity": _parity, "throughput": _throughput, "train": train_within, "evaluate": _evaluate,
    }  # fmt: skip
    record: dict[str, Any] = {"kind": "on_gpu", "command": benchmark_command("on_gpu", args), "settings": plain(args)}
    record |= {"machine": describe_machine(pick_device(args.device)), "seconds": {}, "failed": {}}
    for i, part in enumerate(args.parts):
        part_began = time.time()
        try:
            do[part](args, seconds_for(part, args.parts[i + 1 :], 60 * args.minutes - (part_began - began)))
        except UserError:
            raise
        except Exception:
            # A machine with a GPU may be lent for minutes: what else can be measured is worth more than an early end.
            record["failed"][part] = traceback.format_exc()
        record["seconds"][part] = time.time() - part_began
        if (args.out / part / FIGURES).is_file():
            record[part] = read_figures(args.out / part)
        write_figures(args.out, record)
        print(f"{part}: {record['seconds'][part]:.0f} s, {args.out / FIGURES}")
    return record


def seconds_for(part: GpuPart, later: tuple[GpuPart, ...], left: float) -> float:
    """Seconds of a part out of those ``left``, which the later parts share; at least one.

    >>> round(seconds_for("train", ("evaluate",), 290))
    230
    """
    return max(left * SHARES[part] / sum(SHARES[other] for other in {part, *later}), 1.0)


def _parity(args: OnGpuArgs, seconds: float) -> None:
    """Also of the trained tracker, if it exists."""
    _speed(args, "parity", ("parity",), seconds)


def _throughput(args: OnGpuArgs, seconds: float) -> None:
    _speed(args, "throughput", GPU_GROUPS, seconds)


def _speed(args: OnGpuArgs, part: GpuPart, groups: tuple[Group, ...], seconds: float) -> None:
    checkpoints = (*ThroughputArgs.checkpoints, *_trained(args))
    presets: tuple[Preset, ...] = tuple(dict.fromkeys((args.preset, "small")))
    throughput(
        ThroughputArgs(
            rows=groups,
            presets=presets,
            quick=args.quick,
            checkpoints=checkpoints,
            device=args.device,
            out=args.out / part,
            seconds=ROW_SECONDS,
            minutes=seconds / 60,
        )  # fmt: skip
    )


def _evaluate(args: OnGpuArgs, seconds: float) -> None:
    """Evaluate the trained tracker and the others, bare and masked, in both modes, until the time is over; at least one."""
    until = time.time() + seconds
    record: dict[str, Any] = {"settings": plain(args), "figures": [], "left_out": []}
    for name in (*_trained(args), *args.beside):
        tracker = Tracker(load_pretrained(name), args.device)
        for spec in (asked for bare in (*args.val, *args.test) for asked in (bare, masked_spec(bare))):
            if record["figures"] and time.time() > until:
                record["left_out"].append(f"{name} on {spec}")
                continue
            clip_set = load_clips(spec)
            for mode in ("detect", "track") if any(len(clip) > 1 for clip in clip_set.clips) else ("detect",):
                figure: ResultRow = {"checkpoint": name, **evaluate(tracker, clip_set, mode, batch_size=128).summary()}
                record["figures"].append(figure)
        write_results(args.out / "evaluate", record, page := _page(args, record))
    show_page(page)


def _page(args: OnGpuArgs, record: Mapping[str, Any]) -> list[str]:
    headings = ("checkpoint", "data", "mode", "faces", "mean [95 %]", "failures above 10 %")
    lines = [
        (
            figure["checkpoint"], figure["data"], figure["mode"], str(figure["n_faces"]),
            number_text(figure["nme_mean"], figure["nme_ci95"], ".2f"), f"{figure['fr_10']:.1f}",
        )
        for figure in record["figures"]
    ]  # fmt: skip
    table = markdown_table(headings, lines)
    commands = command_block([benchmark_command("on_gpu", args)])
    return ["# Trackers", "", "NME, % of the inter-ocular distance.", "", *table, "", *commands]


def _trained(args: OnGpuArgs) -> tuple[str, ...]:
    """The folder of the trained tracker if it exists, or of the best weights so far if the training was interrupted."""
    return tuple(str(folder) for folder in (args.export, args.run) if (folder / WEIGHTS).is_file())[:1]


def _checked(args: OnGpuArgs) -> OnGpuArgs:
    """Check the arguments and fill in the defaults.

    Raises:
        UserError: no parts; masked clips; too few minutes or steps; specs or checkpoints that do not load.
    """
    if not args.parts:
        raise UserError(f"--parts: none given; expected some of {', '.join(PARTS)}")
    if not args.minutes > 0 or (args.steps is not None and args.steps < 1):
        raise UserError(f"--minutes {args.minutes} --steps {args.steps}: expected more than 0")
    data, val = args.data or ("demo?split=train",), args.val or ("demo?split=val",)
    refuse_masked(data)
    for spec in (*data, *val):
        load_clips(spec)
    if "evaluate" in args.parts:
        check_measurable((*val, *args.test))
        for name in args.beside:
            resolve_checkpoint(name)
    return dataclasses.replace(args, data=data, val=val)


@command
def main() -> None:
    record = on_gpu(read_options(OnGpuArgs, __doc__))
    if record["failed"]:
        print("".join(record["failed"].values()))
        raise UserError(f"failed: {', '.join(record['failed'])}; the other parts are in the files above")


if __name__ == "__main__":
    main()

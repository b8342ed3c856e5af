"""All that a GPU is wanted for, in one command, each part's file written when the part ends.

srn data "ytf68:DIR?split=train" ... --pack faces.pack             # where the data lie
python benchmarks/on_gpu.py --data "packed:faces.pack?split=train" --val "packed:faces.pack?kind=300w&split=val" --minutes 20
python benchmarks/on_gpu.py ... # again: a training that was stopped goes on
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.common.clip_nme import check_measurable, masked_spec
from benchmarks.common.settings import training_command
from benchmarks.speed.timing import describe_machine
from benchmarks.speed.tracker import Preset, training_step
from benchmarks.throughput import GROUPS, Group, ThroughputArgs, throughput
from srn_core.checkpoints import WEIGHTS, load_card, load_pretrained, resolve_checkpoint, save_pretrained
from srn_core.cli.options import read_options
from srn_core.data import load_clips
from srn_core.devices import pick_device
from srn_core.errors import UserError, command
from srn_core.evaluation.evaluate import evaluate
from srn_core.io.files import read_json, write_json
from srn_core.tracking.tracker import Tracker
from srn_core.training.args import TrainArgs, refuse_masked
from srn_core.training.state import STATE
from srn_core.training.train import TrainingRun, run_to_end

Part = Literal["parity", "throughput", "train", "evaluate"]
PARTS: tuple[Part, ...] = ("parity", "throughput", "train", "evaluate")
RUN, EXPORT = "train", "srn"
VALIDATIONS = 10
# Of the time that is left when the faces are read; validations and saving take the rest.
TRAINING_SHARE = 0.9


@dataclass(frozen=True)
class OnGpuArgs:
    """Parity with the CPU, throughput, and the training and evaluation of a tracker."""

    parts: tuple[Part, ...] = PARTS
    """What to do, in this order."""
    data: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec to train on; repeat for several. demo?split=train where none is given."""
    val: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec that chooses weights and is evaluated on, also masked; repeat for several. demo?split=val where none is
    given."""
    test: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec that is evaluated on alone, also masked; repeat for several."""
    preset: Preset = "paper"
    """Architecture that is trained."""
    steps: int | None = None
    """Optimiser steps; as many as fit into --minutes where not given."""
    minutes: float = 20.0
    """Time for the training, reading, validating and saving included; the time of a step is measured first."""
    batch: int = 64
    """Faces a step."""
    lr: float = 1e-3
    """Peak learning rate."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """Arithmetic of training."""
    seed: int = 0
    """Seeds weights and batches."""
    beside: tuple[str, ...] = ("srn-small",)
    """Checkpoints to evaluate beside the trained one."""
    quick: bool = False
    """A glance at parity and throughput: few sizes, one or two calls each."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    out: Path = Path("runs/on-gpu")
    """Folder for parity.json, throughput.json, train.json, evaluate.json, the run (train) and its float16 export (srn)."""


def on_gpu(args: OnGpuArgs) -> None:
    """Do the parts in their order."""
    args = _checked(args)
    do = {"parity": _speed, "throughput": _speed, "train": _train, "evaluate": _evaluate}
    for part in args.parts:
        began = time.time()
        do[part](args, part)
        Console().print(f"{part}: {time.time() - began:.0f} s, {args.out / part}.json")


def _speed(args: OnGpuArgs, part: Part) -> None:
    """Parity, on the trained tracker too where it is there already, or everything else of the throughput benchmark."""
    rows: tuple[Group, ...] = ("parity",) if part == "parity" else tuple(row for row in GROUPS if row != "parity")
    checkpoints = (*ThroughputArgs.checkpoints, *_trained(args))
    presets: tuple[Preset, ...] = tuple(dict.fromkeys(("small", args.preset)))
    throughput(ThroughputArgs(rows, presets, args.quick, checkpoints, device=args.device, out=args.out / f"{part}.json"))


def _train(args: OnGpuArgs, part: Part) -> None:
    """Train, or go on with it, and export what did best on the validation specs."""
    began, file = time.time(), args.out / f"{part}.json"
    training, seconds = training_args(args), None
    if training.resume:
        plan = read_json(file)
        run = TrainingRun(planned(training, args.steps or plan["steps"]))
        if training_command(run.args) != plan["command"]:
            raise UserError(f"{training.out}: was begun by another command ({plan['command']}); give another --out")
    else:
        if args.steps is None:
            seconds = training_step(
                args.preset, "demo?split=val", args.batch, args.precision, pick_device(args.device), 10.0
            ).seconds
        run = TrainingRun(training)
        run.args = planned(training, args.steps or steps_within(60 * args.minutes - (time.time() - began), seconds or 1.0))
        plan = {"command": training_command(run.args), "machine": describe_machine(run.device), "steps": run.args.steps}
        plan["ms_a_step_before"] = None if seconds is None else 1e3 * seconds
        write_json(file, plan)
    over = run.step >= run.args.steps
    run_to_end(run)
    card = load_card(training.out)
    save_pretrained(load_pretrained(training.out), args.out / EXPORT, card, half=True)
    spent = plan.get("seconds", 0.0) + (0.0 if over else time.time() - began)
    write_json(file, {**plan, "card": card, "seconds": spent})


def training_args(args: OnGpuArgs) -> TrainArgs:
    """What ``srn train`` is called with, but for the steps."""
    folder = args.out / RUN
    return TrainArgs(
        args.data, folder, args.val, args.preset, batch=args.batch, lr=args.lr, precision=args.precision, device=args.device,
        seed=args.seed, resume=(folder / STATE).is_file(),
    )  # fmt: skip


def planned(training: TrainArgs, steps: int) -> TrainArgs:
    """The training with what depends on the number of its steps."""
    warmup = min(training.warmup, max(steps // 10, 1))
    return dataclasses.replace(training, steps=steps, warmup=warmup, val_every=-(-steps // VALIDATIONS))


def steps_within(seconds: float, step: float) -> int:
    """How many steps of ``step`` seconds fit into the time that is left, validations and saving aside; at least one.

    >>> steps_within(600, 0.03)
    18000
    """
    return max(int(TRAINING_SHARE * seconds / step), 1)


def _evaluate(args: OnGpuArgs, part: Part) -> None:
    """The trained tracker and those beside it on all specs, bare and masked, every frame alone and with the memory."""
    names = (*_trained(args), *args.beside)
    records: list[dict[str, Any]] = []
    for name in names:
        tracker = Tracker(load_pretrained(name), args.device)
        for spec in (*args.val, *args.test):
            for clip_set in (load_clips(spec), load_clips(masked_spec(spec))):
                for mode in ("detect", "track") if any(len(clip) > 1 for clip in clip_set.clips) else ("detect",):
                    found = evaluate(tracker, clip_set, mode, batch_size=128, progress=True)
                    records.append({"checkpoint": name, **found.summary()})
        write_json(args.out / f"{part}.json", records)
    table = Table(title="NME, % of the inter-ocular distance")
    for heading in ("checkpoint", "data", "mode"):
        table.add_column(heading, overflow="fold")
    for heading in ("faces", "mean", "95 %", "failures above 10 %"):
        table.add_column(heading, justify="right")
    for record in records:
        interval = " - ".join(f"{end:.2f}" for end in record["nme_ci95"] or ())
        figures = str(record["n_faces"]), f"{record['nme_mean']:.2f}", interval, f"{record['fr_10']:.1f}"
        table.add_row(record["checkpoint"], record["data"], record["mode"], *figures)
    Console(width=140).print(table)


def _trained(args: OnGpuArgs) -> tuple[str, ...]:
    """The folder of the trained tracker, if it is there; that of the best so far where the training was stopped."""
    folders = (args.out / EXPORT, args.out / RUN)
    return tuple(str(folder) for folder in folders if (folder / WEIGHTS).is_file())[:1]


def _checked(args: OnGpuArgs) -> OnGpuArgs:
    """The arguments with what was not given filled in.

    Raises:
        UserError: no parts, masked clips, too few minutes or steps, or specs or checkpoints that do not load.
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
    on_gpu(read_options(OnGpuArgs, __doc__))


if __name__ == "__main__":
    main()

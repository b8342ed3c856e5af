"""Everything that needs a GPU, in one command. Each part writes its results when it ends.

srn data "ytf68:DIR?split=train" ... --pack faces.pack             # on the machine that holds the data
python benchmarks/on_gpu.py --data "packed:faces.pack?split=train" --val "packed:faces.pack?kind=300w&split=val" --minutes 20
python benchmarks/on_gpu.py ... # the same command again: an interrupted training resumes
"""

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from benchmarks.common.clip_nme import check_measurable, masked_spec
from benchmarks.common.commands import benchmark_command, training_command
from benchmarks.common.results import FIGURES, ResultRow, read_figures, write_figures, write_results
from benchmarks.common.tables import command_block, markdown_table, number_text, show_page
from benchmarks.speed.args import GROUPS, Group, ThroughputArgs
from benchmarks.speed.timing import Preset, describe_machine
from benchmarks.speed.tracker import training_step
from benchmarks.throughput import throughput
from srn_core.checkpoints import WEIGHTS, load_card, load_pretrained, resolve_checkpoint, save_pretrained
from srn_core.cli.options import read_options
from srn_core.data import load_clips
from srn_core.devices import pick_device
from srn_core.errors import UserError, command
from srn_core.evaluation.evaluate import evaluate
from srn_core.io.files import plain
from srn_core.tracking.tracker import Tracker
from srn_core.training.args import TrainArgs, refuse_masked
from srn_core.training.state import STATE
from srn_core.training.train import TrainingRun, run_to_end

GpuPart = Literal["parity", "throughput", "train", "evaluate"]
PARTS: tuple[GpuPart, ...] = ("parity", "throughput", "train", "evaluate")
RUN, EXPORT = "run", "srn"
VALIDATIONS = 10
# Share of the time left after the faces are read; validations and saving take the rest.
TRAINING_SHARE = 0.9


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
    """Architecture to train: small (112 px) or paper (224 px)."""
    steps: int | None = None
    """Optimiser steps. Default: as many as fit into --minutes."""
    minutes: float = 20.0
    """Minutes for the training, including reading, validation and saving. The time per step is measured first."""
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
    """Each part writes OUT/PART/figures.json. OUT/run gets the training run, OUT/srn its float16 export."""


def on_gpu(args: OnGpuArgs) -> None:
    """Do the parts in their order."""
    args = _checked(args)
    do = {"parity": _speed, "throughput": _speed, "train": _train, "evaluate": _evaluate}
    for part in args.parts:
        began = time.time()
        do[part](args, part)
        print(f"{part}: {time.time() - began:.0f} s, {args.out / part / FIGURES}")


def _speed(args: OnGpuArgs, part: GpuPart) -> None:
    """Parity, also of the trained tracker if it exists; or all other groups of the throughput benchmark."""
    rows: tuple[Group, ...] = ("parity",) if part == "parity" else tuple(row for row in GROUPS if row != "parity")
    checkpoints = (*ThroughputArgs.checkpoints, *_trained(args))
    presets: tuple[Preset, ...] = tuple(dict.fromkeys(("small", args.preset)))
    throughput(
        ThroughputArgs(
            rows=rows, presets=presets, quick=args.quick, checkpoints=checkpoints, device=args.device, out=args.out / part
        )
    )


def _train(args: OnGpuArgs, part: GpuPart) -> None:
    """Train or resume, and export the weights that did best on the validation specs."""
    began, folder = time.time(), args.out / part
    training, seconds = gpu_training(args), None
    if training.resume:
        plan = read_figures(folder)
        run = TrainingRun(planned(training, args.steps or plan["steps"]))
        if training_command(run.args) != plan["command"]:
            raise UserError(f"{training.out}: was started by another command ({plan['command']}); give another --out")
    else:
        if args.steps is None:
            seconds = training_step(
                args.preset, "demo?split=val", args.batch, args.precision, pick_device(args.device), 10.0
            ).seconds
        run = TrainingRun(training)
        run.args = planned(training, args.steps or steps_within(60 * args.minutes - (time.time() - began), seconds or 1.0))
        plan = {"command": training_command(run.args), "machine": describe_machine(run.device), "steps": run.args.steps}
        plan["ms_per_step_before"] = None if seconds is None else 1e3 * seconds
        write_figures(folder, plan)
    over = run.step >= run.args.steps
    run_to_end(run)
    card = load_card(training.out)
    save_pretrained(load_pretrained(training.out), args.out / EXPORT, card, half=True)
    spent = plan.get("seconds", 0.0) + (0.0 if over else time.time() - began)
    write_figures(folder, {**plan, "card": card, "seconds": spent})


def gpu_training(args: OnGpuArgs) -> TrainArgs:
    """The arguments of ``srn train``, without the number of steps."""
    folder = args.out / RUN
    return TrainArgs(
        data=args.data, out=folder, val=args.val, preset=args.preset, batch=args.batch, lr=args.lr, precision=args.precision,
        device=args.device, seed=args.seed, resume=(folder / STATE).is_file(),
    )  # fmt: skip


def planned(training: TrainArgs, steps: int) -> TrainArgs:
    """The training with everything that depends on its number of steps."""
    warmup = min(training.warmup, max(steps // 10, 1))
    return dataclasses.replace(training, steps=steps, warmup=warmup, val_every=-(-steps // VALIDATIONS))


def steps_within(seconds: float, step: float) -> int:
    """How many steps of ``step`` seconds fit into the seconds left, besides validations and saving; at least one.

    >>> steps_within(600, 0.03)
    18000
    """
    return max(int(TRAINING_SHARE * seconds / step), 1)


def _evaluate(args: OnGpuArgs, part: GpuPart) -> None:
    """Evaluate the trained tracker and the others on all specs, bare and masked, in both modes."""
    names = (*_trained(args), *args.beside)
    figures: list[ResultRow] = []
    for name in names:
        tracker = Tracker(load_pretrained(name), args.device)
        for spec in (*args.val, *args.test):
            for clip_set in (load_clips(spec), load_clips(masked_spec(spec))):
                for mode in ("detect", "track") if any(len(clip) > 1 for clip in clip_set.clips) else ("detect",):
                    found = evaluate(tracker, clip_set, mode, batch_size=128)
                    figures.append({"checkpoint": name, **found.summary()})
        record = {"command": benchmark_command("on_gpu", args), "settings": plain(args), "figures": figures}
        write_results(args.out / part, record, page := _page(record))
    show_page(page)


def _page(record: Mapping[str, Any]) -> list[str]:
    headings = ("checkpoint", "data", "mode", "faces", "mean [95 %]", "failures above 10 %")
    lines = [
        (
            figure["checkpoint"], figure["data"], figure["mode"], str(figure["n_faces"]),
            number_text(figure["nme_mean"], figure["nme_ci95"], ".2f"), f"{figure['fr_10']:.1f}",
        )
        for figure in record["figures"]
    ]  # fmt: skip
    table = markdown_table(headings, lines)
    return ["# Trackers", "", "NME, % of the inter-ocular distance.", "", *table, "", *command_block([record["command"]])]


def _trained(args: OnGpuArgs) -> tuple[str, ...]:
    """The folder of the trained tracker if it exists, or of the best weights so far if the training was interrupted."""
    folders = (args.out / EXPORT, args.out / RUN)
    return tuple(str(folder) for folder in folders if (folder / WEIGHTS).is_file())[:1]


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
    on_gpu(read_options(OnGpuArgs, __doc__))


if __name__ == "__main__":
    main()

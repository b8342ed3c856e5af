"""The training of ``benchmarks/on_gpu.py``: as many steps as its time allows, resumable."""

import dataclasses
import time

from benchmarks.common.commands import training_command
from benchmarks.common.results import read_figures, write_figures
from benchmarks.speed.on_gpu_args import OnGpuArgs
from benchmarks.speed.timing import describe_machine
from benchmarks.speed.tracker import training_step
from srn_core.checkpoints import load_card, load_pretrained, save_pretrained
from srn_core.devices import pick_device
from srn_core.errors import UserError
from srn_core.training.args import TrainArgs
from srn_core.training.state import STATE
from srn_core.training.train import TrainingRun, run_to_end

VALIDATIONS = 10
# Share of the time left after the faces are read; validations and saving take the rest.
TRAINING_SHARE = 0.9
PROBE_SECONDS = 10.0


def train_within(args: OnGpuArgs, seconds: float) -> None:
    """Train or resume, and export the weights that did best on the validation specs; writes ``OUT/train/figures.json``.

    Raises:
        UserError: the folder holds a run of another command.
    """
    began, folder = time.time(), args.out / "train"
    training, step = gpu_training(args), None
    if training.resume:
        plan = read_figures(folder)
        run = TrainingRun(planned(training, args.steps or plan["steps"]))
        if training_command(run.args) != plan["command"]:
            raise UserError(f"{training.out}: was started by another command ({plan['command']}); give another --out")
    else:
        if args.steps is None:
            device = pick_device(args.device)
            step = training_step(args.preset, "demo?split=val", args.batch, args.precision, device, PROBE_SECONDS).seconds
        run = TrainingRun(training)
        run.args = planned(training, args.steps or steps_within(seconds - (time.time() - began), step or 1.0))
        plan = {"command": training_command(run.args), "machine": describe_machine(run.device), "steps": run.args.steps}
        plan["ms_per_step_before"] = None if step is None else 1e3 * step
        write_figures(folder, plan)
    over = run.step >= run.args.steps
    run_to_end(run)
    card = load_card(training.out)
    save_pretrained(load_pretrained(training.out), args.export, card, half=True)
    spent = plan.get("seconds", 0.0) + (0.0 if over else time.time() - began)
    write_figures(folder, {**plan, "card": card, "seconds": spent})


def gpu_training(args: OnGpuArgs) -> TrainArgs:
    """The arguments of ``srn train``, without the number of steps."""
    return TrainArgs(
        data=args.data, out=args.run, val=args.val, preset=args.preset, batch=args.batch, lr=args.lr, precision=args.precision,
        device=args.device, seed=args.seed, resume=(args.run / STATE).is_file(),
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

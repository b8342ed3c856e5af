"""The command line of ``srn train``, and its checks."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from srn_core.checkpoints import CARD
from srn_core.data import parse_spec
from srn_core.data.splits import read_fold
from srn_core.errors import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, UserError, check_numbers
from srn_core.model.config import Preset
from srn_core.tracking.step import Start
from srn_core.training.augment import ROTATION_DEGREES, Occlusion
from srn_core.training.losses import Loss
from srn_core.training.processes import process_count
from srn_core.training.state import STATE

LIMITS = {
    **dict.fromkeys(("steps", "batch", "sequence", "val_every"), COUNT),
    **dict.fromkeys(("sequence_every", "warmup", "muon_lr", "rotation"), NOT_NEGATIVE),
    "seed": (0, 2**63 - 1),
    "lr": POSITIVE,
    **dict.fromkeys(("ema", "teacher_share"), SHARE),
}


@dataclass(frozen=True, kw_only=True)
class TrainArgs:
    """Train an SRN detector and tracker on clips."""

    data: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    """Data spec to train on; repeat for several. An untrained model takes its landmark scheme from the first."""
    out: Path
    """Folder of the run: weights, card, state for --resume, TensorBoard logs."""
    val: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec for model selection; repeat for several. The weights with the lowest mean NME on them are kept. Without it, the
    last weights are kept."""
    preset: Preset = "small"
    """Architecture: tiny (80 px, 2.3 M parameters), small (112 px, 5.2 M) or paper (224 px, 20.8 M)."""
    config_override: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """KEY=VALUE changes a field of the architecture (SRNConfig): relation=off, maps=off ...; repeat for several."""
    init: str | None = None
    """Checkpoint to start from, a name or folder. Its architecture replaces the preset's. Default: untrained weights."""
    steps: int = 10000
    """Optimiser steps."""
    batch: int = 64
    """Faces per step, over all processes of torchrun; a sequence of T frames counts as T faces."""
    sequence: int = 4
    """Frames per training sequence (eq. 13)."""
    sequence_every: int = 3
    """Every n-th step trains on sequences, the other steps on single faces. 0: only single faces."""
    fold: str | None = None
    """k/K, such as 1/2: leave out the people of fold k of K, in --data and --val. The trackers of all K folds of one recipe, in
    subfolders of a folder DIR, are the victim crossfit:DIR, which on each clip is one that has not met its person."""
    start: Start = "mean"
    """Where the cascade starts on a sequence. mean: the model's initial shape, on each frame. previous: from the second frame
    on, near the landmarks of the previous frame; only for a tracker that will run with --start previous. Measured on video,
    it had no less jitter and more error (docs/results/ablations.md)."""
    lr: float = 1e-3
    """Peak learning rate of Adam. It rises during --warmup, then falls to zero along a cosine. The paper uses 5e-4, multiplied
    by 0.95 every 1,000 steps, for 100,000 steps."""
    muon_lr: float = 0.0
    """Peak learning rate of Muon, which trains the large weight matrices. 0: Adam trains all weights. For trainings of a few
    hundred steps, 1e-2 with --lr 2e-3 is better than Adam alone."""
    warmup: int = 300
    """Steps during which the learning rates rise."""
    ema: float = 0.999
    """Decay per step of the averaged weights, which are evaluated and saved. The paper uses 0.9999."""
    loss: Loss = "l2"
    """What is minimised: l2 (eq. 8), or a function of each coordinate's error in units of the normaliser. In trainings of a few
    hundred steps, none of the other three was better, on bare or on masked faces (docs/results/ablations.md)."""
    occlusion: Occlusion = "varied"
    """Occluders on training faces. none; square: the paper's noise square; varied: shapes and fillings; masklike: varied, and
    polygons over mouth and nose. After masklike, masked faces no longer test unseen occluders. In trainings of 200 steps,
    varied lowered the error on masked faces by a fifth against square, and raised it by 1 to 9 % on bare faces
    (docs/results/ablations.md)."""
    rotation: float = ROTATION_DEGREES
    """Half of the training faces turn in the picture, by a normal angle of this standard deviation, degrees."""
    teacher: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Checkpoint, a name or folder, whose answers on the training faces are mixed into their labels; repeat for the mean of
    several. Validation keeps its labels."""
    teacher_share: float = 0.5
    """How much of a mixed label is the teachers' answer; the rest is the label of the data."""
    heads_only: bool = False
    """Train only the head that says which landmarks are hidden and how far off each may be; needs --init. A checkpoint without
    the head gets one. Its landmarks do not change. A thousand steps are enough; give --ema 0.99 and --warmup 50 with them."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the network. bfloat16 is for GPUs and CPUs with AMX. On such a CPU, a step of the preset paper took half
    the time and a step of srn-small the same. On CPUs without AVX-512, bfloat16 is 5 times slower."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    seed: int = 0
    """Seed of the weights and the batches."""
    val_every: int = 500
    """Steps between validations, which also write the state for --resume."""
    resume: bool = False
    """Continue the run in --out."""
    allow_masked: bool = False
    """Accept data specs with masked=1. By default masks are for evaluation only: a tracker that trained on masks cannot show
    that it handles unseen ones."""


def refuse_masked(specs: Iterable[str], remedy: str = "leave masked=1 out") -> None:
    """Masked faces are for evaluation: a tracker that has seen them cannot show robustness to unseen occlusion.

    Raises:
        UserError: one of the data specs has masked=1.
    """
    for spec in specs:
        if parse_spec(spec).masked:
            raise UserError(f"data spec '{spec}': masked faces are for evaluation; {remedy}")


def check_batch(batch: int, sequence: int) -> None:
    """Raise a :class:`UserError` if sequences do not fill a batch, or a process's share of it."""
    if batch % sequence:
        raise UserError(f"--batch {batch}: expected a multiple of {sequence}, the frames per sequence (--sequence)")
    if batch // sequence % process_count():
        shares = f"a multiple of {sequence * process_count()}, so that {process_count()} processes have equal shares"
        raise UserError(f"--batch {batch}: expected {shares}; sequences are not divided")


def check_out(out: Path, resume: bool, started: bool) -> None:
    """Raise a :class:`UserError` if ``--out`` cannot be used; ``started``: whether it holds a run that can be resumed."""
    if out.is_file():
        raise UserError(f"--out {out}: is a file; expected the name of a folder")
    if started and not resume:
        raise UserError(f"{out}: already holds a run; add --resume to continue it, or give another --out")
    if not started and (out / CARD).is_file():
        raise UserError(f"{out}: already holds a checkpoint; give another --out")
    if resume and not started:
        raise UserError(f"{out}: nothing to resume; expected the folder of an interrupted run")


def check_train_args(args: TrainArgs) -> None:
    """Raise a :class:`UserError` if a training with these arguments cannot run, before any data are read."""
    if not args.data:
        raise UserError("no --data; expected at least one data spec, KIND:PATH?key=value")
    check_out(args.out, args.resume, (args.out / STATE).is_file())
    check_numbers(args, LIMITS)
    if args.fold is not None:
        read_fold(args.fold, f"--fold {args.fold}")
        if args.teacher:
            raise UserError("--teacher with --fold: the teacher has met the people that are left out; give one of the two")
    check_batch(args.batch, args.sequence if args.sequence_every else 1)
    if args.heads_only and not args.init:
        raise UserError("--heads-only without --init: its landmarks would stay untrained; give a checkpoint as --init")
    if not args.allow_masked:
        refuse_masked((*args.data, *args.val), "leave masked=1 out, or add --allow-masked")

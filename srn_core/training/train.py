"""Train an SRN: ``srn train --preset small --data demo --out runs/srn``.

srn train --preset small --data "ytf68:DIR?split=train" --data "300w:DIR?split=train" --val "ytf68:DIR?split=val" --out DIR
srn train ... --resume            # continues an interrupted run, bit for bit on the CPU
torchrun --nproc-per-node 2 -m srn_core.cli.main train ...        # the same run in two processes; any number may resume it
srn train ... --config-override relation=off --config-override maps=off     # an ablation (Tables 7 and 8)
srn train ... --fold 1/2          # without the people of the first half; see the victim crossfit:DIR
srn train ... --config-override initial_shape=hourglass     # SRN+HG: S_0 from an hourglass network
srn train ... --teacher srn-small # labels mixed with its answers (distillation)
srn train ... --init srn-small --heads-only --ema 0.99 --warmup 50 --steps 1000     # visibility and expected errors alone
"""

from __future__ import annotations

import math
import time
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from srn_core.checkpoints import save_pretrained, starting_model
from srn_core.data import load_clips, spec_labels
from srn_core.data.clip import Clip, check_scheme
from srn_core.data.splits import read_fold
from srn_core.devices import emulates_bfloat16, pick_device
from srn_core.errors import UserError
from srn_core.io.files import plain
from srn_core.model import SRN, SRNConfig
from srn_core.tracking.tracker import Tracker
from srn_core.training.args import TrainArgs, check_train_args
from srn_core.training.augment import TrainingBatch, draw_batch
from srn_core.training.calibration import calibrate
from srn_core.training.fold import fold_card, leave_out
from srn_core.training.losses import cascade_loss
from srn_core.training.optimiser import make_optimisers, set_rate_share, step_all
from srn_core.training.pool import FacePool
from srn_core.training.processes import is_first, joined_processes, on_first, own_share, process_mean, with_shared_gradients
from srn_core.training.state import AveragedModel, claimed_by_first, load_state, save_state
from srn_core.training.teachers import taught
from srn_core.training.validation import detection_nme, read_faces
from srn_core.versions import versions

CLIP_NORM = 1.0


def train(args: TrainArgs) -> None:
    """Run a training to its end, together with the other processes that torchrun has started."""
    with joined_processes(args.device), claimed_by_first(args.out):
        run_to_end(TrainingRun(args))


def run_to_end(run: TrainingRun) -> None:
    """The loop of a training, from the step that ``run`` has reached."""
    args = run.args
    steps = range(run.step, args.steps)
    progress = tqdm(steps, "training", initial=run.step, total=args.steps, unit="step", disable=not is_first())
    for step in progress:
        loss = run.update(step)
        saved = (step + 1) % args.val_every == 0 or step + 1 == args.steps
        if step % 20 == 0 or saved:
            value = float(process_mean(loss))
            if not math.isfinite(value):
                raise UserError(f"step {step}: the loss is {value}, training stops; try a lower --lr, or --precision float32")
            run.log("train/loss", value, step + 1)
            best = {"val": f"{run.best:.2f}%"} if math.isfinite(run.best) else {}
            progress.set_postfix(loss=f"{value:.3f}", **best)
        if saved:
            on_first(partial(run.validate_and_save, step + 1))
    run.close_log()


class TrainingRun:
    """A run's model, optimiser, data and logs, resumed from its folder if asked."""

    def __init__(self, args: TrainArgs) -> None:
        check_train_args(args)
        self.args = args
        self.device = pick_device(args.device)
        if args.precision == "bfloat16" and emulates_bfloat16(self.device) and is_first():
            print("note: --precision bfloat16: this CPU only emulates it; --precision float32 is several times faster")
        torch.manual_seed(args.seed)
        self.clips = [clip for spec in args.data for clip in _load(spec)]
        self.validation = {spec: _load(spec) for spec in args.val}
        self.fold: dict[str, Any] = {}
        if args.fold is not None:
            fold = read_fold(args.fold, f"--fold {args.fold}")
            self.clips, self.validation, left_out = leave_out(fold, self.clips, self.validation)
            self.fold = {"fold": fold_card(fold, left_out, args.init)}
        scheme = self.clips[0].scheme.name
        model, self.config = self.first_model(scheme)
        self.model = model.train().to(self.device)
        if args.heads_only:
            for name, parameter in self.model.named_parameters():
                parameter.requires_grad_(name.startswith("certainty."))
        check_scheme([clip for clips in self.validation.values() for clip in clips], self.config.landmarks)
        if args.occlusion == "masklike" and self.config.scheme != "68":
            raise UserError(f"--occlusion masklike: needs 68 points; the clips have {self.config.scheme}; use varied")
        # The clips keep their labels: a policy of agents/finetune.py plays them, and they may be saved.
        self.pool = FacePool(taught(self.clips, args.teacher, args.teacher_share, str(self.device)), self.config, self.device)
        if not args.init:
            self.model.mean_shape.copy_(torch.from_numpy(self.pool.mean_shape))
        self.optimisers = make_optimisers(self.model, args.lr, args.muon_lr)
        self.average = AveragedModel(self.model, args.ema)
        self.step, self.best, self.started = 0, math.inf, time.time()
        self.metadata: dict[str, Any] = {}
        # Read now, so that a broken picture ends the run here, not after its first steps.
        self.faces = {spec: read_faces(clips, self.config) for spec, clips in self.validation.items()}
        held_out = [clip for clips in self.validation.values() for clip in clips]
        self.held_out = FacePool(held_out, self.config, self.device) if held_out and self.config.certainty == "on" else None
        if args.resume:
            self.metadata = load_state(args.out, self.model, self.average, self.optimisers, self.settings)
            self.step, self.best = self.metadata["step"], self.metadata["best"] or math.inf
            self.started -= self.metadata["seconds"]
        self.shared_loss = with_shared_gradients(self.model, self.loss, has_unused=self.config.memory == "off")
        self.writer = SummaryWriter(str(args.out), purge_step=self.step + 1) if is_first() else None

    def first_model(self, scheme: str) -> tuple[Any, SRNConfig]:
        """The model before the first step, for clips of a scheme, and how faces are cropped for it."""
        args = self.args
        overrides = (*args.config_override, *["certainty=on"] * args.heads_only)
        model = starting_model(args.preset, args.init, overrides, scheme)
        return model, model.config

    def loss(self, batch: TrainingBatch) -> Tensor:
        """The loss ``()`` of a batch: all that is minimised."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.args.precision == "bfloat16"):
            return cascade_loss(self.model, batch, self.args.loss, self.args.start)

    def update(self, step: int) -> Tensor:
        """One optimiser step; returns the loss ``()`` of this process's share. Reading it waits for the GPU."""
        args = self.args
        batch = own_share(self.draw(step))
        set_rate_share(self.optimisers, learning_rate_share(step, args.warmup, args.steps))
        loss = self.shared_loss(batch)
        step_all(self.optimisers, loss, CLIP_NORM)
        self.average.update(self.model)
        return loss.detach()

    def draw(self, step: int) -> TrainingBatch:
        """The batch of a step: of sequences at every n-th step, else of single faces."""
        args = self.args
        frames = args.sequence if args.sequence_every and step % args.sequence_every == args.sequence_every - 1 else 1
        return draw_batch(
            self.pool, self.config, (args.seed, step), args.batch // frames, frames, args.occlusion, rotation=args.rotation
        )

    def validate_and_save(self, step: int) -> None:
        """Measure the averaged weights, keep them if they are the best so far, and write the resumable state."""
        averaged = self.averaged()
        tracker = Tracker(averaged, str(self.device))
        errors = {spec: detection_nme(tracker, faces) for spec, faces in self.faces.items()}
        certainty = calibrate(averaged, self.held_out, self.args.occlusion) if self.held_out else None
        for spec, label in spec_labels(errors).items():
            self.log(f"val/nme_percent/{label}", errors[spec], step)
        mean = float(np.mean(list(errors.values()))) if errors else math.inf
        if mean <= self.best:
            self.best = mean
            found = {"certainty": certainty} if certainty else {}
            save_pretrained(averaged, self.args.out, {**self.card(step, errors), **found})
        self.save({"step": step, "best": self.best if errors else None})
        tqdm.write(f"step {step}: " + (", ".join(f"{spec} {error:.2f} %" for spec, error in errors.items()) or "saved"))

    def log(self, name: str, value: float, step: int) -> None:
        """A point of a curve, which the first process writes."""
        if self.writer is not None:
            self.writer.add_scalar(name, value, step)

    def close_log(self) -> None:
        """Write what the curves' file does not hold yet."""
        if self.writer is not None:
            self.writer.close()

    def save(self, metadata: dict[str, Any]) -> None:
        """Write the resumable state, with ``metadata``."""
        metadata |= {"arguments": plain(self.settings), "seconds": time.time() - self.started}
        save_state(self.args.out, self.model, self.average, self.optimisers, metadata)

    @property
    def settings(self) -> Any:
        """The command's arguments. They determine the run, so a resumed run must have the same."""
        return self.args

    def averaged(self) -> Any:
        """A copy of the model with the averaged weights."""
        averaged = SRN(self.config)
        averaged.load_state_dict(self.average.tensors)
        return averaged

    def card(self, step: int, errors: dict[str, float]) -> dict[str, Any]:
        """What is saved beside the weights."""
        return {
            "step": step,
            "arguments": plain(self.args),
            "versions": versions(),
            "training_frames": len(self.pool),
            "val_nme_percent": errors,
            "seconds": round(time.time() - self.started),
            **self.fold,
        }


def learning_rate_share(step: int, warmup: int, steps: int) -> float:
    """Linear warm-up, then half a cosine from 1 to 0."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(steps - warmup, 1)))


def _load(spec: str) -> list[Clip]:
    """The clips of a spec; prints what is absent."""
    clip_set = load_clips(spec)
    for note in clip_set.notes:
        if is_first():
            tqdm.write(note)
    return list(clip_set.clips)

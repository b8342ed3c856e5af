"""Training an SRN: ``srn train --preset small --data demo --out runs/srn``.

srn train --preset small --data "ytf68:DIR?split=train" --data "300w:DIR?split=train" --val "ytf68:DIR?split=val" --out DIR
srn train ... --resume            # goes on where it was stopped, bit for bit on the CPU
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
import tyro
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from srn_core.checkpoint import load_pretrained, pick_device, save_pretrained
from srn_core.data import load_clips, parse_spec
from srn_core.data.clip import Clip
from srn_core.errors import UserError
from srn_core.geometry import from_box_units
from srn_core.metrics import nme, normaliser_length, point_errors
from srn_core.model import SRN, SRNConfig
from srn_core.tracker import Tracker
from srn_core.training.augment import Occlusion, TrainingBatch, draw_batch
from srn_core.training.pool import FacePool
from srn_core.training.state import STATE, AveragedModel, load_state, save_state


@dataclass(frozen=True)
class TrainArgs:
    """Train an SRN detector and tracker on clips."""

    data: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    """Data spec to train on; repeat for several."""
    out: Path
    """Folder of the run: model, card, resumable state, TensorBoard logs."""
    val: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec to validate on; repeat for several. The weights with the lowest mean NME over them are kept."""
    preset: Literal["small", "paper"] = "small"
    """Architecture: small (112 px, 5.2 M parameters) or paper (224 px, 20.8 M)."""
    init: str | None = None
    """Checkpoint (name or folder) to start from; its architecture is used instead of the preset."""
    steps: int = 10000
    """Optimiser steps."""
    batch: int = 64
    """Faces a step; a sequence of T frames counts T."""
    sequence: int = 4
    """Frames of a training sequence (eq. 13)."""
    sequence_every: int = 3
    """Every n-th step trains on sequences, the others on single faces; 0: never."""
    lr: float = 1e-3
    """Peak learning rate of Adam; linear warm-up, then a cosine to zero."""
    warmup: int = 300
    """Steps of warm-up."""
    ema: float = 0.999
    """Decay of the averaged weights, which are evaluated and saved."""
    occlusion: Occlusion = "varied"
    """Occluders drawn on training faces: none, the paper's noise square, or varied shapes and fillings."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the network; bfloat16 is about 2.5 times faster on CPUs with AMX and on GPUs."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    seed: int = 0
    """Seeds weights and batches."""
    val_every: int = 500
    """Steps between validations, which also write the resumable state."""
    resume: bool = False
    """Go on from the state in --out."""
    allow_masked: bool = False
    """Take specs with masked=1: masks are for evaluation, and a tracker that trained on them cannot show robustness."""


def train(args: TrainArgs) -> None:
    """Run a training to its end; see the module's text."""
    run = TrainingRun(args)
    progress = tqdm(range(run.step, args.steps), initial=run.step, total=args.steps, desc="training", unit="step")
    for step in progress:
        loss = run.update(step)
        if step % 20 == 0:
            run.writer.add_scalar("train/nme_per_step_sum", loss, step)
            progress.set_postfix(loss=f"{loss:.3f}", val=f"{run.best:.2f}%")
        if (step + 1) % args.val_every == 0 or step + 1 == args.steps:
            run.validate_and_save(step + 1)
    run.writer.close()


def cascade_loss(model: SRN, batch: TrainingBatch) -> Tensor:
    """Eq. 8 over a batch of sequences: the NME of every cascade step, summed over steps, mean over faces and frames."""
    memory = model.start(batch.images.shape[1])
    losses = []
    for images, boxes, truth, length in zip(*batch, strict=True):
        shapes, memory = model(images, from_box_units(model.mean_shape, boxes), memory)
        losses.append(nme(shapes, truth, length).sum(0).mean())
    return torch.stack(losses).mean()


class TrainingRun:
    """A run's model, optimiser, data and logs, resumed from its folder if asked."""

    def __init__(self, args: TrainArgs) -> None:
        _check(args)
        self.args = args
        self.device = pick_device(args.device)
        torch.manual_seed(args.seed)
        clips = [clip for spec in args.data for clip in load_clips(spec).clips]
        self.validation = {spec: list(load_clips(spec).clips) for spec in args.val}
        self.model = (load_pretrained(args.init) if args.init else SRN(SRNConfig.preset(args.preset))).train().to(self.device)
        self.config = self.model.config
        self.pool = FacePool(clips, self.config, self.device)
        if not args.init:
            self.model.mean_shape.copy_(torch.from_numpy(self.pool.mean_shape))
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=args.lr)
        self.average = AveragedModel(self.model, args.ema)
        self.step, self.best, self.started = 0, math.inf, time.time()
        self.crops: dict[str, tuple[np.ndarray, ...]] = {}
        if args.resume:
            metadata = load_state(args.out, self.model, self.average, self.optimiser)
            self.step, self.best = metadata["step"], metadata["best"] or math.inf
        self.writer = SummaryWriter(str(args.out), purge_step=self.step)

    def update(self, step: int) -> float:
        """One optimiser step; returns the loss."""
        args = self.args
        frames = args.sequence if args.sequence_every and step % args.sequence_every == args.sequence_every - 1 else 1
        batch = draw_batch(self.pool, self.config, (args.seed, step), args.batch // frames, frames, args.occlusion)
        for group in self.optimiser.param_groups:
            group["lr"] = args.lr * learning_rate_share(step, args.warmup, args.steps)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=args.precision == "bfloat16"):
            loss = cascade_loss(self.model, batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.average.update(self.model)
        return float(loss.detach())

    def validate_and_save(self, step: int) -> None:
        """Measure the averaged weights, keep them if they are the best so far, and write the resumable state."""
        averaged = SRN(self.config)
        averaged.load_state_dict(self.average.tensors)
        tracker = Tracker(averaged, str(self.device))
        errors = {spec: self._validation_nme(tracker, spec, clips) for spec, clips in self.validation.items()}
        for spec, error in errors.items():
            self.writer.add_scalar(f"val/nme_percent/{spec.partition(':')[0]}", error, step)
        mean = float(np.mean(list(errors.values()))) if errors else math.inf
        if mean <= self.best:
            self.best = mean
            save_pretrained(averaged, self.args.out, self._card(step, errors))
        metadata = {"step": step, "best": self.best if errors else None}
        save_state(self.args.out, self.model, self.average, self.optimiser, metadata)
        tqdm.write(f"step {step}: " + (", ".join(f"{spec} {error:.2f} %" for spec, error in errors.items()) or "saved"))

    def _validation_nme(self, tracker: Tracker, spec: str, clips: Sequence[Clip]) -> float:
        if spec not in self.crops:
            parts = [(clip.crops(self.config.crop), clip.boxes, clip.landmarks) for clip in clips]
            self.crops[spec] = tuple(np.concatenate(part) for part in zip(*parts, strict=True))
        crops, boxes, truth = self.crops[spec]
        lengths = normaliser_length(truth, self.config.landmarks)
        return 100 * float(point_errors(tracker.detect_crops(crops, boxes), truth, lengths).mean())

    def _card(self, step: int, errors: dict[str, float]) -> dict[str, Any]:
        arguments = {
            key: str(value) if isinstance(value, Path) else value for key, value in dataclasses.asdict(self.args).items()
        }
        return {
            "step": step,
            "arguments": arguments,
            "training_frames": len(self.pool),
            "val_nme_percent": errors,
            "seconds": round(time.time() - self.started),
        }


def learning_rate_share(step: int, warmup: int, steps: int) -> float:
    """Linear warm-up, then half a cosine from 1 to 0."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(steps - warmup, 1)))


def _check(args: TrainArgs) -> None:
    if args.resume and not (args.out / STATE).is_file():
        raise UserError(f"{args.out / STATE}: nothing to resume; expected the folder of a run that was stopped")
    if not args.resume and (args.out / STATE).is_file():
        raise UserError(f"{args.out}: holds a run already; add --resume to go on with it, or give another --out")
    if args.sequence_every and args.batch % args.sequence:
        raise UserError(f"--batch {args.batch} --sequence {args.sequence}: the batch must be a multiple of the sequence")
    for spec in (*args.data, *args.val):
        if parse_spec(spec).masked and not args.allow_masked:
            raise UserError(f"data spec '{spec}': masked faces are for evaluation; leave masked=1 out, or add --allow-masked")

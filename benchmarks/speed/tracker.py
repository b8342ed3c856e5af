"""Speed of the tracker and of its training: rows of ``benchmarks/throughput.py``."""

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.speed.plain import PLAIN_WAY, make_plain
from benchmarks.speed.timing import Load, Precision, SpeedRow, Timing, arithmetic, time_calls, timed_precisions
from srn_core import SRN, SRNConfig
from srn_core.data import Clip, load_clips
from srn_core.model.config import Preset
from srn_core.tracking.batch import RunOptions, run_clips
from srn_core.tracking.tracker import Tracker
from srn_core.training.args import TrainArgs
from srn_core.training.augment import draw_batch
from srn_core.training.train import TrainingRun


def detect_rows(load: Load, device: torch.device) -> Iterator[SpeedRow]:
    """Faces per second, from uint8 crops to landmarks on the CPU; the plain way takes one face at a time."""
    clip = load_clips(load.clips).clips[0]
    for preset in load.presets:
        tracker = untrained(preset, device, max(load.sizes.batches))
        index = np.arange(max(load.sizes.batches)) % len(clip)
        crops, boxes = clip.crops(tracker.crop)[index], clip.boxes[index]
        for precision in timed_precisions(device):
            single = None
            for batch in load.sizes.batches:
                with arithmetic(precision, device):
                    timing = time_calls(partial(tracker.detect_crops, crops[:batch], boxes[:batch]), device, load.budget)
                row = _rate("detect", f"{preset}, {batch} at once", precision, batch, "faces/s", timing)
                yield row if single is None else dataclasses.replace(row, plain=single, plain_way="one face at a time")
                single = row.value if batch == 1 else single


def track_rows(load: Load, device: torch.device) -> Iterator[SpeedRow]:
    """Frames per second with the memory, cropping included; the plain way takes one clip after the other."""
    clips = load_clips(load.clips).clips
    many = [in_memory(clips[i % len(clips)], load.sizes.frames) for i in range(max(load.sizes.side_by_side))]
    for preset in load.presets:
        tracker, single = untrained(preset, device), None
        for count in load.sizes.side_by_side:
            with arithmetic("float32", device):
                timing = time_calls(partial(_track, tracker, many[:count]), device, load.budget)
            frames = sum(map(len, many[:count]))
            row = _rate("track", f"{preset}, {count} clips side by side", "float32", frames, "frames/s", timing)
            yield row if single is None else dataclasses.replace(row, plain=single, plain_way="one clip at a time")
            single = row.value if count == 1 else single


def train_rows(load: Load, device: torch.device) -> Iterator[SpeedRow]:
    """Faces per second of training, beside plain PyTorch; ``ms`` is the time of a step."""
    for preset in load.presets:
        for precision in timed_precisions(device):
            faces = load.sizes.train_batch
            timing, plain = (
                training_step(preset, load.clips, faces, precision, device, load.budget, way) for way in ("fast", "plain")
            )
            row = _rate("train", f"{preset}, {faces} per step", precision, faces, "faces/s", timing)
            yield dataclasses.replace(row, plain=faces / plain.seconds, plain_way=PLAIN_WAY)


def draw_rows(load: Load, device: torch.device) -> Iterator[SpeedRow]:
    """Faces per second of drawing and augmenting a batch; the plain way does it face by face."""
    for preset in load.presets:
        with training_run(preset, load.clips, load.sizes.train_batch, "float32", device) as run:
            timing = time_calls(partial(run.draw, 0), device, load.budget)
            plain = load.sizes.train_batch / time_calls(partial(_draw_one_by_one, run), device, load.budget).seconds
        row = _rate("draw", f"{preset}, {load.sizes.train_batch} at once", "", load.sizes.train_batch, "faces/s", timing)
        yield dataclasses.replace(row, plain=plain, plain_way="face by face")


def training_step(
    preset: Preset,
    clips: str,
    batch: int,
    precision: Precision,
    device: torch.device,
    budget: float,
    way: Literal["fast", "plain"] = "fast",
) -> Timing:
    """The time of an optimiser step and its batch: the mean over a cycle of steps on single faces and on sequences."""
    with (
        training_run(preset, clips, batch, precision, device) as run,
        arithmetic("tf32" if precision == "tf32" else "float32", device),
    ):
        if way == "plain":
            make_plain(run.model)
        cycle = range(run.args.sequence_every)
        timing = time_calls(lambda: [run.update(step) for step in cycle], device, budget)
    return timing._replace(seconds=timing.seconds / len(cycle))


@contextlib.contextmanager
def training_run(preset: Preset, clips: str, batch: int, precision: Precision, device: torch.device) -> Iterator[TrainingRun]:
    """A training in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        args = TrainArgs(
            data=(clips,), out=Path(folder), preset=preset, batch=batch, device=str(device),
            precision="bfloat16" if precision == "bfloat16" else "float32",
        )  # fmt: skip
        run = TrainingRun(args)
        yield run
        run.close_log()


def untrained(preset: Preset, device: torch.device, batch_size: int = 128) -> Tracker:
    """A tracker of a preset with random weights, the same at every call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Tracker(SRN(SRNConfig.preset(preset)), str(device), batch_size)


def in_memory(clip: Clip, frames: int) -> Clip:
    """The first frames of a clip, decoded, so that no disk is measured."""
    images = [clip.frame(t) for t in range(min(frames, len(clip)))]
    part = slice(len(images))
    return dataclasses.replace(
        clip, landmarks=clip.landmarks[part], boxes=clip.boxes[part], cuts=clip.cuts[part], source=lambda t: images[t]
    )


def _draw_one_by_one(run: TrainingRun) -> None:
    for i in range(run.args.batch):
        draw_batch(run.pool, run.config, (0, i), 1, 1, run.args.occlusion)


def _track(tracker: Tracker, clips: Sequence[Clip]) -> None:
    run_clips(tracker, clips, RunOptions("track"), len(clips), tqdm(disable=True))


def _rate(group: str, what: str, precision: str, count: int, unit: str, timing: Timing) -> SpeedRow:
    return SpeedRow(group, what, precision, count / timing.seconds, unit, 1e3 * timing.seconds, memory_mib=timing.memory_mib)

"""How much slower work gets beside busy processes: rows of ``benchmarks/throughput.py``.

Each time is measured in a process of its own, because OpenMP reads its settings once.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping

from srn_core.threads import SPIN_COUNT

import numpy as np
import torch

from benchmarks.speed.game import filled_learner, first_clip
from benchmarks.speed.timing import Load, SpeedRow, time_calls
from benchmarks.speed.tracker import training_step
from srn_core.data import load_clips
from srn_core.tracking.tracker import Tracker

BUSY_PROCESSES = 2
FACES = 32
# What libgomp does if the variable is not set: https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html.
DEFAULT_SPIN_COUNT = "300000"
CPU = torch.device("cpu")


def steady_rows(load: Load, device: torch.device) -> Iterator[SpeedRow]:
    """The time beside two busy processes over the time on an otherwise idle machine; the plain way is OpenMP's default."""
    for work in WORKS if device.type == "cpu" else ():
        ours, plain = (_slowdown(work, load, spin_count) for spin_count in (SPIN_COUNT, DEFAULT_SPIN_COUNT))
        what = f"{work} beside {BUSY_PROCESSES} busy processes"
        yield SpeedRow("steady", what, "float32", ours, "x the idle time", plain=plain, plain_way="OpenMP's default waiting")


def _slowdown(work: str, load: Load, spin_count: str) -> float:
    idle = _measured(work, load, spin_count)
    with _busy_machine():
        return _measured(work, load, spin_count) / idle


def _measured(work: str, load: Load, spin_count: str) -> float:
    """Seconds of a call, measured by :func:`main` in another process."""
    command = [sys.executable, "-m", "benchmarks.speed.steady", work, load.clips, load.tracker, str(load.budget)]
    environment = os.environ | {"GOMP_SPINCOUNT": spin_count}
    environment.pop("OMP_WAIT_POLICY", None)
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


@contextlib.contextmanager
def _busy_machine() -> Iterator[None]:
    command = [sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(command) for _ in range(BUSY_PROCESSES)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def _detection(load: Load) -> float:
    clip, tracker = load_clips(first_clip(load.clips)).clips[0], Tracker(filled_learner(load, CPU).features.model, "cpu")
    index = np.arange(FACES) % len(clip)
    crops, boxes = clip.crops(tracker.crop)[index], clip.boxes[index]
    return time_calls(lambda: tracker.detect_crops(crops, boxes), CPU, load.budget).seconds


def _training(load: Load) -> float:
    return training_step("small", first_clip(load.clips), load.sizes.train_batch, "float32", CPU, load.budget).seconds


def _update(load: Load) -> float:
    learner = filled_learner(load, CPU)
    # Enough updates that the features of all transitions are cached.
    for _ in range(20):
        learner.update()
    return time_calls(learner.update, CPU, load.budget).seconds


WORKS: Mapping[str, Callable[[Load], float]] = {
    f"detection of {FACES} faces": _detection,
    "a training step": _training,
    "an update of the DQN": _update,
}


def main() -> None:
    """Print the seconds that a call of the work takes in this process."""
    work, clips, tracker, budget = sys.argv[1:]
    load = Load(clips=clips, tracker=tracker, presets=("small",), quick=float(budget) == 0, seconds=float(budget))
    print(WORKS[work](load))


if __name__ == "__main__":
    main()

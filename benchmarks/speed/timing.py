"""What benchmarks of speed share: the time of a call, its arithmetic, and the rows of their tables."""

import platform
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch

from srn_core.devices import emulates_bfloat16
from srn_core.model.config import Preset

Precision = Literal["float32", "tf32", "bfloat16"]
MIB = 2**20


class Sizes(NamedTuple):
    """How much is measured at once.

    Attributes:
        batches: faces at once in detection, rising.
        side_by_side: clips tracked at once, rising.
        frames: of a tracked clip.
        train_batch: faces of a training step.
        envs: numbers of environments with NumPy in and out.
        games: episodes on tensors; on a GPU also :data:`GPU_GAMES`.
        dqn_batch: transitions of a DQN update.
        learning_steps: env steps of a training.
    """

    batches: tuple[int, ...]
    side_by_side: tuple[int, ...]
    frames: int
    train_batch: int
    envs: tuple[int, ...]
    games: tuple[int, ...]
    dqn_batch: int
    learning_steps: int


FULL = Sizes((1, 16, 64, 256), (1, 16), 16, 64, (16, 64), (64,), 256, 8_000)
QUICK = Sizes((1, 4), (1, 4), 4, 8, (1, 4), (4,), 32, 128)
GPU_GAMES = 4096


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is measured.

    Attributes:
        clips: data spec of the faces; the game is played on its first clip.
        tracker: the tracker that the game is played against.
        presets: architectures; their weights are untrained, which does not change the time.
        quick: few sizes, one or two calls each; the game is not played with cached answers.
        seconds: per row, all calls together.
        frames: of the generated videos through which memory is measured.
        checkpoints: SRNs whose forward pass is timed, besides the tracker.
    """

    clips: str
    tracker: str
    presets: tuple[Preset, ...]
    quick: bool
    seconds: float
    frames: int = 95_000
    checkpoints: tuple[str, ...] = ()

    @property
    def sizes(self) -> Sizes:
        return QUICK if self.quick else FULL

    @property
    def budget(self) -> float:
        """Seconds per row; a quick measurement calls once."""
        return 0.0 if self.quick else self.seconds


@dataclass(frozen=True)
class SpeedRow:
    """Our value of a quantity and the value of the plain way.

    Attributes:
        group: what was measured.
        what: on which input.
        precision: the network's arithmetic; empty without a network.
        value: ours.
        unit: of both values.
        ms: median time of a call; None if not timed.
        plain: the value of the plain way; None without one.
        plain_way: what the plain way is.
        memory_mib: peak of the device's memory during the calls; None on the CPU.
    """

    group: str
    what: str
    precision: str
    value: float
    unit: str
    ms: float | None = None
    plain: float | None = None
    plain_way: str = ""
    memory_mib: float | None = None

    @property
    def gain(self) -> float | None:
        """How many times better ours is. For values per second, higher is better; for all others, lower is better."""
        if self.plain is None:
            return None
        return self.value / self.plain if self.unit.endswith("/s") else self.plain / self.value


class Timing(NamedTuple):
    """Attributes: seconds: median of a call; memory_mib: see :class:`SpeedRow`."""

    seconds: float
    memory_mib: float | None


def time_calls(run: Callable[[], object], device: torch.device, budget: float) -> Timing:
    """Call ``run`` once to warm up, then at least once and for ``budget`` seconds. Each call waits for the device."""
    warm_up = _seconds(run, device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    times = [_seconds(run, device)]
    while warm_up + sum(times) < budget:
        times.append(_seconds(run, device))
    memory = torch.cuda.max_memory_allocated(device) / MIB if device.type == "cuda" else None
    return Timing(float(torch.tensor(times).median()), memory)


def time_together(runs: Sequence[Callable[[], object]], device: torch.device, budget: float) -> list[Timing]:
    """:func:`time_calls` for several functions in turn, so that other work on the machine slows all of them alike.

    ``budget`` is for each of them.
    """
    for run in runs:
        _seconds(run, device)
    times: list[list[float]] = [[] for _ in runs]
    while not times[0] or sum(map(sum, times)) < budget * len(runs):
        for run, measured in zip(runs, times, strict=True):
            measured.append(_seconds(run, device))
    return [Timing(float(torch.tensor(measured).median()), None) for measured in times]


def _seconds(run: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    began = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


@contextmanager
def arithmetic(precision: Precision, device: torch.device) -> Iterator[None]:
    """Run networks in full float32, with TensorFloat-32 products, or in bfloat16 where autocast uses it."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    try:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def precisions(device: torch.device) -> tuple[Precision, ...]:
    """The precisions that differ on the device."""
    return ("float32", "tf32", "bfloat16") if device.type == "cuda" else ("float32", "bfloat16")


def timed_precisions(device: torch.device) -> tuple[Precision, ...]:
    """Of these, the precisions that the device does not only emulate."""
    return ("float32",) if emulates_bfloat16(device) else precisions(device)


def describe_machine(device: torch.device) -> dict[str, Any]:
    """The device's name (of a CPU: its kind and widest instructions), torch's version, the number of threads; JSON-able."""
    on_cpu = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else on_cpu
    return {"device": str(device), "name": name, "torch": torch.__version__, "threads": torch.get_num_threads()}


def peak_memory_mib() -> float:
    """The peak memory of this process so far."""
    # Linux counts in KiB, macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (MIB if platform.system() == "Darwin" else 1024)

"""What a face costs against the number of frames T, of landmarks L and of faces at once B: rows and a plot."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.ticker import LogLocator

from benchmarks.speed.timing import Load, SpeedRow, arithmetic, time_together
from benchmarks.speed.tracker import in_memory
from srn_core import SRN, SRNConfig, Tracker
from srn_core.data import Clip, load_clips
from srn_core.face.schemes import SCHEMES
from srn_core.plots import BLUE, drawn

SIZES: Mapping[str, Sequence[int]] = {"B": (1, 2, 4, 8, 16, 32, 64, 128), "T": (4, 8, 16, 32)}
NAMES = {"B": "faces at once", "T": "frames of a tracked clip", "L": "landmarks, 16 faces at once"}
FACES = 16


def cost_rows(load: Load, device: torch.device) -> Iterator[SpeedRow]:
    """Milliseconds of each size, and the slope of their logarithms.

    It is 1 where the cost is proportional, and lower where more at once cost less each. All sizes of one letter are measured in
    turn. The network is the preset ``small`` with untrained weights.
    """
    clip = load_clips(load.clips).clips[0]
    for letter, calls in _calls(in_memory(clip, max(SIZES["T"])), device, load.quick).items():
        with arithmetic("float32", device):
            timings = time_together(list(calls.values()), device, load.budget)
        times = {size: 1e3 * timing.seconds for size, timing in zip(calls, timings, strict=True)}
        for size, ms in times.items():
            yield SpeedRow("cost", f"{letter} = {size}", "float32", ms, "ms", ms)
        slope = np.polyfit(np.log(list(times)), np.log(list(times.values())), 1)[0]
        yield SpeedRow("cost", f"slope over {letter}", "float32", float(slope), f"d log ms / d log {letter}")


def _calls(clip: Clip, device: torch.device, quick: bool) -> dict[str, dict[int, Callable[[], object]]]:
    """For each letter and size a function to time."""
    faces, frames = (sizes[:2] if quick else sizes for sizes in SIZES.values())
    tracker = _tracker("68", device)
    calls: dict[str, dict[int, Callable[[], object]]] = {
        "B": {size: partial(_detect, tracker, clip, size) for size in faces},
        "T": {size: partial(_follow, tracker, clip, size) for size in frames},
    }
    schemes = sorted((scheme.num_landmarks, name) for name, scheme in SCHEMES.items())
    calls["L"] = {count: partial(_detect, _tracker(name, device), clip, FACES) for count, name in schemes}
    return calls


def _tracker(scheme: str, device: torch.device) -> Tracker:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Tracker(SRN(SRNConfig.preset("small").override([f"scheme={scheme}"])), str(device))


def _detect(tracker: Tracker, clip: Clip, faces: int) -> None:
    index = [t % len(clip) for t in range(faces)]
    tracker.detect([clip.frame(t) for t in index], clip.boxes[index])


def _follow(tracker: Tracker, clip: Clip, frames: int) -> None:
    index = [t % len(clip) for t in range(frames)]
    for _ in tracker.track(map(clip.frame, index), clip.boxes[index]):
        pass


def plot_costs(figures: Sequence[Mapping[str, Any]], path: Path) -> None:
    """A panel per letter: milliseconds against the size, both logarithmic, with the slope."""
    values = {row["what"]: row["value"] for row in figures if row["group"] == "cost"}
    title = "What a tracked or detected face costs, preset small, untrained"
    note = "Both axes are logarithmic. Slope 1: the cost is proportional. A lower slope: more at once cost less each."
    with drawn(path, len(NAMES), len(NAMES), 2.2, title, note) as panels:
        for panel, (letter, name) in zip(panels, NAMES.items(), strict=True):
            points = {int(what.split(" = ")[1]): value for what, value in values.items() if what.startswith(f"{letter} = ")}
            panel.loglog(list(points), list(points.values()), "o-", color=BLUE, markersize=4)
            panel.set(xlabel=f"{letter}: {name}", title=f"slope {values[f'slope over {letter}']:.2f}")
            panel.set_xticks(list(points), [str(size) for size in points])
            panel.minorticks_off()
            panel.yaxis.set_major_locator(LogLocator(10, (1, 2, 5)))
            panel.yaxis.set_major_formatter("{x:g}")
        panels[0].set_ylabel("time, ms")

"""The curves in runs' TensorBoard files."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

from srn_core.pages.page import Section
from srn_core.pages.sections import binned, panel, plots

Points = tuple[np.ndarray, np.ndarray]


def curves_section(logs: Mapping[str, Sequence[Path]]) -> Section | None:
    """A plot for each quantity that was logged, with a line for each run that has it; None if nothing was logged.

    ``logs``: the names of the runs and their folders.
    """
    tags: dict[str, dict[str, Points]] = defaultdict(dict)
    for name, folders in logs.items():
        for folder in folders:
            for tag, points in read_scalars(folder).items():
                label = name if folder == folders[0] else f"{name}, {folder.name}"
                tags[tag][label] = binned(*points)
    # A single value, as of the evaluation after training, is no curve; it stands in a table.
    curves = {tag: lines for tag, lines in sorted(tags.items()) if any(len(x) > 1 for x, _ in lines.values())}
    panels = [panel(tag, "step", tag.rpartition("/")[2].replace("_", " "), lines) for tag, lines in curves.items()]
    note = "From the runs' TensorBoard files; a point is the mean over neighbouring steps."
    return plots("Training", panels, note) if panels else None


def read_scalars(folder: Path) -> dict[str, Points]:
    """Each scalar's steps and values ``(N,)``. Where a resumed session repeats steps, the later session counts."""
    found: dict[str, Points] = {}
    for events in read_logs(folder):
        for tag in events.Tags()["scalars"]:
            logged = np.array([(event.step, event.value) for event in events.Scalars(tag)], float)
            steps, values = found.get(tag, (np.zeros(0), np.zeros(0)))
            kept = steps < logged[0, 0]
            found[tag] = np.append(steps[kept], logged[:, 0]), np.append(values[kept], logged[:, 1])
    return found


def read_logs(folder: Path) -> list[EventAccumulator]:
    """The sessions of a run that logged something, in their order."""
    logs = [EventAccumulator(str(file), {SCALARS: 0}).Reload() for file in folder.glob("events.out.tfevents.*")]
    return sorted((log for log in logs if log.Tags()["scalars"]), key=EventAccumulator.FirstEventTimestamp)

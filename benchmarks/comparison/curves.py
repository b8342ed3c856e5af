"""Learning curves of runs, from their TensorBoard logs."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

from benchmarks.common.results import ResultRow, ResultRows

# agents/dqn.py logs the return of every episode, formerly under the second name. SB3 logs only the mean of the last 100.
EACH_EPISODE, MEAN_OF_LAST = ("rollout/ep_rew", "play/episodic_return"), "rollout/ep_rew_mean"
LAST = 100
GRID = 100


class Curve(NamedTuple):
    """Mean return of the last 100 episodes under the behaviour policy during training.

    Attributes:
        steps: ``(N,)`` env steps, rising.
        seconds: ``(N,)`` training time so far, without breaks between sessions.
        returns: ``(N,)``.
    """

    steps: np.ndarray
    seconds: np.ndarray
    returns: np.ndarray


def read_curve(run: Path) -> Curve | None:
    """The curve of a run's folder; None if no episode was logged."""
    steps, seconds, returns = np.zeros(0), np.zeros(0), np.zeros(0)
    tag = None
    # One file per session. A later session resumed from a checkpoint and played again what was logged after it.
    sessions = [EventAccumulator(str(file), {SCALARS: 0}).Reload() for file in run.glob("events.out.tfevents.*")]
    for events in sorted(sessions, key=lambda session: float(session.FirstEventTimestamp())):
        known = [name for name in (*EACH_EPISODE, MEAN_OF_LAST) if name in events.Tags()["scalars"]]
        if not known:
            continue
        tag = known[0]
        logged = np.array([(event.step, event.wall_time, event.value) for event in events.Scalars(tag)])
        kept = steps < logged[0, 0]
        steps, seconds, returns = steps[kept], seconds[kept], returns[kept]
        before = seconds[-1] if len(seconds) else 0.0
        steps = np.append(steps, logged[:, 0])
        seconds = np.append(seconds, before + logged[:, 1] - events.FirstEventTimestamp())
        returns = np.append(returns, logged[:, 2])
    if not len(steps):
        return None
    if tag in EACH_EPISODE:
        # A mean of few episodes is noise; a short run has nothing else.
        first = LAST - 1 if len(returns) >= 2 * LAST else 0
        steps, seconds, returns = steps[first:], seconds[first:], running_mean(returns, LAST)[first:]
    return Curve(steps, seconds, returns)


def running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Mean of each value and of up to ``window - 1`` values before it: ``(N,)`` -> ``(N,)``.

    >>> running_mean(np.array([1.0, 3.0, 5.0, 7.0]), 2)
    array([1., 2., 4., 6.])
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    return np.asarray((sums[ends] - sums[starts]) / (ends - starts))


def on_one_axis(curves: Sequence[Curve], by_seconds: bool) -> tuple[np.ndarray, np.ndarray]:
    """``(K,)`` steps or seconds that all runs reached, and the returns of the runs there, ``(S, K)``."""
    axes = [curve.seconds if by_seconds else curve.steps for curve in curves]
    grid = np.linspace(max(axis[0] for axis in axes), min(axis[-1] for axis in axes), GRID)
    return grid, np.stack([np.interp(grid, axis, curve.returns) for axis, curve in zip(axes, curves, strict=True)])


def curve_rows(label: str, curves: Sequence[Curve]) -> list[ResultRow]:
    """At most :data:`GRID` points of each run's curve, as rows to store; read back by :func:`curves_in`."""
    rows = []
    for run, curve in enumerate(curves):
        for i in np.unique(np.linspace(0, len(curve.steps) - 1, GRID).round().astype(int)):
            row = {"policy": label, "run": run, "step": int(curve.steps[i]), "seconds": round(float(curve.seconds[i]), 2)}
            rows.append(row | {"return": round(float(curve.returns[i]), 5)})
    return rows


def curves_in(rows: ResultRows) -> dict[str, list[Curve]]:
    """The curves of each policy in stored rows."""
    found: dict[str, list[Curve]] = {}
    for (label, _), part in groupby(rows, key=lambda row: (row["policy"], row["run"])):
        points = np.array([(row["step"], row["seconds"], row["return"]) for row in part], float)
        found.setdefault(label, []).append(Curve(*points.T))
    return found

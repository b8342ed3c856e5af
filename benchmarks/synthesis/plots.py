"""The plot of the fine-tuning benchmark."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.results import ResultRows
from benchmarks.common.stats import score_table
from benchmarks.synthesis.measure import SETS
from srn_core.data import spec_label
from srn_core.plots import Estimate, plot_estimates

ARMS, BASELINE = "arms.png", "none"


def plot_arms(figures: ResultRows, rows: ResultRows, title: str, path: Path) -> None:
    """A panel per test set: the difference of each arm to ``none``, with its interval and a dot per seed.

    Where ``none`` was not run, the values themselves.
    """
    compared = any(figure["arm"] == BASELINE for figure in figures)
    groups = {}
    for name, data in dict.fromkeys((figure["set"], figure["data"]) for figure in figures):
        part = [figure for figure in figures if (figure["set"], figure["data"]) == (name, data)]
        seeds = {figure["arm"]: _seed_means(rows, figure) for figure in part}
        base = seeds.get(BASELINE, 0.0)
        mean = f"; {BASELINE}: {np.mean(base):.2f} %" if compared else ""
        shown = [figure for figure in part if not compared or figure["arm"] != BASELINE]
        groups[f"{SETS[name]}{mean}\n{spec_label(data)}"] = [_estimate(f, seeds[f["arm"]] - base) for f in shown]
    axis = f"minus {BASELINE}, % points" if compared else "% of the inter-ocular distance"
    note = (
        "In % of the inter-ocular distance. Dots: seeds. Bars, from five seeds on: 95 % interval of the difference to none. "
        "Blue: a smaller error than without occluders. Orange: a larger one."
    )
    plot_estimates(path, groups, axis, title, note if compared else "Dots: seeds.")


def _seed_means(rows: ResultRows, figure: Mapping[str, Any]) -> np.ndarray:
    """``(S,)`` means over people, of the figure's seeds."""
    keys = "arm", "set", "data"
    chosen = [row for row in rows if all(row[key] == figure[key] for key in keys) and row["seed"] in figure["seeds"]]
    return np.asarray(score_table(chosen).mean(1))


def _estimate(figure: Mapping[str, Any], seeds: np.ndarray) -> Estimate:
    difference = figure["vs_none"]
    if difference is None:
        return Estimate(figure["arm"], figure["mean"], None, seeds)
    return Estimate(figure["arm"], difference["mean"], difference["ci95"], seeds)

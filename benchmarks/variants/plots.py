"""The plot of the ablation."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.results import ResultRows
from benchmarks.variants.report import REFERENCE, distinct, scores_of, set_of
from srn_core.data import spec_label
from srn_core.plots import Estimate, plot_estimates

VARIANTS = "variants.png"


def plot_variants(figures: ResultRows, rows: ResultRows, title: str, path: Path) -> None:
    """A panel per test set: the difference of each variant to full, with its interval and a dot per seed.

    Where full was not run, the values themselves.
    """
    compared = any(figure["variant"] == REFERENCE for figure in figures)
    groups = {}
    for chosen in distinct(map(set_of, figures)):
        part = [figure for figure in figures if set_of(figure) == chosen]
        full = scores_of(rows, chosen, REFERENCE).mean(1) if compared else np.zeros(1)
        estimates = [
            _estimate(figure, scores_of(rows, chosen, figure["variant"]).mean(1) - full)
            for figure in part
            if not compared or figure["variant"] != REFERENCE
        ]
        data, name = chosen
        mean = f"; full: {full.mean():.2f} %" if compared else ""
        groups[f"{spec_label(data)}\n{name}{mean}"] = estimates
    axis = f"minus {REFERENCE}, % points" if compared else "% of the inter-ocular distance"
    note = (
        "NME, or jitter where the title says so, in % of the inter-ocular distance. Dots: seeds. Bars, from five seeds on: "
        "95 % interval of the difference. Orange: worse than full. Blue: better."
    )
    plot_estimates(path, groups, axis, title, note if compared else "Dots: seeds.", columns=4)


def _estimate(figure: Mapping[str, Any], seeds: Any) -> Estimate:
    difference = figure["vs_full"]
    if difference is None:
        return Estimate(figure["variant"], figure["mean"], None, seeds)
    return Estimate(figure["variant"], difference["mean"], difference["ci95"], seeds)

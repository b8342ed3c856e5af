"""The table and the plot of the ablation, with intervals over seeds and clips.

Letters: **S** seeds, **C** clips.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from rich.console import Console
from rich.table import Table

from benchmarks.common.stats import MIN_RUNS, paired_difference, score_table
from benchmarks.synthesis.report import difference_text
from srn_core.data import spec_label
from srn_core.io.files import write_atomically

REFERENCE = "full"
# Panels side by side.
COLUMNS = 4
Rows = Sequence[Mapping[str, Any]]
TestSet = tuple[str, str]
"""Data spec, and ``clean``, ``masked`` or ``jitter``."""
Value = TypeVar("Value")


def summarise(rows: Rows, parameters: Mapping[str, int]) -> list[dict[str, Any]]:
    """One row a test set and variant, in the order in which they appear.

    ``mean`` is the NME, or the jitter, over clips and seeds, in percent of the inter-ocular distance; a clip's is the mean of
    its frames'.
    ``vs_full`` is the :func:`paired_difference`, None for full itself or where it was not run.

    Args:
        rows: ``variant``, ``seed``, ``set``, ``data``, ``clip`` and ``value``, every variant with the same seeds and clips.
        parameters: of each variant.
    """
    figures = []
    variants = _distinct(row["variant"] for row in rows)
    for data, name in _distinct((row["data"], row["set"]) for row in rows):
        scores = {variant: scores_of(rows, (data, name), variant) for variant in variants}
        for variant, values in scores.items():
            compared = variant != REFERENCE and REFERENCE in scores
            figures.append(
                {
                    "data": data,
                    "set": name,
                    "variant": variant,
                    "parameters": parameters[variant],
                    "n_seeds": values.shape[0],
                    "n_clips": values.shape[1],
                    "mean": float(values.mean()),
                    "vs_full": paired_difference(values, scores[REFERENCE]) if compared else None,
                }
            )
    return figures


def scores_of(rows: Rows, test_set: TestSet, variant: str) -> np.ndarray:
    """The values of a variant on a test set: ``(S, C)``."""
    return score_table([row for row in rows if (row["data"], row["set"]) == test_set and row["variant"] == variant])


def print_figures(figures: Rows, title: str) -> None:
    """The figures on the screen, a table a test set."""
    for data, name in _distinct((figure["data"], figure["set"]) for figure in figures):
        chosen = [figure for figure in figures if (figure["data"], figure["set"]) == (data, name)]
        caption = f"% of the inter-ocular distance over {chosen[0]['n_clips']} clips; paired [95 %, from {MIN_RUNS} seeds on]"
        table = Table(title=f"{data}, {name} ({title})", caption=caption)
        table.add_column("variant")
        for heading in ("parameters", figure_name(name), f"against {REFERENCE}"):
            table.add_column(heading, justify="right")
        for figure in chosen:
            text = difference_text(figure["vs_full"])
            table.add_row(figure["variant"], f"{figure['parameters'] / 1e6:.2f} M", f"{figure['mean']:.3f}", text)
        Console(width=128).print(table)


def plot_figures(figures: Rows, rows: Rows, title: str, path: Path) -> None:
    """A panel a test set: each variant's seeds as dots, and as a bar the interval of its difference to full."""
    test_sets = _distinct((figure["data"], figure["set"]) for figure in figures)
    variants = _distinct(figure["variant"] for figure in figures)
    columns = min(len(test_sets), COLUMNS)
    lines = -(-len(test_sets) // columns)
    size = (2 + 3.2 * columns, 0.5 + lines * (1 + 0.35 * len(variants)))
    figure, panels = plt.subplots(lines, columns, figsize=size, layout="constrained", squeeze=False, sharey=True)
    for panel, test_set in zip(panels.flat, test_sets, strict=False):
        _draw_panel(panel, [row for row in figures if (row["data"], row["set"]) == test_set], rows)
    for panel in panels.flat[len(test_sets) :]:
        panel.set_visible(False)
    panels[0][0].set_yticks(range(len(variants)), variants)
    panels[0][0].invert_yaxis()
    figure.suptitle(
        f"{title}\ndots: seeds; bars, from five seeds on: 95 % interval of the difference to {REFERENCE} (line)", fontsize=9
    )
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=120))
    plt.close(figure)


def figure_name(test_set: str) -> str:
    """What is measured on a set of that name."""
    return "jitter" if test_set == "jitter" else "NME"


def _draw_panel(panel: Axes, figures: Rows, rows: Rows) -> None:
    for place, figure in enumerate(figures):
        seeds = scores_of(rows, (figure["data"], figure["set"]), figure["variant"]).mean(1)
        panel.plot(seeds, np.full(len(seeds), place), "k.", markersize=4)
        panel.plot(figure["mean"], place, "|", color=f"C{place}", markersize=12)
        if figure["vs_full"] is None:
            if figure["variant"] == REFERENCE:
                panel.axvline(figure["mean"], color="k", linewidth=0.8)
            continue
        # Round full's mean, so that a bar that does not reach the line is a difference.
        full = figure["mean"] - figure["vs_full"]["mean"]
        if figure["vs_full"]["ci95"] is None:
            continue
        low, high = figure["vs_full"]["ci95"]
        panel.hlines(place, full + low, full + high, color=f"C{place}", linewidth=5, alpha=0.4)
    panel.set_title(f"{spec_label(figures[0]['data'])}\n{figures[0]['set']}", fontsize=8)
    panel.set_xlabel(f"{figure_name(figures[0]['set'])}, %")


def _distinct(values: Iterable[Value]) -> list[Value]:
    """Each value once, in the order of its first appearance."""
    return list(dict.fromkeys(values))

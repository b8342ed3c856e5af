"""The table and the plot of the fine-tuning benchmark, with paired intervals over clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.common.stats import MIN_RUNS, paired_difference, score_table
from benchmarks.synthesis.measure import SETS
from srn_core.data import spec_label
from srn_core.io.files import write_atomically

REFERENCES = ("none", "rsf")
HOW = (
    "Differences in percent of the reference's mean, paired by clip and seed [95 % over both, from five seeds on]. All "
    "policies played against the tracker that all arms start from (in the second half of the arm rounds, against that of the "
    "first), with the noise square, whatever lies on their places in training; a DQN was trained on the first --clips. Each "
    "arm's weights are those that did best on --val under noise squares at random places, among those within 1 % of the "
    "clean error there; the worst case, too, is that of a noise square. A policy plays a still 16 times, each time from where "
    "the last move led; with one move at a time greedy and optimal do the same there."
)
Rows = Sequence[Mapping[str, Any]]


def comparable(rows: Rows) -> list[list[Mapping[str, Any]]]:
    """The rows in parts inside which all arms have the same seeds, the one with the most seeds first.

    A part has the seeds of one of the arms, and all arms that have them; it is there if it shows an arm that no part before
    it shows. So every arm stands beside others with as many seeds as it can; one that has no company comes last.
    """
    seeds: dict[str, set[int]] = {}
    for row in rows:
        seeds.setdefault(row["arm"], set()).add(row["seed"])
    choices = {tuple(sorted(found)) for found in seeds.values()}
    arms = {alike: {arm for arm, found in seeds.items() if found.issuperset(alike)} for alike in choices}
    shown: set[str] = set()
    parts = []
    for alike in sorted(choices, key=lambda alike: (len(arms[alike]) == 1, -len(alike), alike)):
        if not arms[alike] <= shown:
            shown |= arms[alike]
            parts.append([row for row in rows if row["arm"] in arms[alike] and row["seed"] in alike])
    return parts


def summarise(rows: Rows) -> list[dict[str, Any]]:
    """One row a test set, data spec and arm, in the order in which they appear; all arms must have the same seeds.

    ``mean`` is over clips and seeds, in percent of the inter-ocular distance. ``vs_none`` and ``vs_rsf`` are what
    :func:`paired_difference` says; None for the reference itself or where it was not run.
    """
    figures = []
    for name, data in sorted({(row["set"], row["data"]): None for row in rows}, key=lambda key: list(SETS).index(key[0])):
        chosen = [row for row in rows if (row["set"], row["data"]) == (name, data)]
        arms = list(dict.fromkeys(row["arm"] for row in chosen))
        values = {arm: score_table([row for row in chosen if row["arm"] == arm]) for arm in arms}
        for arm in arms:
            figure: dict[str, Any] = {"set": name, "data": data, "arm": arm}
            figure |= {"seeds": sorted({row["seed"] for row in chosen if row["arm"] == arm}), "n_clips": values[arm].shape[1]}
            figure["mean"] = float(values[arm].mean())
            for reference in REFERENCES:
                compared = reference in arms and reference != arm
                figure[f"vs_{reference}"] = paired_difference(values[arm], values[reference]) if compared else None
            figures.append(figure)
    return figures


def print_figures(figures: Rows, title: str) -> None:
    """The figures as a table on the screen."""
    caption = f"% of the inter-ocular distance, mean over clips and seeds; differences paired [95 %, from {MIN_RUNS} seeds on]"
    table = Table(title=title, caption=caption)
    for heading in ("test set", "arm", "value", *(f"against {reference}" for reference in REFERENCES), "seeds", "clips"):
        table.add_column(heading, justify="left" if heading in ("test set", "arm") else "right")
    for i, figure in enumerate(figures):
        differences = (difference_text(figure[f"vs_{reference}"]) for reference in REFERENCES)
        ends = i + 1 == len(figures) or _part(figures[i + 1]) != _part(figure)
        label = (
            f"{SETS[figure['set']]}\n{spec_label(figure['data'])}" if i == 0 or _part(figures[i - 1]) != _part(figure) else ""
        )
        values = f"{figure['mean']:.3f}", *differences, str(len(figure["seeds"])), str(figure["n_clips"])
        table.add_row(label, figure["arm"], *values, end_section=ends)
    Console(width=150).print(table)


def page(parts: Sequence[Rows], title: str, commands: Sequence[str]) -> str:
    """The figures of each part in Markdown: a line a test set, each arm's mean, and what it brings against the references."""
    lines = [f"# {title}", "", "```", *commands, "```", "", *wrap(HOW, 120)]
    for figures in parts:
        lines += ["", f"## Seeds {', '.join(map(str, figures[0]['seeds']))}", "", *_table(figures)]
    return "\n".join(lines) + "\n"


def _table(figures: Rows) -> list[str]:
    arms = list(dict.fromkeys(figure["arm"] for figure in figures))
    compared = [(arm, reference) for arm in arms if arm not in REFERENCES for reference in REFERENCES if reference in arms]
    headings = [
        "% of the inter-ocular distance",
        "clips",
        *arms,
        *(f"{arm} against {reference}" for arm, reference in compared),
    ]
    lines = [f"| {' | '.join(headings)} |", "|" + "---|" * len(headings)]
    for name, data in dict.fromkeys(map(_part, figures)):
        row = {figure["arm"]: figure for figure in figures if _part(figure) == (name, data)}
        cells = [f"{SETS[name]}, {spec_label(data)}", str(next(iter(row.values()))["n_clips"])]
        cells += [f"{row[arm]['mean']:.2f}" for arm in arms]
        cells += [_relative_text(row[arm][f"vs_{reference}"]) for arm, reference in compared]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _relative_text(difference: Mapping[str, Any]) -> str:
    scale = difference["relative"] / difference["mean"] if difference["mean"] else 0.0
    ends = ", ".join(f"{scale * end:+.1f}" for end in difference["ci95"] or ())
    return f"{difference['relative']:+.1f}" + (f" [{ends}]" if ends else "")


def _part(figure: Mapping[str, Any]) -> tuple[str, str]:
    return figure["set"], figure["data"]


def difference_text(difference: Mapping[str, Any] | None) -> str:
    """``+0.12 [+0.01, +0.23] (+1.5 %)``; empty for None."""
    if difference is None:
        return ""
    ends = ", ".join(f"{end:+.3f}" for end in difference["ci95"] or ())
    return f"{difference['mean']:+.3f}" + (f" [{ends}]" if ends else "") + f" ({difference['relative']:+.1f} %)"


def plot_figures(figures: Rows, rows: Rows, title: str, path: Path) -> None:
    """A panel a test set and data spec: each arm's mean, a dot a seed, as a bar the interval of its difference to ``none``."""
    parts = list(dict.fromkeys(map(_part, figures)))
    across = -(-len(parts) // 2)
    figure, panels = plt.subplots(2, across, figsize=(3 * across, 7), layout="constrained", squeeze=False)
    for panel in panels.flat[len(parts) :]:
        panel.set_visible(False)
    for panel, (name, data) in zip(panels.flat, parts, strict=False):
        chosen = [row for row in figures if _part(row) == (name, data)]
        for place, row in enumerate(chosen):
            difference = row["vs_none"]
            spans = [[0], [0]]
            if difference is not None and difference["ci95"] is not None:
                low, high = difference["ci95"]
                spans = [[difference["mean"] - low], [high - difference["mean"]]]
            panel.bar(place, row["mean"], yerr=spans, capsize=4, alpha=0.6)
            means = score_table([other for other in rows if _part(other) == (name, data) and other["arm"] == row["arm"]]).mean(
                1
            )
            panel.plot(np.full(len(means), place), means, "k.", markersize=4)
        panel.set_xticks(range(len(chosen)), [row["arm"] for row in chosen], rotation=45)
        panel.set_title(f"{SETS[name]}\n{spec_label(data)}", fontsize=9)
        panel.margins(y=0.1)
    for row in panels:
        row[0].set_ylabel("% of the inter-ocular distance")
    figure.suptitle(f"{title}\ndots: seeds; bars, from five seeds on: 95 % interval of the difference to none", fontsize=9)
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=120))
    plt.close(figure)

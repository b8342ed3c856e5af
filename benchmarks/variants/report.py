"""The table and the page of the ablation, with intervals over seeds and clips.

Letters: **S** seeds, **C** clips.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from benchmarks.common.results import ResultRow, ResultRows
from benchmarks.common.stats import MIN_RUNS, paired_difference, score_table
from benchmarks.common.tables import command_block, markdown_table
from srn_core.data import spec_label

REFERENCE = "full"
TestSet = tuple[str, str]
"""Data spec, and ``clean``, ``masked`` or ``jitter``."""
Item = TypeVar("Item")
READING = (
    "Values are in % of the inter-ocular distance: the normalised mean error (NME), or for `jitter` the mean change of the "
    "error from one video frame to the next. The first line shows the full network. Every other line shows the difference "
    f"to it, paired by seed and clip. Brackets hold 95 % intervals over seeds and clips, from {MIN_RUNS} seeds on. A "
    "difference is bold if its interval excludes 0. With so many intervals, some exclude 0 by chance."
)


def summarise_variants(rows: ResultRows, parameters: Mapping[str, int]) -> list[ResultRow]:
    """One figure per test set and variant, in the order in which they appear.

    ``mean`` is the NME, or the jitter, over clips and seeds, in percent of the inter-ocular distance. The value of a clip is
    the mean over its frames. ``vs_full`` is the :func:`paired_difference`, None for full itself and where full was not run.

    Args:
        rows: ``variant``, ``seed``, ``set``, ``data``, ``clip`` and ``value``; every variant has the same seeds and clips.
        parameters: number of weights of each variant.
    """
    figures = []
    variants = distinct(row["variant"] for row in rows)
    for data, name in distinct((row["data"], row["set"]) for row in rows):
        scores = {variant: scores_of(rows, (data, name), variant) for variant in variants}
        for variant, values in scores.items():
            compared = variant != REFERENCE and REFERENCE in scores
            figure = {"data": data, "set": name, "variant": variant, "parameters": parameters[variant]}
            figure |= {"n_seeds": values.shape[0], "n_clips": values.shape[1], "mean": float(values.mean())}
            figures.append(figure | {"vs_full": paired_difference(values, scores[REFERENCE]) if compared else None})
    return figures


def scores_of(rows: ResultRows, test_set: TestSet, variant: str) -> np.ndarray:
    """The values of a variant on a test set: ``(S, C)``."""
    return score_table([row for row in rows if set_of(row) == test_set and row["variant"] == variant])


def variants_page(record: Mapping[str, Any]) -> list[str]:
    """The figures in Markdown, one line per variant, and the commands that made them."""
    figures = record["figures"]
    test_sets = distinct(map(set_of, figures))
    clips = {set_of(figure): figure["n_clips"] for figure in figures}
    headings = ["variant", "parameters", *(f"{spec_label(s[0])}, {s[1]} ({clips[s]} clips)" for s in test_sets)]
    lines = []
    for variant in distinct(figure["variant"] for figure in figures):
        row = {set_of(figure): figure for figure in figures if figure["variant"] == variant}
        parameters = next(iter(row.values()))["parameters"]
        lines.append([f"`{variant}`", f"{parameters / 1e6:.2f} M", *(_cell(row[test_set]) for test_set in test_sets)])
    return [
        f"# Ablation: {record['title']}", "", READING, "", *markdown_table(headings, lines), "", "![Plot](variants.png)", "",
        "The command, and the training of each variant with the first seed:", "",
        *command_block([record["command"], *record["trainings"].values()]), "",
        "Every figure: `figures.json`. One row per variant, seed, test set and clip: `rows.csv.gz`.",
    ]  # fmt: skip


def _cell(figure: Mapping[str, Any]) -> str:
    difference = figure["vs_full"]
    if difference is None:
        return f"{figure['mean']:.2f}"
    ci95 = difference["ci95"]
    text, sure = f"{difference['mean']:+.2f}", ci95 is not None and ci95[0] * ci95[1] > 0
    ends = "" if ci95 is None else f" [{ci95[0]:+.2f}, {ci95[1]:+.2f}]"
    return (f"**{text}**" if sure else text) + ends


def set_of(row: Mapping[str, Any]) -> TestSet:
    """Which test set a row or figure belongs to."""
    return row["data"], row["set"]


def distinct(values: Iterable[Item]) -> list[Item]:
    """Each value once, in the order of its first appearance."""
    return list(dict.fromkeys(values))

"""The figures and the page of ``benchmarks/following.py``, from its rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.common.results import ResultRow, ResultRows
from benchmarks.common.tables import command_block, markdown_table

READING = (
    "Scenes composed of clips with one person each. *Wrong*: frames with landmarks on something else than a face (NME "
    "above 15 %). *Missed*: visible faces without landmarks; a face is visible where half of its landmarks are. *Until lost*: "
    "frames with wrong landmarks after a face has gone, the most in any scene. *Until found*: frames that a face is visible "
    "again before it is tracked, the most in any scene. *Renamed*: how often a person's number changed.",
    "Smoothing: the One Euro filter on the landmarks, means over clips. *Jitter*: mean change of the error per frame. "
    "Both are in % of the distance of the outer eye corners. *Lag*, in frames: the regression of the error on the true "
    "motion per frame. The filter's constants were chosen on these clips, and so were the limits of lost and found.",
)
SUMS, MOST = ("frames", "wrong", "missed", "renamed"), ("until_lost", "until_found")


def summarise_scenes(rows: ResultRows) -> list[ResultRow]:
    """One figure per scene over all people: sums, and the most frames until lost and found."""
    figures = []
    for name in dict.fromkeys(row["scene"] for row in rows):
        chosen = [row for row in rows if row["scene"] == name]
        sums = {key: sum(row[key] for row in chosen) for key in SUMS}
        figures.append({"scene": name, "scenes": len(chosen), **sums, **{key: max(r[key] for r in chosen) for key in MOST}})
    return figures


def summarise_smoothing(rows: ResultRows) -> list[ResultRow]:
    """One figure per kind, means over clips."""
    return [
        {
            "kind": kind,
            "clips": len(chosen),
            **{key: float(np.mean([r[key] for r in chosen])) for key in ("nme", "jitter", "lag")},
        }
        for kind in dict.fromkeys(row["kind"] for row in rows)
        for chosen in [[row for row in rows if row["kind"] == kind]]
    ]


def following_page(record: Mapping[str, Any]) -> list[str]:
    """The figures in Markdown."""
    return [
        "# Faces that are lost and found, and smoothing", "", READING[0], "", *scene_table(record["scenes"]), "",
        READING[1], "", *smoothing_table(record["smoothing"]), "", *command_block([record["command"]]), "",
        "Every figure: `figures.json`. One row per scene: `scenes.csv.gz`; per clip: `smoothing.csv.gz`.",
    ]  # fmt: skip


def scene_table(figures: ResultRows) -> list[str]:
    """A line per scene."""
    keys = ("scenes", "frames", "wrong", "missed", "until_lost", "until_found", "renamed")
    headings = ("scene", "scenes", "frames", "wrong", "missed", "until lost", "until found", "renamed")
    return markdown_table(headings, [(figure["scene"], *(str(figure[key]) for key in keys)) for figure in figures])


def smoothing_table(figures: ResultRows) -> list[str]:
    """A line per kind."""
    lines = [(f["kind"], str(f["clips"]), f"{f['nme']:.2f}", f"{f['jitter']:.2f}", f"{f['lag']:.2f}") for f in figures]
    return markdown_table(("landmarks", "clips", "NME", "jitter", "lag"), lines)

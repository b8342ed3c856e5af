"""The simple sections of a page: facts, tables and line plots, as the page's scripts read them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from srn_core.pages.page import Section

MOST_POINTS = 200


def facts(title: str, rows: Mapping[str, Any]) -> Section:
    """Names and values side by side; a value of several lines is shown as code."""
    return {"kind": "facts", "title": title, "rows": [[name, str(value)] for name, value in rows.items()]}


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> Section:
    """A table of texts. The first column holds names, the others numbers."""
    return {"kind": "table", "title": title, "note": note, "head": list(head), "rows": [list(row) for row in rows]}


def plots(title: str, panels: Sequence[Mapping[str, Any]], note: str = "") -> Section:
    """Line plots side by side; see :func:`panel`."""
    return {"kind": "plots", "title": title, "note": note, "panels": list(panels)}


def panel(title: str, x_label: str, y_label: str, lines: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    """One plot.

    Args:
        title: of the plot.
        x_label: the horizontal axis, with its unit.
        y_label: the vertical axis, with its unit.
        lines: name -> x and y, ``(N,)`` each, x rising; nan leaves a gap.
    """
    series = [{"name": name, "x": numbers(x), "y": numbers(y)} for name, (x, y) in lines.items()]
    return {"title": title, "x": x_label, "y": y_label, "lines": series}


def binned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means over points of one x, then over at most :data:`MOST_POINTS` runs of neighbours: noise hides a curve."""
    x, place = np.unique(x, return_inverse=True)
    y = np.bincount(place, y) / np.bincount(place)
    groups = np.array_split(np.arange(len(x)), min(MOST_POINTS, len(x)))
    return np.array([x[group].mean() for group in groups]), np.array([y[group].mean() for group in groups])


def numbers(values: np.ndarray, digits: int = 5) -> list[float | None]:
    """``(N,)`` numbers with some significant digits; None for nan and infinity."""
    return [float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in np.asarray(values, float)]

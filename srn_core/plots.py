"""One look for all plots: type, colours, a background of its own, and names beside the data instead of a legend.

The background is white, so that a plot can be read on a dark page and in print. The colours are those of Okabe and Ito
(https://jfly.uni-koeln.de/color/), which colour-blind people tell apart.
"""

import io
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from srn_core.io.files import write_atomically

BLUE, ORANGE, GREEN, PURPLE, AMBER, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, AMBER, SKY)
INK, QUIET, FAINT = "#222222", "#666666", "#CCCCCC"
STYLE: Any = {
    "font.size": 8, "axes.titlesize": 8, "axes.titlelocation": "left", "axes.labelsize": 8, "figure.titlesize": 9,
    "xtick.labelsize": 7, "ytick.labelsize": 7, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": QUIET,
    "xtick.color": QUIET, "ytick.color": QUIET, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True, "grid.color": "#E8E8E8",
    "grid.linewidth": 0.7, "lines.linewidth": 1.4, "figure.facecolor": "white", "axes.facecolor": "white",
    "svg.fonttype": "none", "svg.hashsalt": "plot",
}  # fmt: skip
# Inches. A page is as wide as a column of text, so that type keeps its size there.
WIDTH = 8.0
DPI = 144
# Flat colours and their shades between: a picture of so few is a third as large.
SHADES = 64
# Characters per inch of a title, and of small type.
TITLE_PITCH, SMALL_PITCH = 12.5, 17.0
# The height of a line of small type, in points.
LINE = 9.0


@dataclass(frozen=True)
class Line:
    """A curve: ``x`` and ``y`` ``(N,)``, and its band ``(2, N)`` from low to high, None if there is none."""

    x: np.ndarray
    y: np.ndarray
    band: np.ndarray | None = None


@dataclass(frozen=True)
class Estimate:
    """A figure, its interval (None if there is none), and the values that it is the mean of."""

    name: str
    value: float
    ci95: Sequence[float] | None = None
    dots: Sequence[float] | np.ndarray = ()


@contextmanager
def drawn(
    path: Path,
    count: int,
    columns: int,
    height: float,
    title: str,
    note: str = "",
    share_x: bool = False,
    share_y: bool = False,
) -> Iterator[list[Axes]]:  # fmt: skip
    """Panels to draw into; leaving the block writes the plot.

    Args:
        path: the file to write, atomically; .png, .pdf or .svg.
        count: of the panels.
        columns: most panels side by side.
        height: of a row of panels, inches.
        title: above all panels.
        note: below all panels: what dots and bands are.
        share_x: one horizontal axis for all panels; its numbers stand below the lowest panel of a column.
        share_y: one vertical axis for all panels; its numbers stand beside the first panel of a row.
    """
    columns = balanced(count, columns)
    rows = -(-count // columns)
    width = WIDTH * max(columns, 2.5) / max(columns, 3)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, 0.6 + rows * height), layout="constrained")
        FigureCanvasAgg(figure)
        grid = figure.subplots(rows, columns, squeeze=False, sharex=share_x, sharey=share_y)
        panels = list(grid.flat[:count])
        for place in range(count, rows * columns):
            grid.flat[place].remove()
            panels[place - columns].tick_params(labelbottom=True)
        figure.suptitle(wrapped(title, width * TITLE_PITCH), x=0.01, ha="left", weight="bold")
        yield panels
        if note:
            figure.supxlabel(wrapped(note, width * SMALL_PITCH), x=0.01, ha="left", fontsize=7, color=QUIET)
        write_figure(figure, path)


def write_figure(figure: Figure, path: Path, shades: int | None = SHADES) -> None:
    """Write a figure, atomically; PNG with at most so many colours, None for one that holds photos."""

    def write(temporary: Path) -> None:
        if temporary.suffix.lower() != ".png" or shades is None:
            # No date, so that an equal plot is an equal file.
            known = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}.get(temporary.suffix.lower(), {})
            figure.savefig(temporary, dpi=DPI, metadata=known)
            return
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=DPI)
        Image.open(buffer).convert("RGB").quantize(shades, kmeans=1, dither=Image.Dither.NONE).save(temporary, optimize=True)

    write_atomically(path, write)


def plot_lines(
    path: Path, lines: Mapping[str, Line], axes: tuple[str, str], title: str, note: str = "", columns: int = 4,
    steps: bool = False, x_limits: tuple[float, float] | None = None, y_limits: tuple[float, float] | None = None,
) -> None:  # fmt: skip
    """A panel for each curve, which also shows all others faintly, so that no colour has to be looked up.

    Args:
        path: the file to write.
        lines: the text above a panel -> its curve.
        axes: the horizontal and the vertical quantity, with their units.
        title: above all panels.
        note: what bands are.
        columns: most panels side by side.
        steps: the curves stay level up to the next point.
        x_limits: ends of the horizontal axis.
        y_limits: ends of the vertical axis.
    """
    drawstyle = "steps-post" if steps else "default"
    with drawn(path, len(lines), columns, 1.75, title, note, share_x=True, share_y=True) as panels:
        for panel, (name, line) in zip(panels, lines.items(), strict=True):
            for other in lines.values():
                panel.plot(other.x, other.y, color=FAINT, linewidth=0.7, drawstyle=drawstyle)
            if line.band is not None:
                low, high = line.band
                step: Any = "post" if steps else None
                panel.fill_between(line.x, low, high, color=BLUE, alpha=0.25, linewidth=0, step=step)
            panel.plot(line.x, line.y, color=BLUE, linewidth=1.8, drawstyle=drawstyle)
            panel.set_title(_panel_title(name, balanced(len(lines), columns)), fontsize=7)
        panels[0].set(xlim=x_limits, ylim=y_limits)
        _label_outside(panels, balanced(len(lines), columns), *axes)


def plot_estimates(
    path: Path, groups: Mapping[str, Sequence[Estimate]], axis: str, title: str, note: str, reference: float = 0.0,
    columns: int = 3, limits: tuple[float, float] | None = None,
) -> None:  # fmt: skip
    """A panel for each group, with a row for each estimate: its value, its interval, and its dots.

    Blue lies below the reference, orange above it. What the reference may be is grey: the interval reaches it or is not known.

    Args:
        path: the file to write.
        groups: the text above a panel -> its estimates. Groups of more than one have the same names in the same order.
        axis: the quantity, with its unit.
        title: above all panels.
        note: what dots and intervals are.
        reference: the vertical line.
        columns: most panels side by side.
        limits: ends of the axis.
    """
    across = balanced(len(groups), columns)
    names = [wrapped(estimate.name, 46 if across == 1 else 30) for estimate in next(iter(groups.values()))]
    heights = np.array([1 + 0.6 * name.count("\n") for name in names])
    places = np.cumsum(heights) - heights / 2
    with drawn(path, len(groups), columns, 0.75 + 0.19 * heights.sum(), title, note, share_y=True) as panels:
        for panel, (name, estimates) in zip(panels, groups.items(), strict=True):
            panel.axvline(reference, color=INK, linewidth=0.9, zorder=1)
            for place, estimate in zip(places, estimates, strict=True):
                _draw_estimate(panel, place, estimate, reference)
            panel.set_title(_panel_title(name, across + 0.7), fontsize=7)
            panel.set_xlim(limits)
            panel.grid(visible=False, axis="y")
            panel.locator_params(axis="x", nbins=5)
        panels[0].set_yticks(places, names)
        panels[0].set_ylim(heights.sum() + 0.1, -0.1)
        _label_outside(panels, across, wrapped(axis, 60 if across == 1 else 30), "")


def label_ends(panel: Axes, ends: Mapping[str, tuple[float, str]], height: float) -> None:
    """Write the name of each curve beside its end, on the right of the panel, moved apart where they would overlap.

    Args:
        panel: with its final vertical limits.
        ends: name -> the curve's last value, and its colour.
        height: of the panel, inches.
    """
    low, high = panel.get_ylim()
    places = moved_apart([(value - low) / (high - low) for value, _ in ends.values()], LINE / (72 * height))
    for (name, (_, colour)), place in zip(ends.items(), places, strict=True):
        panel.text(1.01, place, name, color=colour, fontsize=8, va="center", transform=panel.transAxes)


def moved_apart(places: Sequence[float], gap: float) -> list[float]:
    """The same places, in the same order, moved as little as leaves ``gap`` between neighbours.

    >>> moved_apart([0.5, 0.5, 0.1], 0.2)
    [0.4, 0.6, 0.1]
    """
    order = np.argsort(places, kind="stable")
    # Runs of labels that touch: each is spread around the mean place of its members.
    runs: list[list[float]] = []
    for i in order:
        runs.append([places[i]])
        while len(runs) > 1 and _ends(runs[-2], gap)[1] + gap > _ends(runs[-1], gap)[0]:
            last = runs.pop()
            runs[-1] += last
    spread = [start + gap * k for run in runs for start in (_ends(run, gap)[0],) for k in range(len(run))]
    moved = [0.0] * len(order)
    for i, place in zip(order, spread, strict=True):
        moved[int(i)] = round(float(place), 6)
    return moved


def balanced(count: int, most: int) -> int:
    """How many of ``count`` panels stand side by side, at most ``most``, so that the last row is as full as can be.

    >>> balanced(6, 4), balanced(2, 4)
    (3, 2)
    """
    return -(-count // -(-count // most))


def wrapped(text: str, characters: float) -> str:
    """A text in lines of at most so many characters; long names break after a comma."""
    return "\n".join(textwrap.fill(line.replace(",", ", ").replace(",  ", ", "), int(characters)) for line in text.split("\n"))


def _ends(run: Sequence[float], gap: float) -> tuple[float, float]:
    middle, half = float(np.mean(run)), gap * (len(run) - 1) / 2
    return middle - half, middle + half


def _panel_title(text: str, columns: float) -> str:
    return wrapped(text, SMALL_PITCH * WIDTH / max(columns, 2.5))


def _label_outside(panels: Sequence[Axes], columns: int, x_label: str, y_label: str) -> None:
    """Name the axes where their numbers are."""
    for place, panel in enumerate(panels):
        if place + columns >= len(panels):
            panel.set_xlabel(x_label)
        if place % columns == 0:
            panel.set_ylabel(y_label)


def _draw_estimate(panel: Axes, place: float, estimate: Estimate, reference: float) -> None:
    certain = estimate.ci95 is not None and (estimate.ci95[0] > reference or estimate.ci95[1] < reference)
    colour = QUIET if not certain else ORANGE if estimate.value > reference else BLUE
    if estimate.ci95 is not None:
        low, high = estimate.ci95
        panel.hlines(place, low, high, color=colour, linewidth=5, alpha=0.35)
    panel.plot(estimate.dots, np.full(len(estimate.dots), place), ".", color=INK, markersize=3, alpha=0.55, markeredgewidth=0)
    panel.plot(estimate.value, place, "|", color=colour, markersize=9, markeredgewidth=2)

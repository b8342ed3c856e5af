"""Plots of a comparison, as PNG files."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from agents.playing.rollout import Rollout
from agents.playing.summary import component_shares, landmark_shares
from benchmarks.comparison.curves import Curve, on_one_axis
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.face.schemes import Scheme
from srn_core.io.files import write_atomically

# The area of the dot, in square points, of a policy that never leaves its landmark; the most panels per row.
WHOLE_DOT, MOST_COLUMNS = 3000, 6
# Titles are wrapped to the width of their figure.
CHARACTERS_AN_INCH = 15


def plot_policies(rows: Sequence[Mapping[str, Any]], rollouts: Mapping[str, Rollout], title: str, path: Path) -> None:
    """Two panels: the gain over the random walk with its interval and the gain per clip; the mean error per frame."""
    figure, (bars, curves) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
    names = [row["policy"] for row in rows]
    reference = rollouts["random-walk"]
    places = np.arange(len(names))
    gains = np.array([row["gain"] for row in rows])
    spans = np.abs(np.array([row["gain_ci95"] or [row["gain"]] * 2 for row in rows]).T - gains)
    colours = [f"C{i}" for i in range(len(names))]
    bars.barh(places, gains, color=colours, alpha=0.6, xerr=spans, error_kw={"capsize": 3})
    for place, name in zip(places, names, strict=True):
        gain = 100 * (rollouts[name].mean_nme - reference.mean_nme)
        by_clip = [gain[reference.clip == clip].mean() for clip in np.unique(reference.clip)]
        bars.plot(by_clip, np.full(len(by_clip), place), "k.", markersize=4, alpha=0.6)
    bars.set_yticks(places, names)
    bars.invert_yaxis()
    bars.axvline(0, color="k", linewidth=0.8)
    bars.set_xlabel("NME over the random walk's, points of % (dots: clips; bars: 95 %)")
    for name, colour in zip(names, colours, strict=True):
        running = 100 * np.nanmean(rollouts[name].nme, 0)
        width = min(9, len(running))
        smooth = np.convolve(running, np.ones(width) / width, "valid")
        curves.plot(np.arange(len(smooth)) + width // 2, smooth, label=name, color=colour)
    curves.set_xlabel("frame (running mean of 9)")
    curves.set_ylabel("NME, %")
    curves.legend(fontsize=8)
    figure.suptitle(title)
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=120))
    plt.close(figure)


def plot_places(rollouts: Mapping[str, Rollout], scheme: Scheme, title: str, path: Path) -> None:
    """A mean face per policy. The area of a dot is the share of frames on which its landmark was covered."""
    points = np.array(MEAN_SHAPES[scheme.name])
    columns = min(len(rollouts), MOST_COLUMNS)
    rows = -(-len(rollouts) // columns)
    figure, panels = plt.subplots(rows, columns, figsize=(2.4 * columns, 2.8 * rows), squeeze=False, layout="constrained")
    for panel in panels.flat:
        panel.axis("off")
    for panel, (name, rollout) in zip(panels.flat, rollouts.items(), strict=False):
        shares = landmark_shares(rollout, len(points))
        panel.plot(*points.T, ".", color="0.6", markersize=2)
        panel.scatter(*points.T, s=WHOLE_DOT * shares, alpha=0.5, linewidths=0)
        most = sorted(component_shares(shares, scheme).items(), key=lambda item: -item[1])[:2]
        panel.set_title(
            f"{name}\n" + ", ".join(f"{part.replace('_', ' ')} {share:.0%}" for part, share in most if share), fontsize=8
        )
        panel.set(xlim=(-0.7, 0.7), ylim=(0.75, -0.7), aspect="equal")
    figure.suptitle(f"where the occluder was, {title}", fontsize=9)
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=120))
    plt.close(figure)


def plot_profiles(
    profiles: Mapping[str, tuple[np.ndarray, np.ndarray | None]], thresholds: np.ndarray, title: str, path: Path
) -> None:
    """Performance profiles: per policy the share of runs x clips above each score ``(K,)``, and its band ``(2, K)``."""
    figure, axes = plt.subplots(figsize=(7, 4.5))
    for i, (name, (profile, band)) in enumerate(profiles.items()):
        style = "-" if band is not None else "--"
        axes.step(thresholds, profile, style, where="post", color=f"C{i}", label=_wrapped(name))
        if band is not None:
            axes.fill_between(thresholds, band[0], band[1], step="post", color=f"C{i}", alpha=0.2, linewidth=0)
    axes.set_xlabel("share (0: random-walk, 1: the policy optimal)")
    axes.set_ylabel("runs x clips above it (bands: 95 % over runs)")
    _save(figure, title, path, legend=axes)


def plot_improvement(figures: Sequence[Mapping[str, Any]], title: str, path: Path) -> None:
    """The probability of improvement of each policy over the first learner, with its interval if it has one."""
    rows = [(row["policy"], row["improvement"]) for row in figures if row["improvement"] is not None]
    figure, axes = plt.subplots(figsize=(7, 1 + 0.4 * len(rows)))
    for place, (_, better) in enumerate(rows):
        axes.plot(better["value"], place, "o", color=f"C{place}")
        if better["ci95"] is not None:
            axes.hlines(place, *better["ci95"], color=f"C{place}", linewidth=4, alpha=0.4)
    axes.set_yticks(range(len(rows)), [_wrapped(name) for name, _ in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(-0.02, 1.02)
    axes.axvline(0.5, color="k", linewidth=0.8)
    axes.set_xlabel("probability of improvement (bars: 95 % over runs)")
    _save(figure, f"{title}\nover {_wrapped(rows[0][1]['over'])}", path)


def plot_curves(curves: Mapping[str, Sequence[Curve]], title: str, path: Path, clock: bool) -> None:
    """Mean, lowest and highest return over the runs of each learner: by env steps and, with ``clock``, by seconds."""
    axes = (False, True) if clock else (False,)
    figure, grid_of_panels = plt.subplots(1, len(axes), figsize=(6 * len(axes), 4.5), sharey=True, squeeze=False)
    panels = grid_of_panels[0]
    for panel, by_seconds in zip(panels, axes, strict=True):
        for i, (name, runs) in enumerate(curves.items()):
            grid, returns = on_one_axis(runs, by_seconds)
            panel.plot(grid, returns.mean(0), color=f"C{i}", label=_wrapped(f"{name} ({len(runs)})"))
            panel.fill_between(grid, returns.min(0), returns.max(0), color=f"C{i}", alpha=0.2, linewidth=0)
        panel.set_xlabel("seconds of training" if by_seconds else "env steps")
    panels[0].set_ylabel("return while exploring, mean of the last 100 episodes")
    _save(figure, f"{title} (bands: lowest to highest run)", path, legend=panels[0])


def _wrapped(name: str) -> str:
    return textwrap.fill(name.replace(",", ", "), 48)


def _save(figure: Figure, title: str, path: Path, legend: Axes | None = None) -> None:
    """Write a figure, with the legend below the axes. A learner's name may be wider than its panel, hence ``tight``."""
    if legend is not None:
        legend.legend(fontsize=8, loc="upper left", bbox_to_anchor=(0, -0.12), frameon=False)
    figure.axes[0].set_title(textwrap.fill(title, int(CHARACTERS_AN_INCH * figure.get_figwidth())), fontsize=9, loc="left")
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=120, bbox_inches="tight"))
    plt.close(figure)

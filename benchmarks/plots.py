"""Plots of the benchmarks, as PNG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from agents.rollout import Rollout
from srn_core.checkpoint import write_atomically


def plot_policies(rows: Sequence[Mapping[str, Any]], rollouts: Mapping[str, Rollout], title: str, path: Path) -> None:
    """Two panels: the gain over the random walk with its interval and each clip's, and the mean error frame by frame."""
    figure, (bars, curves) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
    names = [row["policy"] for row in rows]
    reference = rollouts["random-walk"]
    places = np.arange(len(names))
    gains = np.array([row["gain"] for row in rows])
    spans = np.abs(np.array([row["gain_ci95"] for row in rows]).T - gains)
    colours = [f"C{i}" for i in range(len(names))]
    bars.barh(places, gains, color=colours, alpha=0.6, xerr=spans, error_kw={"capsize": 3})
    for place, name in zip(places, names, strict=True):
        gain = 100 * (rollouts[name].mean_nme - reference.mean_nme)
        by_clip = [gain[reference.clip == clip].mean() for clip in np.unique(reference.clip)]
        bars.plot(by_clip, np.full(len(by_clip), place), "k.", markersize=4, alpha=0.6)
    bars.set_yticks(places, names)
    bars.invert_yaxis()
    bars.axvline(0, color="k", linewidth=0.8)
    bars.set_xlabel("NME over the random walk's, % of inter-ocular distance (dots: clips; bars: 95 %)")
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

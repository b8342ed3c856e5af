"""Plots of a comparison, from its figures and rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents.playing.evaluation import sibling_splits
from agents.playing.summary import REFERENCE, component_shares, covered_shares
from benchmarks.common.results import ResultRows
from benchmarks.comparison.curves import Curve, curves_in, on_one_axis
from benchmarks.comparison.measure import HELD_OUT
from benchmarks.comparison.report import THRESHOLDS, Results, profiles
from srn_core.data.several import specs_label
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.face.schemes import SCHEMES, Scheme
from srn_core.plots import BLUE, FAINT, Estimate, Line, drawn, plot_estimates, plot_lines

# The area of the dot, in square points, of a policy that never leaves its landmark; the most panels per row.
WHOLE_DOT, COLUMNS = 1600, 6
POLICIES, PLACES = "policies.png", "places.png"
PROFILES, IMPROVEMENT = "profiles.png", "improvement.png"
CURVES, CURVES_BY_SECONDS = "curves.png", "curves-seconds.png"


def plot_played(folder: Path, record: Mapping[str, Any], episodes: ResultRows) -> None:
    """The plots of a comparison of policies, from its figures and the rows of its episodes."""
    count = f"{record['policies'][0]['episodes']} episodes"
    title = f"{played_text(record['settings'])}, {count}"
    plot_policies(record["policies"], episodes, title, folder / POLICIES)
    # Records of earlier versions do not say the scheme; all have 68 points.
    plot_places(episodes, SCHEMES[record.get("scheme", "68")], title, folder / PLACES)


def plot_learned(folder: Path, record: Mapping[str, Any], rows: ResultRows, curves: ResultRows = ()) -> None:
    """The plots of a comparison of learners, from its figures and rows; without rows of curves, none of the curves."""
    settings = record["settings"]
    trained = specs_label(settings["train_clips"] or sibling_splits(settings["clips"], "train"))
    title = f"{played_text(settings)}, trained {settings['total_steps']} steps on {trained}"
    plot_profiles(profiles(Results(rows, HELD_OUT)), title, folder / PROFILES)
    plot_improvement(record["learners"], title, folder / IMPROVEMENT)
    if curves:
        plot_curves(curves_in(curves), title, folder / CURVES)
        if settings["start"] == "cold":
            plot_curves(curves_in(curves), title, folder / CURVES_BY_SECONDS, by_seconds=True)


def played_text(settings: Mapping[str, Any]) -> str:
    """The clips, the tracker and the mode of a comparison."""
    return f"{specs_label(settings['clips'])}, tracker {settings['tracker']}, mode {settings['mode']}"


def plot_policies(figures: ResultRows, episodes: ResultRows, title: str, path: Path) -> None:
    """The gain of each policy over the random walk with its interval, and as dots the gain on each clip."""
    errors = {row["policy"]: _by_clip(episodes, row["policy"]) for row in figures}
    estimates = [
        Estimate(row["policy"], row["gain"], row["gain_ci95"], errors[row["policy"]] - errors[REFERENCE])
        for row in figures
        if row["policy"] != REFERENCE
    ]
    walk = next(row["nme_mean"] for row in figures if row["policy"] == REFERENCE)
    axis = f"NME minus that of {REFERENCE} ({walk:.2f} %), % points"
    note = "Dots: clips. Bars: 95 % interval over clips. Orange hurts the tracker more than random walks, blue less."
    plot_estimates(path, {"": estimates}, axis, title, note)


def _by_clip(episodes: ResultRows, policy: str) -> np.ndarray:
    """``(C,)`` mean error of each clip, in the order of their names."""
    clips = sorted({row["clip"] for row in episodes}, key=str)
    errors = [[row["nme_percent"] for row in episodes if (row["policy"], row["clip"]) == (policy, clip)] for clip in clips]
    return np.array([np.mean(found) for found in errors])


def plot_places(episodes: ResultRows, scheme: Scheme, title: str, path: Path) -> None:
    """A mean face per policy. The area of a dot is the share of frames on which its landmark was covered."""
    points = np.array(MEAN_SHAPES[scheme.name])
    policies = [name for name in dict.fromkeys(row["policy"] for row in episodes) if name != "none"]
    note = "A dot's area is the share of frames on which its landmark was covered. Above: the two components covered most."
    with drawn(path, len(policies), COLUMNS, 1.95, f"Where the occluder was: {title}", note) as panels:
        for panel, name in zip(panels, policies, strict=True):
            covered = np.concatenate([row["landmarks"] for row in episodes if row["policy"] == name])
            shares = covered_shares(covered, len(points))
            for contour in scheme.contours:
                panel.plot(*points[list(contour)].T, color=FAINT, linewidth=0.9)
            panel.scatter(points[:, 0], points[:, 1], s=WHOLE_DOT * shares, color=BLUE, alpha=0.55, linewidths=0)
            most = sorted(component_shares(shares, scheme).items(), key=lambda item: -item[1])[:2]
            said = [f"{part.replace('_', ' ')} {share:.0%}" for part, share in most if share]
            panel.set_title("\n".join([Path(name).name, *said]), fontsize=7)
            panel.set(xlim=(-0.7, 0.7), ylim=(0.75, -0.7), aspect="equal")
            panel.axis("off")


def plot_profiles(found: Mapping[str, tuple[np.ndarray, np.ndarray | None]], title: str, path: Path) -> None:
    """What :func:`benchmarks.comparison.report.profiles` returns: the share of runs x clips above each score, and its band."""
    lines = {
        name: Line(THRESHOLDS, 100 * profile, None if band is None else 100 * band) for name, (profile, band) in found.items()
    }
    axes = "share of the optimum", "runs x clips above, %"
    note = "Share of the optimum: 0 is the random walk, 1 is the policy optimal. Bands: 95 % interval over runs."
    plot_lines(path, lines, axes, title, note, steps=True, y_limits=(0, 100))


def plot_improvement(figures: ResultRows, title: str, path: Path) -> None:
    """The probability of improvement of each policy over the first learner, with its interval if it has one."""
    rows = [(row["policy"], row["improvement"]) for row in figures if row["improvement"] is not None]
    estimates = [Estimate(name, better["value"], better["ci95"]) for name, better in rows]
    axis = f"probability of a higher share on a clip than {rows[0][1]['over']}"
    note = "Bars: 95 % interval over runs. At 0.5 neither is better."
    plot_estimates(path, {"": estimates}, axis, title, note, reference=0.5, limits=(-0.02, 1.02))


def plot_curves(curves: Mapping[str, Sequence[Curve]], title: str, path: Path, by_seconds: bool = False) -> None:
    """Mean, lowest and highest return over the runs of each learner, by env steps or by seconds of training."""
    lines = {}
    for name, runs in curves.items():
        grid, returns = on_one_axis(runs, by_seconds)
        band = np.stack([returns.min(0), returns.max(0)])
        lines[f"{name} ({len(runs)})"] = Line(grid / (1 if by_seconds else 1000), returns.mean(0), band)
    axes = "seconds of training" if by_seconds else "thousand env steps", "return"
    note = "Mean return of the last 100 episodes while exploring. In brackets: runs. Bands: lowest to highest run."
    plot_lines(path, lines, axes, title, note)

"""The outputs of an evaluation: a table on the terminal, a plot, a row per face. All figures are in percent."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from srn_core.face.metrics import auc, failure_rate
from srn_core.plots import Line, plot_lines

PLOT_ENDINGS = (".png", ".pdf", ".svg")
PLOT_LIMIT = 0.10
_LABELS = {
    "n_faces": "faces",
    "n_clips": "clips",
    "n_points": "points per face",
    "mode": "mode",
    "boxes": "boxes",
    "start": "start (mean: the model's own)",
    "steps": "cascade steps",
    "mirror": "mirror averaging",
    "box_source": "box source",
    "normaliser": "normaliser",
    "points": "points counted",
    "nme_mean": "NME mean, %",
    "nme_ci95": "  95 % interval over clips",
    "nme_median": "NME median, %",
    "nme_p90": "NME 90th percentile, %",
    "nme_p95": "NME 95th percentile, %",
    "nme_p99": "NME 99th percentile, %",
    "fr_08": "failures above 8 %, %",
    "fr_10": "failures above 10 %, %",
    "auc_08": "AUC up to 8 %, %",
    "auc_10": "AUC up to 10 %, %",
    "jitter": "jitter, %",
    "time_to_failure": "frames until above 10 %",
    "hidden_share": "hidden points, %",
    "visibility_ap": "hidden points: average precision, %",
    "visibility_recall_at_80": "hidden points: recall at 80 % precision, %",
    "error_rank_correlation": "rank correlation of expected and true error, faces",
    "error_rank_correlation_points": "  points",
}


def print_report(console: Console, title: str, records: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> None:
    """Print a column per record of :meth:`srn_core.evaluation.evaluate.Evaluation.summary`, then the readers' notes."""
    table = Table("", title=title, title_justify="left")
    for record in records:
        table.add_column(record["data"], justify="right", overflow="fold")
    for key, label in _LABELS.items():
        if any(record[key] is not None for record in records):
            table.add_row(label, *(_text(record[key]) for record in records))
    for group in records[0]["nme_groups"]:
        table.add_row(f"NME {group.replace('_', ' ')}, %", *(_text(record["nme_groups"][group]) for record in records))
    console.print(table)
    for note in notes:
        console.print(f"note: {note}")


def plot_ced(path: Path, errors: Mapping[str, np.ndarray], normaliser: str) -> None:
    """Write the cumulative error distribution up to 10 %, a panel per entry.

    Args:
        path: ends in one of ``PLOT_ENDINGS``.
        errors: label -> ``(N,)`` NME as fractions.
        normaliser: what they are fractions of, for the title.
    """
    lines = {}
    for label, values in errors.items():
        x, y = ced(values, PLOT_LIMIT)
        missed, area = 100 * failure_rate(values, PLOT_LIMIT), 100 * auc(values, PLOT_LIMIT)
        lines[f"{label}\n{len(values)} faces, AUC {area:.1f} %, failures {missed:.1f} %"] = Line(100 * x, 100 * y)
    limit = 100 * PLOT_LIMIT
    note = f"AUC: area under the curve up to {limit:.0f} %. Failures: faces above {limit:.0f} %."
    note += " Grey: the other curves." if len(errors) > 1 else ""
    axes = f"NME, % of the {normaliser} normaliser" if len(errors) == 1 else "NME, %", "faces, %"
    title = f"Share of faces with at most this NME, % of the {normaliser} normaliser"
    plot_lines(path, lines, axes, title, note, columns=3, steps=True, x_limits=(0, limit), y_limits=(0, 100))


def ced(errors: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """The cumulative error distribution as steps: errors from 0 to ``limit``, and the share of faces up to each.

    >>> x, y = ced(np.array([0.02, 0.2]), 0.1)
    >>> x.tolist(), y.tolist()
    ([0.0, 0.02, 0.1], [0.0, 0.5, 0.5])
    """
    inside = np.sort(errors[errors <= limit])
    x = np.concatenate([[0.0], inside, [limit]])
    return x, np.concatenate([[0], np.arange(1, len(inside) + 1), [len(inside)]]) / len(errors)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " - ".join(map(_text, value))
    return f"{value:.2f}" if isinstance(value, float) else str(value)

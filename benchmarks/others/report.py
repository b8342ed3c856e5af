"""The figures and the page of ``benchmarks/peers.py``, from its rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy import SETS
from benchmarks.common.results import ResultRow, ResultRows
from benchmarks.common.tables import command_block, markdown_table
from benchmarks.others.measure import CORRECTED, PLAIN
from srn_core.data import spec_label
from srn_core.evaluation.evaluate import BOOTSTRAP_SEED, FAILURE
from srn_core.evaluation.report import plot_ced
from srn_core.face.metrics import auc, bootstrap_interval, failure_rate

READING = (
    "All models see the same pictures and get the same face boxes. NME: normalised mean error of the 68 landmarks over the "
    "faces that the model finds, in % of the distance of the outer eye corners, after the correction below; brackets hold 95 % "
    "intervals over people. Failures and AUC count a face that is not found as a failure: failures are faces with an NME above "
    "10 %, AUC is the area under the error curve up to 10 %.",
    "**Correction.** Models and data sets do not mean exactly the same places by the same landmarks. So each landmark of each "
    "model is moved by one fixed offset, in units of the distance of the eye corners that the model found. It is fitted on "
    "training faces with the set's kind of labels, never on the faces that are measured. From models with other points, the "
    "nearest point was chosen on the same training faces. `plain` is the NME without offsets.",
)


def summarise_others(rows: ResultRows, models: Sequence[str]) -> list[ResultRow]:
    """One figure per set and model. Figures without an interval have a single person.

    Args:
        rows: of :func:`benchmarks.others.measure.measure_models`.
        models: their names. The first is ours: ``first_on_the_same`` is its NME on the faces that the other one finds.
    """
    figures = []
    for data in dict.fromkeys(row["data"] for row in rows):
        chosen = [row for row in rows if row["data"] == data]
        people = np.array([row["person"] for row in chosen])
        first = _column(chosen, models[0], CORRECTED)
        for model in models:
            corrected = _column(chosen, model, CORRECTED)
            found = np.isfinite(corrected)
            interval = None
            if found.any():
                interval = bootstrap_interval(corrected[found], people[found], np.random.default_rng(BOOTSTRAP_SEED))
            figures.append(
                {
                    "data": data,
                    "model": model,
                    "faces": len(chosen),
                    "people": len(set(people)),
                    "found": int(found.sum()),
                    "nme": _mean(corrected[found]),
                    "nme_ci95": interval and list(interval),
                    "nme_plain": _mean(_column(chosen, model, PLAIN)[found]),
                    "first_on_the_same": _mean(first[found]),
                    "fr_10": 100 * failure_rate(corrected / 100, FAILURE),
                    "auc_10": 100 * auc(corrected / 100, FAILURE),
                }
            )
    return figures


def _column(rows: ResultRows, model: str, way: str) -> np.ndarray:
    """``(N,)`` percent; infinite where the face was not found."""
    return np.array([row.get(f"{model} {way}", np.inf) for row in rows])


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def others_page(record: Mapping[str, Any]) -> list[str]:
    """The figures in Markdown: one table per measure, a line per set, a column per model."""
    figures, models = record["figures"], record["models"]
    own = models[0]
    sets = list(dict.fromkeys(figure["data"] for figure in figures))
    of = {(figure["data"], figure["model"]): figure for figure in figures}

    missing = [model for model in models if any(of[data, model]["found"] < of[data, model]["faces"] for data in sets)]

    def table(cell: Any, shown: Sequence[str] = models) -> list[str]:
        lines = [(spec_title(data), str(of[data, own]["faces"]), *(cell(of[data, model]) for model in shown)) for data in sets]
        return markdown_table(("set", "faces", *shown), lines)

    settings = record["settings"]
    faces = f"Of videos, every frame whose number {settings['video_step']} divides was taken. "
    faces += f"Offsets were fitted on {settings['fit_faces']} faces of each kind of labels."
    if settings["limit"]:
        faces += f" Of sets with more than {settings['limit']} faces, so many were taken, spread evenly."
    return [
        "# Beside other models", "", READING[0], "", READING[1], "", faces, "",
        "## NME", "", *table(nme_text), "",
        f"## Faces found, and NME of {own} on the same faces", "",
        *table(_found_text, missing),
        "", "## Failures, %", "", *table(lambda f: f"{f['fr_10']:.1f}"), "",
        "## AUC, %", "", *table(lambda f: f"{f['auc_10']:.1f}"), "",
        "## NME without the correction", "", *table(lambda f: _number(f["nme_plain"])), "",
        *(f"![Cumulative error curves, {name}]({name}.png)" for name in record["curves"]), "",
        *command_block([record["command"]]), "",
        "Every figure: `figures.json`. One row per face: `rows.csv.gz`.",
    ]  # fmt: skip


def spec_title(spec: str) -> str:
    """The name of a set in tables; a masked set that :data:`benchmarks.accuracy.SETS` lacks is named after its bare one."""
    titles = {face_set.spec: face_set.title for face_set in SETS}
    if spec in titles:
        return titles[spec]
    bare = spec.replace("?masked=1", "").replace("&masked=1", "")
    return f"{titles[bare]}, masked" if bare in titles else spec_label(spec)


def nme_text(figure: Mapping[str, Any]) -> str:
    """The NME, its interval, and the share of faces found where it is not all."""
    if figure["nme"] is None:
        return "none found"
    ends = figure["nme_ci95"]
    return f"{figure['nme']:.2f}" + (f" [{ends[0]:.2f}, {ends[1]:.2f}]" if ends else "") + (_share(figure))


def _share(figure: Mapping[str, Any]) -> str:
    missing = figure["found"] < figure["faces"]
    return f" (finds {100 * figure['found'] / figure['faces']:.1f} %)" if missing else ""


def _found_text(figure: Mapping[str, Any]) -> str:
    if figure["nme"] is None:
        return "0"
    return f"{figure['found']}: {figure['nme']:.2f}, ours {figure['first_on_the_same']:.2f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def plot_others(folder: Path, rows: ResultRows, models: Sequence[str]) -> list[str]:
    """Draw the error curves of 300-W, bare and masked, as ``NAME.png``; returns the names."""
    split = "common" if any("split=common" in row["data"] for row in rows) else "val"
    names = []
    for name, masked in ((f"300w-{split}", False), (f"300w-{split}-masked", True)):
        spec = f"300w:DATA/300w?split={split}" + ("&masked=1" if masked else "")
        chosen = [row for row in rows if row["data"] == spec]
        if chosen:
            plot_ced(folder / f"{name}.png", {m: _column(chosen, m, CORRECTED) / 100 for m in models}, "inter-ocular")
            names.append(name)
    return names

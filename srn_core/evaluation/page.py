"""The page of ``srn evaluate --report``: figures, error curves, errors of components, and the faces, worst first."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from srn_core.evaluation.evaluate import Evaluation
from srn_core.evaluation.report import PLOT_LIMIT
from srn_core.pages.faces import ShownFace, choice_text, chosen_faces, faces_section
from srn_core.pages.page import Section, write_page
from srn_core.pages.sections import facts, panel, plots, table
from srn_core.versions import versions

CURVE_POINTS = 101


def write_evaluation_page(path: Path, title: str, evaluations: Sequence[Evaluation], command: str) -> None:
    """Write the page; ``command`` is shown as what was run.

    Raises:
        UserError: a frame cannot be read, or the page would be too large.
    """
    records = [evaluation.summary() for evaluation in evaluations]
    faces = [_faces(evaluation) for evaluation in evaluations]
    shown = {"command": command, **versions()}
    write_page(path, title, [*_figures(records), _curves(evaluations), *faces, facts("What was run", shown)])


def _figures(records: Sequence[dict[str, Any]]) -> list[Section]:
    names = [record["data"] for record in records]
    labels = {"nme_mean": "NME", "nme_median": "median", "nme_p95": "95th percentile", "fr_10": "failures above 10 %"}
    counts = [["faces", *(str(record["n_faces"]) for record in records)]]
    rows = [[label, *(f"{record[key]:.2f} %" for record in records)] for key, label in labels.items()]
    rows.insert(1, ["its 95 % interval over clips", *(_interval(record["nme_ci95"]) for record in records)])
    parts = [
        [part.replace("_", " "), *(_percent(record["nme_groups"][part]) for record in records)]
        for part in records[0]["nme_groups"]
    ]
    return [table("Errors", ("", *names), counts + rows), table("Errors of components", ("NME", *names), parts)]


def _curves(evaluations: Sequence[Evaluation]) -> Section:
    limits = np.linspace(0, 100 * PLOT_LIMIT, CURVE_POINTS)
    shares = [100 * (100 * e.nme[:, None] <= limits).mean(0) for e in evaluations]
    lines = {e.clip_set.spec: (limits, share) for e, share in zip(evaluations, shares, strict=True)}
    drawn = panel("", f"NME, % of the {evaluations[0].normaliser} normaliser", "faces, %", lines)
    return plots("Share of faces with at most this error", [drawn])


def _faces(evaluation: Evaluation) -> Section:
    clips = evaluation.clip_set.clips
    places = [(clip, t) for clip in clips for t in range(len(clip))]
    order = chosen_faces(evaluation.nme)
    shown = [
        ShownFace(
            f"{clip.name}, frame {t}", clip.frame, t, evaluation.predictions[i], clip.landmarks[t], 100 * evaluation.errors[i]
        )
        for i, (clip, t) in ((i, places[i]) for i in order)
    ]
    note = f"{choice_text(len(places), 'worst')} White lines: the truth. Dots: the tracker's answer."
    measure = f"NME, % of the {evaluation.normaliser} normaliser"
    return faces_section(f"Faces: {evaluation.clip_set.spec}", note, shown, clips[0].scheme, measure)


def _interval(ends: Sequence[float] | None) -> str:
    return "–" if ends is None else f"{ends[0]:.2f} to {ends[1]:.2f} %"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} %"

"""The paper's Tables 7 to 9 from what ``benchmarks/ablation.py`` and ``benchmarks/hofs.py`` have written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.ablation import AblationArgs
from benchmarks.hofs import HofsArgs
from benchmarks.paper.numbers import CATEGORIES, FACES, SPLITS, TABLES, Section
from benchmarks.paper.report import Cell, Found, OurRow
from benchmarks.synthesis import report as hofs_report
from benchmarks.synthesis.report import difference_text
from benchmarks.variants import report as ablation_report
from srn_core.errors import UserError
from srn_core.io.files import read_json

RESULTS = Path(__file__).parents[1] / "results"
# Data spec without its path -> the paper's column.
COLUMNS: Mapping[tuple[str, str], str] = {
    **{("300w", f"split={column.lower()}"): column for column in SPLITS},
    **{("300vw", f"split={number}"): column for number, column in enumerate(CATEGORIES, 1)},
}
ABLATION_COMMAND = (
    "python benchmarks/ablation.py --data '300w:DATA/300w?split=train' --test '300w:DATA/300w?split=challenging' "
    "--test '300w:DATA/300w?split=common'"
)
HOFS_COMMAND = "python benchmarks/hofs.py --clips '300vw:DATA/300vw?split=train' " + " ".join(
    f"--test '300vw:DATA/300vw?split={number}'" for number in (1, 2, 3)
)
Rows = Sequence[Mapping[str, Any]]


def ablation_rows(number: int, file: Path | None) -> Found:
    """Table 7 or 8: mean NME over seeds and clips, and the difference to the full network, paired."""
    found = Found()
    written = _read(file, AblationArgs.out / "ablation.json", ABLATION_COMMAND, found)
    if written is None:
        return found
    (section,) = TABLES[number].sections
    rows = _with_full(_by_column(row for row in written["rows"] if row["set"] == "masked"))
    parameters = {figure["variant"]: figure["parameters"] for figure in written["figures"]}
    cells: dict[str, dict[str, Cell]] = {}
    for figure in ablation_report.summarise(rows, parameters):
        cell = _cell(figure, {"full": figure["vs_full"]}, figure["data"], found)
        cells.setdefault(figure["variant"], {})[figure["data"]] = cell
    note = f"{len(written['settings']['seeds'])} seeds, {_note(written, 'preset', 'steps', 'mode')}"
    notes = {variant: f"{parameters[variant] / 1e6:.2f} M parameters, {note}" for variant in cells}
    _take(section, cells, notes, found)
    return found


def hofs_rows(file: Path | None) -> Found:
    """Table 9: mean NME over seeds and clips of each arm, and the paired differences to ``none`` and ``rsf``."""
    found = Found()
    written = _read(file, HofsArgs.out / "square" / "hofs.json", HOFS_COMMAND, found)
    if written is None:
        return found
    rows = _by_column(written["rows"])
    for section, name in zip(TABLES[9].sections, ("clean", "masked"), strict=True):
        cells: dict[str, dict[str, Cell]] = {}
        notes: dict[str, str] = {}
        chosen = [row for row in rows if row["set"] == name]
        for column in dict.fromkeys(row["data"] for row in chosen):
            parts = hofs_report.comparable([row for row in chosen if row["data"] == column])
            for figure in [figure for part in parts for figure in hofs_report.summarise(part)]:
                if column in cells.get(figure["arm"], {}):
                    continue
                differences = {reference: figure[f"vs_{reference}"] for reference in hofs_report.REFERENCES}
                cells.setdefault(figure["arm"], {})[column] = _cell(figure, differences, column, found)
                notes[figure["arm"]] = f"{len(figure['seeds'])} seeds, {_note(written, 'occluder', 'steps', 'mode')}"
        _take(section, cells, notes, found)
    return found


def _read(file: Path | None, default: Path, made_by: str, found: Found) -> dict[str, Any] | None:
    """The given file, or the first that is there of a run's default and what is committed; None says how to make it."""
    there = [file] if file else [path for path in (default, *sorted(RESULTS.rglob(default.name))) if path.is_file()]
    if not there:
        found.lack(f"{default}: absent; {made_by} makes it")
        return None
    written = read_json(there[0])
    if not isinstance(written, dict) or not {"rows", "figures", "settings"} <= set(written):
        raise UserError(f"{there[0]}: no rows, figures and settings in it; expected the {default.name} that {made_by} writes")
    found.files.append(os.path.relpath(there[0]))
    return written


def _by_column(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The paper's column in place of the data spec where it is one of its sets, else the spec as it is."""
    labelled = []
    for row in rows:
        head, _, query = row["data"].partition("?")
        labelled.append({**row, "data": COLUMNS.get((head.partition(":")[0], query), row["data"])})
    return labelled


def _with_full(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Both parts of 300-W's test set together are the full one, where that was not measured itself."""
    challenging, common, full = SPLITS
    measured = {row["data"] for row in rows}
    if full in measured or not {challenging, common} <= measured:
        return rows
    return rows + [{**row, "data": full} for row in rows if row["data"] in (challenging, common)]


def _cell(figure: Mapping[str, Any], differences: Mapping[str, Any], column: str, found: Found) -> Cell:
    clips = figure["n_clips"]
    # A face of 300-W is a clip.
    if clips < FACES.get(column, 0):
        found.lack(f"{column}: {clips} of the paper's {FACES[column]} faces")
    texts = [f"{difference_text(value)} against {name}" for name, value in differences.items() if value is not None]
    return Cell("; ".join([f"{figure['mean']:.2f}, {clips} clips", *texts]), figure)


def _note(written: Mapping[str, Any], *names: str) -> str:
    return ", ".join(f"{name} {written['settings'][name]}" for name in names)


def _take(section: Section, cells: Mapping[str, Mapping[str, Cell]], notes: Mapping[str, str], found: Found) -> None:
    """Rows of what stands for one of the paper's or is named beside them, in the data file's order."""
    wanted = [*(row.ours for row in section.rows), *section.more]
    found.rows += [OurRow(section.name, name, cells[name], notes[name]) for name in wanted if name in cells]

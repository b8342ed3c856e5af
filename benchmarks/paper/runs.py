"""The paper's Tables 7 to 9 from the results of ``benchmarks/ablation.py`` and ``benchmarks/hofs.py``."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.common.results import FIGURES, ResultRow, read_figures, read_rows
from benchmarks.common.tables import difference_text
from benchmarks.paper.numbers import CATEGORIES, FACES, SPLITS, TABLES, Section
from benchmarks.paper.report import Cell, Found, OurRow
from benchmarks.synthesis.args import HofsArgs
from benchmarks.synthesis.report import REFERENCES, comparable, summarise_arms
from benchmarks.variants.args import AblationArgs
from benchmarks.variants.report import summarise_variants
from srn_core.errors import UserError

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


def ablation_rows(number: int, folder: Path | None) -> Found:
    """Table 7 or 8: mean NME over seeds and clips, and the paired difference to the full network."""
    found = Found()
    read = _read(folder, (AblationArgs.out, RESULTS / "ablation" / "parts"), ABLATION_COMMAND, found)
    if read is None:
        return found
    record, rows = read
    (section,) = TABLES[number].sections
    rows = _with_full(_by_column(row for row in rows if row["set"] == "masked"))
    parameters = {figure["variant"]: figure["parameters"] for figure in record["figures"]}
    cells: dict[str, dict[str, Cell]] = {}
    for figure in summarise_variants(rows, parameters):
        cell = _cell(figure, {"full": figure["vs_full"]}, figure["data"], found)
        cells.setdefault(figure["variant"], {})[figure["data"]] = cell
    note = f"{len(record['settings']['seeds'])} seeds, {_note(record, 'preset', 'steps', 'mode')}"
    notes = {variant: f"{parameters[variant] / 1e6:.2f} M parameters, {note}" for variant in cells}
    _take(section, cells, notes, found)
    return found


def hofs_rows(folder: Path | None) -> Found:
    """Table 9: mean NME over seeds and clips of each arm, and the paired differences to ``none`` and ``rsf``."""
    found = Found()
    read = _read(folder, (HofsArgs.out / "square", RESULTS / "hofs" / "square"), HOFS_COMMAND, found)
    if read is None:
        return found
    record, rows = read[0], _by_column(read[1])
    for section, name in zip(TABLES[9].sections, ("clean", "masked"), strict=True):
        cells: dict[str, dict[str, Cell]] = {}
        notes: dict[str, str] = {}
        chosen = [row for row in rows if row["set"] == name]
        for column in dict.fromkeys(row["data"] for row in chosen):
            parts = comparable([row for row in chosen if row["data"] == column])
            for figure in [figure for part in parts for figure in summarise_arms(part)]:
                if column in cells.get(figure["arm"], {}):
                    continue
                differences = {reference: figure[f"vs_{reference}"] for reference in REFERENCES}
                cells.setdefault(figure["arm"], {})[column] = _cell(figure, differences, column, found)
                notes[figure["arm"]] = f"{len(figure['seeds'])} seeds, {_note(record, 'occluder', 'steps', 'mode')}"
        _take(section, cells, notes, found)
    return found


def _read(
    folder: Path | None, known: tuple[Path, Path], made_by: str, found: Found
) -> tuple[dict[str, Any], list[ResultRow]] | None:
    """Figures and rows of the given folder, or of the first known one that exists. None: noted as missing, with the command."""
    present = [folder] if folder else [path for path in known if (path / FIGURES).is_file()]
    if not present:
        found.lack(f"{known[0]}: absent; {made_by} makes it")
        return None
    record = read_figures(present[0])
    if not {"figures", "settings"} <= set(record):
        raise UserError(f"{present[0] / FIGURES}: holds no figures and settings; expected the file that {made_by} writes")
    found.files.append(os.path.relpath(present[0]))
    return record, read_rows(present[0], "rows")


def _by_column(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Replace the data spec by the paper's column where it is one of the paper's sets."""
    labelled = []
    for row in rows:
        head, _, query = row["data"].partition("?")
        labelled.append({**row, "data": COLUMNS.get((head.partition(":")[0], query), row["data"])})
    return labelled


def _with_full(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add the full test set of 300-W, which is its two parts together, where it was not measured itself."""
    challenging, common, full = SPLITS
    measured = {row["data"] for row in rows}
    if full in measured or not {challenging, common} <= measured:
        return rows
    return rows + [{**row, "data": full} for row in rows if row["data"] in (challenging, common)]


def _cell(figure: Mapping[str, Any], differences: Mapping[str, Any], column: str, found: Found) -> Cell:
    clips = figure["n_clips"]
    # In 300-W a clip is a face.
    if clips < FACES.get(column, 0):
        found.lack(f"{column}: {clips} of the paper's {FACES[column]} faces")
    texts = [f"{difference_text(value)} against {name}" for name, value in differences.items() if value is not None]
    return Cell("; ".join([f"{figure['mean']:.2f}, {clips} clips", *texts]), figure)


def _note(record: Mapping[str, Any], *names: str) -> str:
    return ", ".join(f"{name} {record['settings'][name]}" for name in names)


def _take(section: Section, cells: Mapping[str, Mapping[str, Cell]], notes: Mapping[str, str], found: Found) -> None:
    """Add our rows that stand for a row of the paper or are named in the section, in the section's order."""
    wanted = [*(row.ours for row in section.rows), *section.more]
    found.rows += [OurRow(section.name, name, cells[name], notes[name]) for name in wanted if name in cells]

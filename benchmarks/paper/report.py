"""A table of the paper with our figures: on the screen, as a Markdown page and as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from benchmarks.common.tables import command_block, markdown_table
from benchmarks.paper.numbers import PaperTable, Section


class Cell(NamedTuple):
    """Attributes: text: what is shown; raw: its figures, JSON-able."""

    text: str
    raw: Mapping[str, Any]


class OurRow(NamedTuple):
    """A measured row.

    Attributes:
        section: the part of the table that it belongs to.
        method: checkpoint, file of predictions, variant or arm.
        cells: column -> figure.
        note: how it was measured.
    """

    section: str
    method: str
    cells: Mapping[str, Cell]
    note: str = ""


@dataclass
class Found:
    """What was measured for a table, the files it was read from, and a line for each thing that is missing."""

    rows: list[OurRow] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def lack(self, line: str) -> None:
        """Note what is missing, once."""
        if line not in self.missing:
            self.missing.append(line)


def lay_out(section: Section, rows: list[OurRow]) -> tuple[list[str], list[list[str]]]:
    """Headings and lines: the paper's rows, each followed by the measured ones that stand for it; then the others."""
    columns = list(dict.fromkeys([*section.columns, *(column for row in rows for column in row.cells)]))
    lines, left = [], list(rows)
    for paper in section.rows:
        values = dict(zip(section.columns, (f"{value:.2f}" for value in paper.values), strict=True))
        cells = (values.get(column, "") for column in columns)
        lines.append([paper.method, f"paper, {paper.source}", *cells, paper.note])
        ours = [row for row in left if paper.ours and row.method == paper.ours]
        left = [row for row in left if row not in ours]
        lines += [_our_line(row, columns) for row in ours]
    return ["method", "source", *columns, "note"], lines + [_our_line(row, columns) for row in left]


def _our_line(row: OurRow, columns: list[str]) -> list[str]:
    cells = (row.cells[column].text if column in row.cells else "" for column in columns)
    return [f"**{row.method}**", "measured", *cells, row.note]


def paper_page(number: int, table: PaperTable, found: Found, command: str) -> list[str]:
    """A table in Markdown, measured rows in bold."""
    lines = [f"# Table {number} of the paper: {table.title}", ""]
    for section in table.sections:
        grid = markdown_table(*lay_out(section, [row for row in found.rows if row.section == section.name]))
        lines += [f"## {section.name}", "", f"{section.unit[0].upper()}{section.unit[1:]}.", "", *grid, ""]
    remarks = [table.remark] * bool(table.remark) + [f"read from {file}" for file in found.files]
    lines += [f"- {line}" for line in remarks + [f"missing: {line}" for line in found.missing]]
    return [*lines, "", *command_block([command]), "", "Every figure: `figures.json`."]


def paper_record(
    number: int, table: PaperTable, found: Found, command: str, checkpoints: list[dict[str, Any]]
) -> dict[str, Any]:
    """What ``figures.json`` holds: the paper's rows and ours, what is missing, and the command."""
    paper = [
        {"section": section.name, "source": "paper", "place": row.source, "columns": section.columns}
        | {name: value for name, value in row._asdict().items() if name != "source"}
        for section in table.sections
        for row in section.rows
    ]
    ours = [
        {"section": row.section, "source": "measured", "method": row.method, "note": row.note}
        | {"cells": {column: cell.raw for column, cell in row.cells.items()}}
        for row in found.rows
    ]
    record = {"table": number, "title": table.title, "command": command, "checkpoints": checkpoints}
    return record | {"figures": paper + ours, "files": found.files, "missing": found.missing}

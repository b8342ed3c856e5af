"""A folder of results: ``figures.json``, the page ``README.md``, plots, and the rows of the figures as ``NAME.csv.gz``."""

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from srn_core.errors import UserError
from srn_core.io.files import read_json, write_atomically, write_text

FIGURES, PAGE = "figures.json", "README.md"
ROWS_SUFFIX = ".csv.gz"
ResultRow = dict[str, Any]
"""A figure, or a row that figures are made from; JSON-able."""
ResultRows = Sequence[Mapping[str, Any]]


def write_results(folder: Path, figures: Mapping[str, Any], page: Sequence[str] = (), **tables: ResultRows) -> None:
    """Write a folder of results; the plots are written by who draws them.

    Args:
        folder: created if it does not exist.
        figures: see :func:`write_figures`.
        page: the lines of ``README.md``.
        tables: name -> rows, see :func:`write_rows`.
    """
    for name, rows in tables.items():
        write_rows(folder, name, rows)
    write_figures(folder, figures)
    if page:
        write_text(folder / PAGE, "\n".join(page) + "\n")


def write_figures(folder: Path, figures: Mapping[str, Any]) -> None:
    """Write ``figures.json`` with one line per entry of each list and mapping, so that a diff shows the figure that changed.

    Args:
        folder: of the results.
        figures: what the tables show, the command, and the settings.
    """
    parts = [f" {json.dumps(name)}: {_one_entry_per_line(value)}" for name, value in figures.items()]
    write_text(folder / FIGURES, "{\n" + ",\n".join(parts) + "\n}\n")


def read_figures(folder: Path) -> dict[str, Any]:
    """What :func:`write_figures` wrote."""
    return dict(read_json(folder / FIGURES))


def write_rows(folder: Path, name: str, rows: ResultRows) -> None:
    """Write ``NAME.csv.gz``, a header and one line per row. Equal rows give equal bytes.

    A text stands as it is where it cannot be read as JSON. Every other value stands as JSON. An empty cell means that the row
    does not have the key.
    """
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[key]) if key in row else "" for key in columns] for row in rows)
    data = gzip.compress(text.getvalue().encode(), mtime=0)
    write_atomically(folder / (name + ROWS_SUFFIX), lambda temporary: temporary.write_bytes(data))


def read_rows(folder: Path, name: str) -> list[ResultRow]:
    """What :func:`write_rows` wrote.

    Raises:
        UserError: the file does not exist or is broken.
    """
    path = folder / (name + ROWS_SUFFIX)
    try:
        columns, *lines = csv.reader(io.StringIO(gzip.decompress(path.read_bytes()).decode()))
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); expected the rows that a benchmark wrote") from None
    return [{key: _value(cell) for key, cell in zip(columns, line, strict=True) if cell} for line in lines]


def _one_entry_per_line(value: Any) -> str:
    if isinstance(value, dict) and value:
        return "{\n" + ",\n".join(f"  {json.dumps(key)}: {json.dumps(entry)}" for key, entry in value.items()) + "\n }"
    if isinstance(value, list) and any(isinstance(entry, dict | str) for entry in value):
        return "[\n" + ",\n".join(f"  {json.dumps(entry)}" for entry in value) + "\n ]"
    return json.dumps(value)


def _cell(value: Any) -> str:
    return value if isinstance(value, str) and _value(value) == value != "" else json.dumps(value)


def _value(cell: str) -> Any:
    try:
        return json.loads(cell)
    except ValueError:
        return cell

"""The paper's own figures, and which of our variants stands for which of its rows.

Zhu et al. 2022, https://arxiv.org/abs/2112.10087, section 4. ``numbers.csv`` holds the rows that our copy of the text contains,
each with its place in the paper. ``tables.toml`` holds the rest of each table. That copy lacks the tables that were pictures
(1, 2, 3 and 6) and most formulas.
"""

import csv
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROWS, TABLES_FILE = Path(__file__).with_name("numbers.csv"), Path(__file__).with_name("tables.toml")
OCULAR = "NME, % of the distance of the outer eye corners"
PUPIL = "NME, % of the distance of the eye centres"
SPLITS = ("Challenging", "Common", "Full")
CATEGORIES = ("Category 1", "Category 2", "Category 3")
# Section 4.2, with sizes that our copy of the text lacks: faces per column.
FACES: Mapping[str, int] = {"Challenging": 135, "Common": 554, "Full": 689, "COFW29": 507, "COFW68": 507}
LOST = "The table was a picture; our copy of the text does not contain its rows."
MASKS = (
    "The masks are drawn here from the landmarks; they are not the paper's. The text does not say which distance the errors of "
    "masked faces and of 300VW are divided by; we read it as the distance of the outer eye corners."
)


class PaperRow(NamedTuple):
    """A method's row.

    Attributes:
        source: the place in the paper: its section and table.
        method: as the paper names it.
        values: one per column.
        note: what the paper says about it, or which part of it is our reading.
        ours: the variant or arm of our benchmarks that stands for it; empty where a checkpoint does.
    """

    source: str
    method: str
    values: tuple[float, ...]
    note: str
    ours: str


class Section(NamedTuple):
    """A part of a table.

    Attributes:
        name: of the part, unique in its table.
        unit: of its figures.
        columns: their headings.
        more: variants or arms of ours that no row of the paper stands for.
        rows: the paper's; empty where our copy of the text lacks them.
    """

    name: str
    unit: str
    columns: tuple[str, ...]
    more: tuple[str, ...] = ()
    rows: tuple[PaperRow, ...] = ()


class PaperTable(NamedTuple):
    """Attributes: title: of the table; sections: its parts; remark: what a reader has to know."""

    title: str
    sections: tuple[Section, ...]
    remark: str = ""


def _read_tables() -> dict[int, PaperTable]:
    with ROWS.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    known = {"LOST": LOST, "MASKS": MASKS, "OCULAR": OCULAR, "PUPIL": PUPIL}
    tables = {}
    for number, table in tomllib.loads(TABLES_FILE.read_text(encoding="utf-8")).items():
        sections = []
        for part in table["sections"]:
            rows = tuple(_row(line) for line in lines if (line["table"], line["section"]) == (number, part["name"]))
            unit = part["unit"].format(**known)
            sections.append(Section(part["name"], unit, tuple(part["columns"]), tuple(part.get("more", ())), rows))
        tables[int(number)] = PaperTable(table["title"], tuple(sections), table.get("remark", "").format(**known))
    return tables


def _row(line: Mapping[str, str]) -> PaperRow:
    values = tuple(float(line[f"value_{i}"]) for i in (1, 2, 3))
    return PaperRow(line["source"], line["method"], values, line["note"], line["ours"])


TABLES: Mapping[int, PaperTable] = _read_tables()

"""The paper's own figures, and which of our variants stands for which of its rows.

Zhu et al. 2022, https://arxiv.org/abs/2112.10087, section 4. ``numbers.csv`` holds the rows that the text at hand contains,
each with its place in the paper. That text lacks the tables that were pictures (1, 2, 3 and 6) and most formulas.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROWS = Path(__file__).with_name("numbers.csv")
OCULAR = "NME, % of the distance of the outer eye corners"
PUPIL = "NME, % of the distance of the eye centres"
SPLITS = ("Challenging", "Common", "Full")
CATEGORIES = ("Category 1", "Category 2", "Category 3")
# Section 4.2, with sizes that the text at hand lacks: faces per column.
FACES: Mapping[str, int] = {"Challenging": 135, "Common": 554, "Full": 689, "COFW29": 507, "COFW68": 507}
LOST = "The table was a picture; the text at hand does not contain its rows."
MASKS = (
    "The masks are drawn here from the landmarks; they are not the paper's. The text does not say which distance the errors of "
    "masked faces and of 300VW are divided by; we read it as the distance of the outer eye corners."
)
ARMS = ("mixed", "rounds", "greedy", "optimal")


class PaperRow(NamedTuple):
    """A method's row.

    Attributes:
        source: the place in the paper: its section and table.
        method: as the paper names it.
        values: one per column.
        note: what the paper says beside it, or which part of it is our reading.
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
        rows: the paper's; empty where the text at hand lacks them.
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


def _section(number: int, name: str, unit: str, columns: tuple[str, ...], more: tuple[str, ...] = ()) -> Section:
    """A section with its rows from the data file."""
    with ROWS.open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.DictReader(file) if (line["table"], line["section"]) == (str(number), name)]
    rows = tuple(
        PaperRow(
            line["source"], line["method"], tuple(float(line[f"value_{i}"]) for i in (1, 2, 3)), line["note"], line["ours"]
        )
        for line in lines
    )
    return Section(name, unit, columns, more, rows)


TABLES: Mapping[int, PaperTable] = {
    1: PaperTable(
        "COFW29, COFW68 and the occlusion subset of WFLW",
        (
            _section(
                1,
                "occluded faces",
                "NME in %: COFW29 by the distance of the pupils, COFW68 by the root of the landmark box's area, WFLW by the "
                "distance of the outer eye corners; recall of hidden points in %",
                ("COFW29", "COFW29 recall", "COFW68", "WFLW occlusion"),
            ),
        ),
        LOST,
    ),
    2: PaperTable(
        "Masked 300W",
        (_section(2, "masked faces", OCULAR, SPLITS),),
        f"The table was a picture; its rows here stand elsewhere in the text. No mask is seen in training. {MASKS}",
    ),
    3: PaperTable(
        "COFW68: errors and failures",
        (
            _section(
                3,
                "COFW68",
                "NME in % of the root of the landmark box's area (box) or of the distance of the eye centres; failures: % of "
                "faces whose NME is above 10 %",
                ("NME, box", "failures, box", "NME, eye centres", "failures, eye centres"),
            ),
        ),
        LOST,
    ),
    4: PaperTable("300W", (_section(4, "inter-ocular", OCULAR, SPLITS), _section(4, "inter-pupil", PUPIL, SPLITS))),
    5: PaperTable(
        "300VW",
        (
            _section(5, "300VW test set", OCULAR, CATEGORIES),
            _section(5, "300VW test set, masked", OCULAR, CATEGORIES),
        ),
        MASKS,
    ),
    6: PaperTable(
        "speed",
        (
            _section(
                6, "tracking one video", "frames per second, without file reading and face detection", ("K=1", "K=2", "K=3")
            ),
        ),
        f"{LOST} The paper measured on a 1080Ti GPU, on video, from the mean shape.",
    ),
    7: PaperTable(
        "SRN without each level of the HSRM, Masked 300W",
        (
            _section(
                7, "masked faces", OCULAR, SPLITS, ("outputs=own", "memory=off", "memory=frame", "initial_shape=hourglass")
            ),
        ),
        "HSRM is the hierarchical structural relation module. A level of ours that is off passes on its input; the paper does "
        f"not say what replaces its own. {MASKS}",
    ),
    8: PaperTable(
        "SRN without the non-local block, Masked 300W",
        (_section(8, "masked faces", OCULAR, SPLITS, ("relation=embedded_gaussian",)),),
        MASKS,
    ),
    9: PaperTable(
        "hard occluded face synthesis, 300VW",
        (
            _section(9, "300VW test set", OCULAR, CATEGORIES, ARMS),
            _section(9, "300VW test set, masked", OCULAR, CATEGORIES, ARMS),
        ),
        MASKS,
    ),
}

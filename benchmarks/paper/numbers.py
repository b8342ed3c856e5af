"""The paper's own figures, row by row, and which of our variants stands for which of its rows.

Zhu et al. 2022, https://arxiv.org/abs/2112.10087, section 4. Only what the text at hand still holds: it came without the
tables that were pictures (1, 2, 3 and 6) and without most formulas.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class PaperRow(NamedTuple):
    """A method's row.

    Attributes:
        method: as the paper names it.
        values: one a column.
        note: what the paper says beside it, or what of it is our reading.
        ours: the variant or arm of our benchmarks that stands for it; empty where a checkpoint does.
    """

    method: str
    values: tuple[float, ...]
    note: str = ""
    ours: str = ""


class Section(NamedTuple):
    """A part of a table.

    Attributes:
        name: of the part, unique in its table.
        unit: of its figures.
        columns: their headings.
        rows: the paper's; none where the text has lost them.
        place: where in the paper the rows stand.
        more: variants or arms of ours that no row of the paper stands for.
    """

    name: str
    unit: str
    columns: tuple[str, ...]
    rows: tuple[PaperRow, ...] = ()
    place: str = ""
    more: tuple[str, ...] = ()


class PaperTable(NamedTuple):
    """Attributes: title: of the table; sections: its parts; remark: what a reader has to know."""

    title: str
    sections: tuple[Section, ...]
    remark: str = ""


OCULAR = "NME, % of the distance of the outer eye corners"
PUPIL = "NME, % of the distance of the eye centres"
SPLITS = ("Challenging", "Common", "Full")
CATEGORIES = ("Category 1", "Category 2", "Category 3")
# Section 4.2 with the sizes that the text has lost: faces a column.
FACES: Mapping[str, int] = {"Challenging": 135, "Common": 554, "Full": 689, "COFW29": 507, "COFW68": 507}
LOST = "The paper's rows were a picture; the text at hand has lost them."

SRN_MASKED = (9.28, 5.78, 6.46)
MASKED_VIDEOS = (
    PaperRow("SRN w/o DA", (7.31, 7.62, 8.52), "no data augmentation by occluders", ours="none"),
    PaperRow("SRN + RSF", (6.82, 6.73, 8.09), "occluders at random", ours="rsf"),
    PaperRow("SRN + HOFS", (6.03, 5.83, 7.35), "occluders where the DQN puts them", ours="hofs"),
)
MASKS = (
    "The masks are drawn here from the landmarks, not the paper's. The text does not say what the errors of masked faces and "
    "of 300VW are divided by; read as the distance of the outer eye corners."
)
SYMBOL = "the text has lost what is taken out; read, in the order of section 4.1, as the {}"

TABLES: Mapping[int, PaperTable] = {
    1: PaperTable(
        "COFW29, COFW68 and the occlusion subset of WFLW",
        (
            Section(
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
        (
            Section(
                "masked faces",
                OCULAR,
                SPLITS,
                (
                    PaperRow("LAB [12] over SRN (ours)", (3.23, 4.78, 4.43), "how much higher, from the text"),
                    PaperRow("SRN (ours)", SRN_MASKED, "as in Tables 7 and 8"),
                ),
                "section 4.3, Evaluation on Masked 300W; section 4.4",
            ),
        ),
        "The table was a picture; its rows here stand elsewhere in the text. No mask is seen in training. " + MASKS,
    ),
    3: PaperTable(
        "COFW68: errors and failures",
        (
            Section(
                "COFW68",
                "NME in % of the root of the landmark box's area (box) or of the distance of the eye centres; failures: % of "
                "faces whose NME is above 10 %",
                ("NME, box", "failures, box", "NME, eye centres", "failures, eye centres"),
            ),
        ),
        LOST,
    ),
    4: PaperTable(
        "300W",
        (
            Section(
                "inter-ocular",
                OCULAR,
                SPLITS,
                (
                    PaperRow("MDM [8]", (8.87, 3.74, 4.78)),
                    PaperRow("HGs [51]", (7.52, 3.17, 4.01), "heat maps"),
                    PaperRow("RDN [56]", (7.04, 3.31, 4.23)),
                    PaperRow("SBR [9]", (7.58, 3.28, 4.10), "heat maps"),
                    PaperRow("ODN [55]", (6.67, 3.56, 4.17)),
                    PaperRow("DHGN [52]", (6.23, 3.38, 3.95), "heat maps"),
                    PaperRow("3FabRec [57]", (5.74, 3.36, 3.82), "heat maps"),
                    PaperRow("Chandran et.al [58]", (7.04, 2.83, 4.23), "heat maps"),
                    PaperRow("LUVLi [31]", (5.16, 2.76, 3.23), "heat maps"),
                    PaperRow("PropagationNet [32]", (3.99, 2.67, 2.93), "heat maps"),
                    PaperRow("SRN (ours)", (5.86, 3.08, 3.62)),
                    PaperRow("SRN+HG (ours)", (5.38, 3.03, 3.49), "heat maps"),
                ),
                "section 4.3, Evaluation on 300W, Table 4",
            ),
            Section(
                "inter-pupil",
                PUPIL,
                SPLITS,
                (
                    PaperRow("CFSS [59]", (9.98, 4.73, 5.76)),
                    PaperRow("3DDE [30]", (7.10, 3.73, 4.39), "heat maps"),
                    PaperRow("AWing [60]", (6.52, 3.77, 4.31), "heat maps"),
                    PaperRow("PropagationNet [32]", (5.75, 3.70, 4.10), "heat maps"),
                    PaperRow("SRN (ours)", (7.69, 3.97, 4.70)),
                    PaperRow("SRN+HG (ours)", (7.04, 3.78, 4.42), "heat maps"),
                ),
                "section 4.3, Evaluation on 300W, Table 4",
            ),
        ),
    ),
    5: PaperTable(
        "300VW",
        (
            Section(
                "300VW test set",
                OCULAR,
                CATEGORIES,
                (
                    PaperRow("iCCR [33]", (6.71, 4.00, 12.75)),
                    PaperRow("SBR [9]", (5.09, 4.76, 10.21)),
                    PaperRow("TSTN [35]", (5.36, 4.51, 12.84)),
                    PaperRow("STRRN [39]", (5.03, 4.74, 6.63)),
                    PaperRow("STKI [36]", (5.04, 4.57, 6.11)),
                    PaperRow("FHR+STA[37]", (4.42, 4.18, 5.98)),
                    PaperRow("Yin et.al. [41]", (3.34, 3.51, 4.33)),
                    PaperRow("FAB [40]", (4.24, 5.67, 3.16)),
                    PaperRow("SRN+HOFS", (3.87, 3.96, 5.15)),
                ),
                "section 4.3, Evaluation on video dataset 300VW, Table 5",
            ),
            Section(
                "300VW test set, masked",
                OCULAR,
                CATEGORIES,
                tuple(row._replace(ours="") for row in MASKED_VIDEOS),
                "section 4.4, Table 9",
            ),
        ),
        MASKS,
    ),
    6: PaperTable(
        "speed",
        (
            Section(
                "tracking one video", "frames a second, without reading files and without face detection", ("K=1", "K=2", "K=3")
            ),
        ),
        LOST + " It was measured on a 1080Ti, on video, from the mean shape.",
    ),
    7: PaperTable(
        "SRN without each level of the HSRM, Masked 300W",
        (
            Section(
                "masked faces",
                OCULAR,
                SPLITS,
                (
                    PaperRow("SRN w/o, 1", (11.72, 6.46, 7.49), SYMBOL.format("neighbourhood maps"), "maps=off"),
                    PaperRow("SRN w/o, 2", (10.20, 6.13, 6.92), SYMBOL.format("component groups"), "groups=off"),
                    PaperRow("SRN w/o, 3", (12.02, 6.86, 7.86), SYMBOL.format("component outputs"), "outputs=off"),
                    PaperRow("SRN w/o, 4", (9.68, 5.96, 6.69), SYMBOL.format("global shape integration"), "global_shape=off"),
                    PaperRow("SRN", SRN_MASKED, ours="full"),
                ),
                "section 4.4, Table 7",
                ("outputs=own", "memory=off", "memory=frame", "initial_shape=hourglass"),
            ),
        ),
        "A level of ours that is off passes on what it reads; the paper does not say what takes the place of its own. " + MASKS,
    ),
    8: PaperTable(
        "SRN without the non-local block, Masked 300W",
        (
            Section(
                "masked faces",
                OCULAR,
                SPLITS,
                (
                    PaperRow("SRN (w/o NLB)", (9.47, 5.81, 6.52), ours="relation=off"),
                    PaperRow("SRN (w NLB)", SRN_MASKED, ours="full"),
                ),
                "section 4.4, Table 8",
                ("relation=embedded_gaussian",),
            ),
        ),
        MASKS,
    ),
    9: PaperTable(
        "hard occluded face synthesis, 300VW",
        (
            Section(
                "300VW test set",
                OCULAR,
                CATEGORIES,
                (
                    PaperRow("SRN w/o OFA", (4.01, 4.10, 5.52), "no occluded faces", ours="none"),
                    PaperRow("SRN + RSF", (3.92, 4.02, 5.16), "occluders at random", ours="rsf"),
                    PaperRow("SRN + HOFS", (3.87, 3.96, 5.15), "occluders where the DQN puts them", ours="hofs"),
                ),
                "section 4.4, Table 9",
                ("mixed", "rounds", "greedy", "optimal"),
            ),
            Section(
                "300VW test set, masked",
                OCULAR,
                CATEGORIES,
                MASKED_VIDEOS,
                "section 4.4, Table 9",
                ("mixed", "rounds", "greedy", "optimal"),
            ),
        ),
        MASKS,
    ),
}

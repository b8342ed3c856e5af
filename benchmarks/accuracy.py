"""Measure how accurate a tracker is on every data set that is present: figures, error curves, and a page with all commands.

python benchmarks/accuracy.py                                                         # srn-small on the clips that ship
python benchmarks/accuracy.py --data-root DIR --test --out benchmarks/results/accuracy
"""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.common.commands import benchmark_command
from benchmarks.common.results import ResultRow, ResultRows, write_results
from benchmarks.common.tables import command_block, markdown_table, show_page
from srn_core.checkpoints import load_pretrained
from srn_core.cli.options import read_options
from srn_core.data import load_clips
from srn_core.errors import UserError, command
from srn_core.evaluation.evaluate import Evaluation, evaluate
from srn_core.evaluation.report import plot_ced
from srn_core.io.files import plain
from srn_core.tracking.batch import Mode
from srn_core.tracking.tracker import Tracker
from srn_core.versions import versions


class FaceSet(NamedTuple):
    """A set to measure on.

    Attributes:
        title: the name in tables.
        spec: its data spec; DATA stands for the folder of all data.
        folder: the set's folder under DATA. Without it the set is left out.
        choices: whether the set is used for model selection; all others are test sets.
        modes: how the tracker runs.
    """

    title: str
    spec: str
    folder: str = ""
    choices: bool = True
    modes: tuple[Mode, ...] = ("detect",)


SETS = (
    FaceSet("rendered heads", "demo?split=val", modes=("detect", "track")),
    FaceSet("continuous video, unseen people", "300vw:DATA/talk?split=val", "talk", modes=("detect", "track")),
    FaceSet("continuous video, its training clips", "300vw:DATA/talk?split=train", "talk"),
    FaceSet("continuous video of more people, unseen", "300vw:DATA/talk2/val", "talk2", modes=("detect", "track")),
    FaceSet("continuous video of more people, unseen, masked", "300vw:DATA/talk2/val?masked=1", "talk2", modes=("track",)),
    FaceSet("stills of many people, unseen", "pts:DATA/faces?split=val", "faces"),
    FaceSet("stills of many people, unseen, masked", "pts:DATA/faces?split=val&masked=1", "faces"),
    FaceSet("YouTube Faces stills, unseen people", "ytf68:DATA/ytf68?split=val", "ytf68"),
    FaceSet("YouTube Faces stills, unseen people, masked", "ytf68:DATA/ytf68?split=val&masked=1", "ytf68"),
    FaceSet("300-W val, unseen photos", "300w:DATA/300w?split=val", "300w"),
    FaceSet("300-W val, unseen photos, masked", "300w:DATA/300w?split=val&masked=1", "300w"),
    FaceSet("300-W common", "300w:DATA/300w?split=common", "300w", choices=False),
    FaceSet("300-W common, masked", "300w:DATA/300w?split=common&masked=1", "300w", choices=False),
    FaceSet("300-W challenging", "300w:DATA/300w?split=challenging", "300w", choices=False),
    FaceSet("300-W challenging, masked", "300w:DATA/300w?split=challenging&masked=1", "300w", choices=False),
)
READING = (
    "NME is the normalised mean error of the 68 landmarks, in % of the distance of the outer eye corners. Its 95 % intervals "
    "are over clips; in YouTube Faces a clip is a person, in 300-W a face. Failures: % of faces with an NME above 10 %. AUC: "
    "area under the error curve up to 10 %, in %. Jitter: mean change of the error from one video frame to the next.",
    "`300-W challenging` influenced one design choice: `srn-small` has an hourglass because the version before it was weak "
    "there. Do not treat that set as held out. `val` is cut by a hash of each name. The first stages of `srn-small` were "
    "trained under an earlier rule, so they saw most of the faces of AFW, HELEN and YouTube Faces that are in `val` today; its "
    "last stage did not. No stage saw those of LFPW, `faces` and `talk2`.",
)

READING_CERTAINTY = (
    "Certainty: of the points that the annotation (here the drawn mask) hides, average precision and the recall at a precision "
    "of 80 %, in %. Then Spearman's rank correlation of expected and true errors, of faces and of single points."
)


@dataclass(frozen=True, kw_only=True)
class AccuracyArgs:
    """Measure a tracker on all data sets that are present."""

    checkpoint: str = "srn-small"
    """A checkpoint's name or folder."""
    data_root: Path | None = None
    """Folder that holds talk, ytf68 and 300w. Default: only the clips that ship are measured."""
    test: bool = False
    """Also measure the test sets (300-W common and challenging). Use it once, after all choices are made."""
    mirror: bool = False
    """Average the landmarks with those of the mirror image. Sets are then measured in mode detect only."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    out: Path = Path("runs/accuracy")
    """OUT/NAME gets figures.json, rows.csv.gz, README.md and error-curves.png. NAME is the checkpoint's."""


def accuracy(args: AccuracyArgs) -> list[ResultRow]:
    """Measure, print and write; returns what ``srn evaluate`` reports. DATA stands for the folder of the data."""
    if args.data_root is not None and not args.data_root.is_dir():
        raise UserError(f"--data-root {args.data_root}: no such folder; expected a folder that holds talk, ytf68 and 300w")
    tracker = Tracker(load_pretrained(args.checkpoint), args.device)
    folder = args.out / (Path(args.checkpoint).name + ("-mirror" if args.mirror else ""))
    figures: list[ResultRow] = []
    rows: list[ResultRow] = []
    for spec, measured in _measure(args, tracker):
        figure = {"checkpoint": args.checkpoint, **measured.summary(), "data": spec}
        figures.append(figure)
        rows += [{**row, "data": spec, "mode": figure["mode"], "nme": round(row["nme"], 4)} for row in measured.rows()]
    record: dict[str, Any] = {"kind": "accuracy", "command": benchmark_command("accuracy", args), "settings": plain(args)}
    record |= {"versions": versions(), "figures": figures}
    page = accuracy_page(record, folder.name)
    write_results(folder, record, page, rows=rows)
    plot_accuracy(folder, rows)
    show_page(page)
    return figures


def plot_accuracy(folder: Path, rows: ResultRows) -> None:
    """The error curves of the sets, from the rows of mode detect."""
    curves = {}
    for face_set in SETS:
        errors = [row["nme"] / 100 for row in rows if (row["data"], row["mode"]) == (face_set.spec, "detect")]
        if errors:
            curves[face_set.title] = np.array(errors)
    plot_ced(folder / "error-curves.png", curves, "inter-ocular")


def _measure(args: AccuracyArgs, tracker: Tracker) -> Iterator[tuple[str, Evaluation]]:
    for face_set in SETS:
        absent = face_set.folder and (args.data_root is None or not (args.data_root / face_set.folder).is_dir())
        if absent or not (face_set.choices or args.test):
            continue
        clips = load_clips(face_set.spec.replace("DATA", str(args.data_root)))
        # A mirror image has no memory.
        for mode in [mode for mode in face_set.modes if not (args.mirror and mode == "track")]:
            yield face_set.spec, evaluate(tracker, clips, mode, mirror=args.mirror)


def accuracy_page(record: Mapping[str, Any], name: str) -> list[str]:
    """The figures in Markdown, one line per set, and the command of each."""
    sets = {face_set.spec: face_set for face_set in SETS}
    headings = (
        "set", "mode", "faces", "clips", "boxes", "NME", "95 %", "median", "failures", "AUC", "jitter", "used for",
    )  # fmt: skip
    lines, commands = [], []
    for figure in record["figures"]:
        counts = str(figure["n_faces"]), str(figure["n_clips"]), figure["box_source"]
        low, high = figure["nme_ci95"] or (float("nan"), float("nan"))
        errors = f"**{figure['nme_mean']:.2f}**", f"{low:.2f} - {high:.2f}", f"{figure['nme_median']:.2f}"
        shares = f"{figure['fr_10']:.1f}", f"{figure['auc_10']:.1f}"
        jitter = "" if figure["jitter"] is None else f"{figure['jitter']:.2f}"
        face_set = sets[figure["data"]]
        use = "model selection" if face_set.choices else "test"
        lines.append((face_set.title, figure["mode"], *counts, *errors, *shares, jitter, use))
        words = ["srn", "evaluate", "--checkpoint", figure["checkpoint"], "--data", figure["data"]]
        words += ["--mode", "track"] * (figure["mode"] == "track") + ["--mirror"] * figure["mirror"]
        commands.append(shlex.join(words))
    return [
        f"# Accuracy: {name}", "", READING[0], "", READING[1], "", *markdown_table(headings, lines), "",
        *certainty_lines(record["figures"]),
        "The command of the page, then one per line of the table (DATA: the folder of the data):", "",
        *command_block([record["command"], *commands]), "",
        "Every figure: `figures.json`. One row per face: `rows.csv.gz`.",
    ]  # fmt: skip


def certainty_lines(figures: ResultRows) -> list[str]:
    """How well the tracker knows what is hidden and how far off it is, one line per set; none without that head."""
    titles, lines = {face_set.spec: face_set.title for face_set in SETS}, []
    for figure in figures:
        if figure.get("error_rank_correlation") is not None:
            shares = [figure[key] for key in ("hidden_share", "visibility_ap", "visibility_recall_at_80")]
            ranks = figure["error_rank_correlation"], figure["error_rank_correlation_points"]
            cells = *("" if share is None else f"{share:.1f}" for share in shares), *(f"{rank:.2f}" for rank in ranks)
            lines.append((titles[figure["data"]], figure["mode"], *cells))
    headings = "set", "mode", "hidden points", "AP", "recall at 80 %", "rank correlation, faces", "points"
    return [READING_CERTAINTY, "", *markdown_table(headings, lines), ""] if lines else []


@command
def main() -> None:
    accuracy(read_options(AccuracyArgs, __doc__))


if __name__ == "__main__":
    main()

"""How accurate a tracker is on every set at hand: figures, rows, error curves and a page with the command of each figure.

python benchmarks/accuracy.py --checkpoint srn-small                                  # on the clips that ship
python benchmarks/accuracy.py --checkpoint srn-small --data-root DIR --test --out benchmarks/results
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from srn_core.cli.options import read_options
from srn_core.data import load_clips
from srn_core.errors import UserError, command
from srn_core.evaluation.evaluate import Evaluation, evaluate
from srn_core.evaluation.report import plot_ced, write_rows
from srn_core.io.files import write_json, write_text
from srn_core.tracking.batch import Mode
from srn_core.tracking.tracker import Tracker, load_tracker


class FaceSet(NamedTuple):
    """A set to measure on.

    Attributes:
        title: what it is.
        spec: its data spec, DATA standing for the folder of all data.
        folder: under DATA, without which it is left out.
        choices: whether choices may rest on it; a test set is looked at when they are made.
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
    FaceSet("YouTube Faces stills, unseen people", "ytf68:DATA/ytf68?split=val", "ytf68"),
    FaceSet("YouTube Faces stills, unseen people, masked", "ytf68:DATA/ytf68?split=val&masked=1", "ytf68"),
    FaceSet("300-W val, unseen photos", "300w:DATA/300w?split=val", "300w"),
    FaceSet("300-W val, unseen photos, masked", "300w:DATA/300w?split=val&masked=1", "300w"),
    FaceSet("300-W common", "300w:DATA/300w?split=common", "300w", choices=False),
    FaceSet("300-W common, masked", "300w:DATA/300w?split=common&masked=1", "300w", choices=False),
    FaceSet("300-W challenging", "300w:DATA/300w?split=challenging", "300w", choices=False),
    FaceSet("300-W challenging, masked", "300w:DATA/300w?split=challenging&masked=1", "300w", choices=False),
)


@dataclass(frozen=True)
class AccuracyArgs:
    """Measure a tracker on all sets that are there."""

    checkpoint: str = "srn-small"
    """A checkpoint's name or folder."""
    data_root: Path | None = None
    """Folder that holds talk, ytf68 and 300w; the clips that ship alone where not given."""
    test: bool = False
    """Also look at the test sets (300-W common and challenging): once, when all choices are made."""
    mirror: bool = False
    """Average with the mirror image; mode detect alone."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    out: Path = Path("runs/accuracy")
    """Folder for NAME.json (figures), NAME.jsonl (a row a face), NAME.png (error curves) and NAME.md, NAME the checkpoint's."""


def accuracy(args: AccuracyArgs) -> list[dict[str, Any]]:
    """Measure, print and write; returns the records of ``srn evaluate``, DATA standing for the folder of the data."""
    if args.data_root is not None and not args.data_root.is_dir():
        raise UserError(f"--data-root {args.data_root}: no such folder; expected the one that holds talk, ytf68 and 300w")
    tracker = load_tracker(args.checkpoint, args.device)
    name = Path(args.checkpoint).name + ("-mirror" if args.mirror else "")
    found = list(_measure(args, tracker))
    records = [{"checkpoint": args.checkpoint, **measured.summary(), "data": face_set.spec} for face_set, measured in found]
    page = _page(name, args, [face_set for face_set, _ in found], records)
    write_json(args.out / f"{name}.json", records)
    rows = [
        {**row, "data": face_set.spec, "mode": record["mode"], "nme": round(row["nme"], 4)}
        for (face_set, measured), record in zip(found, records, strict=True)
        for row in measured.rows()
    ]
    write_rows(args.out / f"{name}.jsonl", rows)
    curves = {
        face_set.spec.replace("DATA/", ""): measured.nme
        for (face_set, measured), record in zip(found, records, strict=True)
        if record["mode"] == "detect"
    }
    plot_ced(args.out / f"{name}.png", curves, "inter-ocular")
    write_text(args.out / f"{name}.md", page)
    Console().print(page, soft_wrap=True, markup=False)
    return records


def _measure(args: AccuracyArgs, tracker: Tracker) -> Iterator[tuple[FaceSet, Evaluation]]:
    for face_set in SETS:
        absent = face_set.folder and (args.data_root is None or not (args.data_root / face_set.folder).is_dir())
        if absent or not (face_set.choices or args.test):
            continue
        clips = load_clips(face_set.spec.replace("DATA", str(args.data_root)))
        # A mirror image has no memory.
        for mode in [mode for mode in face_set.modes if not (args.mirror and mode == "track")]:
            yield face_set, evaluate(tracker, clips, mode, mirror=args.mirror, progress=True)


def _page(name: str, args: AccuracyArgs, sets: list[FaceSet], records: list[dict[str, Any]]) -> str:
    """The figures as a Markdown page."""
    lines = [
        f"# {name}: accuracy",
        "",
        "NME in % of the distance of the outer eye corners, 68 points; 95 % intervals over clips, people or, in 300-W, faces. "
        "Failures: faces above 10 %; AUC: area under the error curve up to 10 %; jitter: of the error from frame to frame of a "
        "video.",
        "",
        "| set | mode | faces | clips | boxes | NME | 95 % | median | failures | AUC | jitter | used for |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for face_set, record in zip(sets, records, strict=True):
        low, high = record["nme_ci95"] or (np.nan, np.nan)
        use = "choices" if face_set.choices else "test"
        shake = "" if record["jitter"] is None else f"{record['jitter']:.2f}"
        lines.append(
            f"| {face_set.title} | {record['mode']} | {record['n_faces']} | {record['n_clips']} | {record['box_source']} "
            f"| **{record['nme_mean']:.2f}** | {low:.2f} - {high:.2f} | {record['nme_median']:.2f} | {record['fr_10']:.1f} "
            f"| {record['auc_10']:.1f} | {shake} | {use} |"
        )
    lines += ["", "Commands, in the order of the rows (DATA: the folder of the data):", "", "```bash"]
    for face_set, record in zip(sets, records, strict=True):
        words = ["srn", "evaluate", "--checkpoint", args.checkpoint, "--data", face_set.spec]
        words += ["--mode", "track"] * (record["mode"] == "track") + ["--mirror"] * args.mirror
        lines.append(shlex.join(words))
    return "\n".join([*lines, "```", "", f"Rows: `{name}.jsonl`; figures: `{name}.json`; error curves: `{name}.png`.", ""])


@command
def main() -> None:
    accuracy(read_options(AccuracyArgs, __doc__))


if __name__ == "__main__":
    main()

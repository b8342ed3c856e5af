"""Measure a checkpoint or published predictions: normalised mean error (NME), failure rates and the area under the error curve
(AUC), in percent.

srn evaluate --checkpoint srn-small --data demo --mode track --start previous --steps 1
srn evaluate --predictions Results/CFSS_CFOW68.txt --data cofw68:DIR --points visible
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console

from srn_core.checkpoints import load_pretrained
from srn_core.cli.options import read_options
from srn_core.data import load_clips, parse_spec
from srn_core.errors import COUNT, UserError, check_numbers
from srn_core.evaluation.evaluate import Evaluation, Points, evaluate, evaluate_predictions
from srn_core.evaluation.page import write_evaluation_page
from srn_core.evaluation.report import PLOT_ENDINGS, plot_ced, print_report
from srn_core.face.metrics import Normaliser
from srn_core.io.files import check_outputs, json_text, report_stream, write_json, write_text
from srn_core.pages.page import check_page_name
from srn_core.tracking.batch import RunOptions
from srn_core.tracking.tracker import Tracker
from srn_core.versions import versions
from srn_core.victims.own import OwnVictim
from srn_core.victims.registry import is_own, load_victim


@dataclass(frozen=True, kw_only=True)
class EvaluateFacesArgs(RunOptions):
    """What is measured, how, and where the figures go."""

    data: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    """Data spec to measure on, KIND:PATH?key=value&key=value; repeat for several."""
    checkpoint: str | None = None
    """The tracker: a checkpoint's name or folder, or MODULE:FUNCTION[?weights=PATH], a torch module of your own."""
    predictions: Path | None = None
    """Published predictions to measure instead of a checkpoint: a file in the format of the COFW68 benchmark. Needs
    --data cofw68:PATH."""
    normaliser: Normaliser | None = None
    """The length that errors are divided by. Default: inter-ocular for 68 and 98 points, inter-pupil for 29 points and for
    --predictions."""
    points: Points = "all"
    """Landmarks that count: all, or only those that the annotation marks as visible."""
    json: Path | None = None
    """Write the figures here: one record, or a list of records if --data is repeated. - is the standard output."""
    plot: Path | None = None
    """Write the cumulative error distribution here (.png, .pdf or .svg)."""
    rows: Path | None = None
    """Write one JSON line per face here (.jsonl): data, clip, frame, NME in percent."""
    report: Path | None = None
    """Write a page here (.html) that works offline: figures, error curve, and the faces with their points, worst first."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    batch_size: int = 32
    """Faces that the network sees at once. Lower it if memory runs out."""


def run(words: Sequence[str]) -> None:
    """The command ``srn evaluate``."""
    args = read_options(EvaluateFacesArgs, __doc__, "srn evaluate", words)
    _check(args)
    evaluations = _evaluations(args)
    source = {"checkpoint": args.checkpoint, "predictions": str(args.predictions) if args.predictions else None}
    command = shlex.join(["srn", "evaluate", *words])
    ran = {"command": command, "versions": versions()}
    records = [{**source, **ran, **evaluation.summary()} for evaluation in evaluations]
    title = f"Predictions {args.predictions}" if args.predictions else f"Checkpoint {args.checkpoint}"
    notes = [note for evaluation in evaluations for note in evaluation.clip_set.notes]
    if args.json:
        write_json(args.json, records if len(records) > 1 else records[0])
    if args.plot:
        plot_ced(args.plot, {e.clip_set.spec: e.nme for e in evaluations}, evaluations[0].normaliser)
    if args.rows:
        rows = (row for evaluation in evaluations for row in evaluation.rows())
        write_text(args.rows, "".join(json_text(args.rows, row) + "\n" for row in rows))
    if args.report:
        write_evaluation_page(args.report, title, evaluations, command)
    # Files first: whoever reads the standard output may stop reading (| head).
    said_on = report_stream((args.json, args.rows))
    print_report(Console(markup=False, highlight=False, file=said_on), title, records, notes)


def _evaluations(args: EvaluateFacesArgs) -> list[Evaluation]:
    tracker = _tracker(args.checkpoint, args) if args.checkpoint is not None else None
    clip_sets = [load_clips(spec) for spec in args.data]
    if args.predictions:
        normaliser = args.normaliser or "inter-pupil"
        return [evaluate_predictions(args.predictions, clip_set, normaliser, args.points) for clip_set in clip_sets]
    assert tracker is not None
    how = {"normaliser": args.normaliser, "batch_size": args.batch_size, "points": args.points, **_run(args)}
    return [evaluate(tracker, clip_set, **how) for clip_set in clip_sets]


def _tracker(name: str, args: EvaluateFacesArgs) -> Tracker | OwnVictim:
    if not is_own(name):
        return Tracker(load_pretrained(name), args.device, args.batch_size)
    victim = load_victim(name, args.device)
    if not isinstance(victim, OwnVictim):
        raise UserError(f"--checkpoint {name}: returned a {type(victim).__name__}; expected a torch.nn.Module")
    victim.batch_size = args.batch_size
    return victim


def _run(args: EvaluateFacesArgs) -> dict[str, Any]:
    return {field.name: getattr(args, field.name) for field in fields(RunOptions)}


def _check(args: EvaluateFacesArgs) -> None:
    if not args.data:
        raise UserError("no --data; expected at least one data spec, KIND:PATH?key=value")
    if (args.checkpoint is None) == (args.predictions is None):
        given = "neither" if args.checkpoint is None else "both"
        raise UserError(f"--checkpoint, --predictions: {given} given; expected one of the two")
    if args.predictions and RunOptions(**_run(args)) != RunOptions():
        raise UserError(
            f"--predictions {args.predictions}: no tracker runs; leave out --mode, --boxes, --start, --steps, --mirror"
        )
    kinds = {parse_spec(spec).kind for spec in args.data} - {"cofw68"}
    if args.predictions and kinds:
        raise UserError(f"--predictions with data of kind '{kinds.pop()}'; expected --data cofw68:PATH")
    check_numbers(args, {"batch_size": COUNT})
    if args.plot and args.plot.suffix.lower() not in PLOT_ENDINGS:
        raise UserError(f"--plot {args.plot}: unknown ending; expected one of {', '.join(PLOT_ENDINGS)}")
    check_page_name("--report", args.report)
    check_outputs((args.json, args.plot, args.rows, args.report), (args.predictions,))

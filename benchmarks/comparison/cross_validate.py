"""Compare learners on all people: those of each fold are played by players that were trained on the people of the other folds.

DIR=../shared/data
python benchmarks/comparison/cross_validate.py --clips "300vw:$DIR/talk2/train" --train-clips "300vw:$DIR/talk2/train" \\
  --tracker crossfit:runs/folds --learners dqn
python benchmarks/comparison/cross_validate.py ... # the same command again: finished trainings are not repeated

With the victim crossfit:DIR of as many folds, the tracker has not met the people either. A hash of a person's name decides the
fold, as in srn train --fold.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common.commands import benchmark_command
from benchmarks.common.results import ResultRow, read_rows, write_results
from benchmarks.common.tables import show_page
from benchmarks.compare_policies import compare
from benchmarks.comparison.args import CompareArgs
from benchmarks.comparison.plots import plot_learned
from benchmarks.comparison.report import comparison_page, summarise_learners
from srn_core.cli.options import read_options
from srn_core.data.several import Specs, listed_specs
from srn_core.data.spec import with_option
from srn_core.errors import UserError, command
from srn_core.io.files import plain
from srn_core.versions import versions


@dataclass(frozen=True, kw_only=True)
class CrossValidateArgs(CompareArgs):
    """Compare learners on people that they were not trained on, until all people have been played."""

    folds: int = 2
    """Equal parts of all people. --clips, --train-clips and --measured-train-clips name everybody; each fold keeps its part."""
    out: Path = Path("runs/cross-validation")
    """Folder for figures.json, rows.csv.gz, README.md and plots, with one folder of benchmarks/compare_policies.py per fold."""


def cross_validate(args: CrossValidateArgs) -> list[ResultRow]:
    """Train, play, print, plot and write; returns one figure per learner and named policy, over the people of all folds."""
    if args.folds < 2:
        raise UserError(f"--folds {args.folds}: expected at least 2")
    if not args.learners:
        raise UserError("--learners: none given; expected at least one, such as dqn")
    rows: list[ResultRow] = []
    for number in range(1, args.folds + 1):
        compare(part := _fold(args, number))
        rows += read_rows(part.out, "rows")
    settings = plain(args)
    record: dict[str, Any] = {"kind": "comparison", "command": benchmark_command("comparison/cross_validate", args, ())}
    record |= {"versions": versions(), "settings": settings}
    record["learners"] = summarise_learners(rows, args.learners[0].partition("@")[0])
    show_page(page := comparison_page(record))
    write_results(args.out, record, page, rows=rows)
    plot_learned(args.out, record, rows, ())
    return list(record["learners"])


def _fold(args: CrossValidateArgs, number: int) -> CompareArgs:
    """The comparison whose held-out people are those of a fold."""
    others = [other for other in range(1, args.folds + 1) if other != number]

    def kept(specs: Specs, folds: list[int]) -> tuple[str, ...]:
        return tuple(with_option(spec, "fold", f"{fold}/{args.folds}") for spec in listed_specs(specs) for fold in folds)

    given = {field.name: getattr(args, field.name) for field in dataclasses.fields(CompareArgs)}
    given |= {"clips": kept(args.clips, [number]), "train_clips": kept(args.train_clips or args.clips, others)}
    given |= {"measured_train_clips": kept(args.measured_train_clips, others), "out": args.out / f"fold-{number}"}
    return CompareArgs(**given)


@command
def main() -> None:
    cross_validate(read_options(CrossValidateArgs, __doc__))


if __name__ == "__main__":
    main()

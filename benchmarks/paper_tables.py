"""The paper's tables, with its rows and ours side by side.

python benchmarks/paper_tables.py --table 2 4 --data-root DIR                        # Masked 300W and 300W, of srn-small
python benchmarks/paper_tables.py --table 6 --checkpoint srn-small runs/srn --device cuda
python benchmarks/paper_tables.py --table 7 8 9                                # from the results of ablation.py and hofs.py
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common.commands import benchmark_command
from benchmarks.common.results import write_results
from benchmarks.common.tables import show_page
from benchmarks.paper.measure import MEASURES
from benchmarks.paper.numbers import TABLES
from benchmarks.paper.report import Found, paper_page, paper_record
from benchmarks.paper.runs import ablation_rows, hofs_rows
from benchmarks.paper.setup import Setup, count_parameters
from srn_core.checkpoints import load_pretrained
from srn_core.cli.options import read_options
from srn_core.errors import UserError, command
from srn_core.tracking.tracker import Tracker


@dataclass(frozen=True, kw_only=True)
class PaperTablesArgs:
    """Reproduce tables of the paper."""

    table: tuple[int, ...]
    """Numbers of tables. 1 COFW29, COFW68 and WFLW's occlusion subset; 2 Masked 300W; 3 COFW68; 4 300W; 5 300VW; 6 speed;
    7 HSRM; 8 non-local block; 9 hard synthesis."""
    data_root: Path | None = None
    """Folder that holds 300w, 300vw, cofw29, cofw68 and wflw. Absent sets are listed."""
    checkpoint: tuple[str, ...] = ("srn-small",)
    """Names or folders of checkpoints. Each is measured on the tables of its landmark scheme. 68 points: all tables except
    parts of Table 1."""
    mirror: bool = False
    """Average the landmarks with those of the mirror image, as the paper does. Only on stills (Tables 1 to 4)."""
    ablation: Path | None = None
    """Results folder for Tables 7 and 8. Default: runs/ablation, else benchmarks/results/ablation/parts."""
    hofs: Path | None = None
    """Results folder for Table 9. Default: runs/hofs/square, else benchmarks/results/hofs/square."""
    seconds: float = 1.0
    """Seconds to measure each figure of Table 6; more give steadier figures."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    out: Path = Path("runs/paper-tables")
    """OUT/table-N gets figures.json and README.md."""


def paper_tables(args: PaperTablesArgs) -> dict[int, Found]:
    """Measure, print and write each table; returns what was measured.

    Raises:
        UserError: a table, the data root or a checkpoint does not exist, or a table has nothing to show (others are written).
    """
    _check(args)
    measured = any(number in MEASURES for number in args.table)
    trackers = {name: Tracker(load_pretrained(name), args.device) for name in args.checkpoint} if measured else {}
    setup = Setup(trackers, args.data_root, args.mirror, args.seconds)
    done: dict[int, Found] = {}
    for number in dict.fromkeys(args.table):
        done[number] = _measure(args, setup, number)
        if _has_rows(number, done[number]):
            _show(args, setup, number, done[number])
    if empty := {number: found.missing for number, found in done.items() if not _has_rows(number, found)}:
        raise UserError(
            "; ".join(f"Table {number}: nothing to show, missing {'; '.join(lines)}" for number, lines in empty.items())
        )
    return done


def _measure(args: PaperTablesArgs, setup: Setup, number: int) -> Found:
    if number in MEASURES:
        return MEASURES[number](setup)
    return hofs_rows(args.hofs) if number == 9 else ablation_rows(number, args.ablation)


def _show(args: PaperTablesArgs, setup: Setup, number: int, found: Found) -> None:
    given = dataclasses.replace(args, table=(number,), data_root=args.data_root and Path("DATA"))
    made_by = benchmark_command("paper_tables", given, ("out",))
    checkpoints = [
        {"checkpoint": name, "key": tracker.key, "scheme": tracker.scheme.name, "parameters": count_parameters(tracker)}
        for name, tracker in setup.trackers.items()
        if number in MEASURES
    ]
    record = paper_record(number, TABLES[number], found, made_by, checkpoints)
    show_page(page := paper_page(number, TABLES[number], found, made_by))
    write_results(args.out / f"table-{number}", record, page)


def _has_rows(number: int, found: Found) -> bool:
    return bool(found.rows) or any(section.rows for section in TABLES[number].sections)


def _check(args: PaperTablesArgs) -> None:
    if unknown := [str(number) for number in args.table if number not in TABLES]:
        raise UserError(f"--table {' '.join(unknown)}: no such table; expected some of {', '.join(map(str, TABLES))}")
    if not args.table or not args.checkpoint:
        raise UserError("--table or --checkpoint: none given; expected at least one of each")
    if args.data_root is not None and not args.data_root.is_dir():
        raise UserError(
            f"--data-root {args.data_root}: no such folder; expected a folder that holds 300w, 300vw, cofw29, cofw68 and wflw"
        )


@command
def main() -> None:
    paper_tables(read_options(PaperTablesArgs, __doc__))


if __name__ == "__main__":
    main()

"""The paper's tables, its own rows beside ours.

python benchmarks/paper_tables.py --table 2 4 --data-root DIR                        # Masked 300W and 300W, of srn-small
python benchmarks/paper_tables.py --table 6 --checkpoint srn-small runs/srn --device cuda
python benchmarks/paper_tables.py --table 7 8 9                                      # from ablation.py's and hofs.py's files
"""

from __future__ import annotations

import dataclasses
import shlex
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common.settings import option_words
from benchmarks.paper.measure import MEASURES
from benchmarks.paper.numbers import TABLES
from benchmarks.paper.report import Found, page, print_table, record
from benchmarks.paper.runs import ablation_rows, hofs_rows
from benchmarks.paper.setup import Setup, count_parameters
from srn_core.checkpoints import load_pretrained
from srn_core.cli.options import read_options
from srn_core.errors import UserError, command
from srn_core.io.files import write_json, write_text
from srn_core.tracking.tracker import Tracker


@dataclass(frozen=True)
class PaperTablesArgs:
    """Redo tables of the paper."""

    table: tuple[int, ...]
    """1 COFW29, COFW68 and WFLW's occlusion subset; 2 Masked 300W; 3 COFW68; 4 300W; 5 300VW; 6 speed; 7 HSRM; 8 non-local
    block; 9 hard synthesis."""
    data_root: Path | None = None
    """Folder that holds 300w, 300vw, cofw29, cofw68 and wflw; what is absent is listed."""
    checkpoint: tuple[str, ...] = ("srn-small",)
    """Names or folders of checkpoints; each is measured on the tables of its landmarks (68: all but parts of Table 1)."""
    mirror: bool = False
    """Average with the mirror image, as the paper does; on stills (Tables 1 to 4)."""
    ablation: Path | None = None
    """ablation.json for Tables 7 and 8; runs/ablation's or that under benchmarks/results where not given."""
    hofs: Path | None = None
    """hofs.json for Table 9; runs/hofs/square's or that under benchmarks/results where not given."""
    seconds: float = 1.0
    """Time for a figure of Table 6."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    out: Path = Path("runs/paper-tables")
    """Folder for table-N.json (raw figures) and table-N.md."""


def paper_tables(args: PaperTablesArgs) -> dict[int, Found]:
    """Measure, print and write each table; returns what was measured.

    Raises:
        UserError: no such table, data root or checkpoint, or nothing to show in some table; the others are done.
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
    made_by = shlex.join(["python", "benchmarks/paper_tables.py", *option_words(given, ("out",))])
    checkpoints = [
        {"checkpoint": name, "key": tracker.key, "scheme": tracker.scheme.name, "parameters": count_parameters(tracker)}
        for name, tracker in setup.trackers.items()
        if number in MEASURES
    ]
    print_table(number, TABLES[number], found)
    write_json(args.out / f"table-{number}.json", record(number, TABLES[number], found, made_by, checkpoints))
    write_text(args.out / f"table-{number}.md", page(number, TABLES[number], found, made_by))


def _has_rows(number: int, found: Found) -> bool:
    return bool(found.rows) or any(section.rows for section in TABLES[number].sections)


def _check(args: PaperTablesArgs) -> None:
    if unknown := [str(number) for number in args.table if number not in TABLES]:
        raise UserError(f"--table {' '.join(unknown)}: no such table; expected some of {', '.join(map(str, TABLES))}")
    if not args.table or not args.checkpoint:
        raise UserError("--table or --checkpoint: none given; expected at least one of each")
    if args.data_root is not None and not args.data_root.is_dir():
        raise UserError(
            f"--data-root {args.data_root}: no such folder; expected the one that holds 300w, 300vw, cofw29, cofw68 and wflw"
        )


@command
def main() -> None:
    paper_tables(read_options(PaperTablesArgs, __doc__))


if __name__ == "__main__":
    main()

"""Make a page of runs: one HTML file that works offline, with what was run, tables, curves and episodes to scrub through.

python benchmarks/report.py runs/dqn-1 --out report.html
python benchmarks/report.py runs/dqn-1 runs/sb3-ppo-1 runs/comparison --episodes 6 --out report.html
"""

from collections.abc import Sequence
from pathlib import Path

import srn_core.threads  # noqa: F401

from benchmarks.reporting.args import ReportArgs
from benchmarks.reporting.logs import curves_section
from benchmarks.reporting.matches import match_sections, short_names
from benchmarks.reporting.runs import Run, read_run
from srn_core.cli.options import read_options
from srn_core.errors import command
from srn_core.io.files import check_outputs
from srn_core.pages.page import Section, write_page
from srn_core.pages.sections import facts
from srn_core.versions import versions


def report(args: ReportArgs) -> None:
    """Read the runs, play their episodes, write the page."""
    check_outputs((args.out,), args.runs)
    runs = [read_run(path) for path in args.runs]
    write_page(args.out, page_title(args.runs), page_sections(args, runs))
    print(f"wrote {args.out}, {args.out.stat().st_size / 1e6:.1f} MB")


def page_title(paths: Sequence[Path]) -> str:
    """Names the runs of a page."""
    return f"Report: {', '.join(path.name or str(path) for path in paths)}"


def page_sections(args: ReportArgs, runs: Sequence[Run]) -> list[Section]:
    """The episodes first, then the tables and curves, then what was run."""
    sections = match_sections([run.match for run in runs if run.match is not None], args.episodes, args.frames, args.device)
    names = short_names([str(run.path) for run in runs])
    curves = curves_section({names[str(run.path)]: run.logs for run in runs})
    parts = [{**section, "title": f"{run.path.name}: {section['title']}"} for run in runs for section in run.sections]
    tables = [part for part in parts if part["kind"] == "table"]
    return [
        *sections, *tables, *([curves] if curves else []), *(part for part in parts if part["kind"] == "facts"),
        facts("Versions that made this page", versions()),
    ]  # fmt: skip


@command
def main() -> None:
    report(read_options(ReportArgs, __doc__))


if __name__ == "__main__":
    main()

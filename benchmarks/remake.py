"""Write the figures, pages and plots of stored results again from their rows, for instance after a page's wording has changed.

python benchmarks/remake.py                                    # all folders under benchmarks/results
python benchmarks/remake.py --folders runs/ablation            # one folder

Figures that rows do not determine exactly are kept: rows of policies and of single faces are rounded. Results of earlier
versions have no rows of learning curves; their plot stays as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.accuracy import accuracy_page, plot_accuracy
from benchmarks.common.results import FIGURES, ROWS_SUFFIX, read_figures, read_rows, write_results
from benchmarks.comparison.plots import plot_learned, plot_played
from benchmarks.comparison.report import comparison_page, summarise_learners
from benchmarks.others.report import others_page, plot_others, summarise_others
from benchmarks.player_ablation import ablation_figures, ablation_page
from benchmarks.scenes.report import following_page, summarise_scenes, summarise_smoothing
from benchmarks.speed.cost import plot_costs
from benchmarks.synthesis.plots import ARMS, plot_arms
from benchmarks.synthesis.report import arms_page, comparable, summarise_arms
from benchmarks.throughput import COSTS, throughput_page
from benchmarks.tune import tuning_page
from benchmarks.variants.plots import VARIANTS, plot_variants
from benchmarks.variants.report import summarise_variants, variants_page
from srn_core.cli.options import read_options
from srn_core.errors import UserError, command

RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True, kw_only=True)
class RemakeArgs:
    """Make figures and pages of results again from their rows."""

    folders: tuple[Path, ...] = ()
    """Folders of results. Default: all under benchmarks/results."""


def remake(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """What ``figures.json`` and ``README.md`` of a folder hold, made again from its rows."""
    record = read_figures(folder)
    match record.get("kind"):
        case "ablation":
            parameters = {figure["variant"]: figure["parameters"] for figure in record["figures"]}
            record["figures"] = summarise_variants(read_rows(folder, "rows"), parameters)
            return record, variants_page(record)
        case "hofs":
            parts = comparable(read_rows(folder, "rows"))
            record["figures"] = [figure for part in parts for figure in summarise_arms(part)]
            return record, arms_page(record)
        case "comparison":
            if "learners" in record:
                record["learners"] = summarise_learners(read_rows(folder, "rows"), record["learners"][0]["policy"])
            return record, comparison_page(record)
        case "player-ablation":
            return (record := record | ablation_figures(read_rows(folder, "rows"))), ablation_page(record)
        case "tuning":
            return record, tuning_page(record)
        case "accuracy":
            return record, accuracy_page(record, folder.name)
        case "throughput":
            return record, throughput_page(record)
        case "peers":
            record["figures"] = summarise_others(read_rows(folder, "rows"), record["models"])
            return record, others_page(record)
        case "following":
            record["scenes"] = summarise_scenes(read_rows(folder, "scenes"))
            record["smoothing"] = summarise_smoothing(read_rows(folder, "smoothing"))
            return record, following_page(record)
    raise UserError(f"{folder}: holds results of the kind '{record.get('kind')}', which cannot be made again from rows")


def redraw(folder: Path, record: Mapping[str, Any]) -> None:
    """The plots of a folder, from its record and its rows."""
    match record["kind"]:
        case "ablation":
            plot_variants(record["figures"], read_rows(folder, "rows"), record["title"], folder / VARIANTS)
        case "hofs":
            part = comparable(read_rows(folder, "rows"))[0]
            plot_arms(summarise_arms(part), part, record["title"], folder / ARMS)
        case "comparison":
            if "policies" in record:
                plot_played(folder, record, read_rows(folder, "episodes"))
            if "learners" in record:
                curves = folder / f"curves{ROWS_SUFFIX}"
                plot_learned(folder, record, read_rows(folder, "rows"), read_rows(folder, "curves") if curves.is_file() else ())
        case "accuracy":
            plot_accuracy(folder, read_rows(folder, "rows"))
        case "peers":
            plot_others(folder, read_rows(folder, "rows"), record["models"])
        case "throughput" if (folder / COSTS).is_file():
            plot_costs(record["figures"], folder / COSTS)


@command
def main() -> None:
    args = read_options(RemakeArgs, __doc__)
    for folder in args.folders or sorted(path.parent for path in RESULTS.rglob(FIGURES)):
        record, page = remake(folder)
        write_results(folder, record, page)
        redraw(folder, record)


if __name__ == "__main__":
    main()

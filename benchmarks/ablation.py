"""The paper's Tables 7 and 8: the network without each of its parts, and SRN+HG (with an hourglass), all trained the same way.

--variants also takes other cascade steps K, crops, sizes, losses, starts of the cascade, training occluders and turns of the
training faces. --mode track also measures the jitter on continuous video.

python benchmarks/ablation.py                                                        # on the clips that ship
python benchmarks/ablation.py --data "300w:DIR?split=train" --test "300w:DIR?split=common" --test "300w:DIR?split=challenging"
python benchmarks/ablation.py --variants full relation=off --seeds 0 1 --out DIR
python benchmarks/ablation.py --ray ray://HOST:10001     # the trainings as jobs of a Ray cluster
python benchmarks/ablation.py ... # the same command again: finished trainings are not repeated
"""

import dataclasses

from benchmarks.common.clip_nme import check_measurable
from benchmarks.common.commands import benchmark_command, training_command
from benchmarks.common.jobs import run_jobs
from benchmarks.common.results import ResultRow, write_results
from benchmarks.common.settings import check_settings, fixed_settings
from benchmarks.common.tables import show_page
from benchmarks.variants.args import AblationArgs
from benchmarks.variants.jobs import VariantJob, finish_variant, variant_parameters, variant_training
from benchmarks.variants.plots import VARIANTS, plot_variants
from benchmarks.variants.report import summarise_variants, variants_page
from srn_core.cli.options import read_options
from srn_core.errors import UserError, command
from srn_core.io.files import plain
from srn_core.training.args import refuse_masked
from srn_core.versions import versions

# Arguments that may change between calls that share a folder.
FREE = ("variants", "seeds", "out", "device", "ray", "ray_gpus")


def ablation(args: AblationArgs) -> list[ResultRow]:
    """Train, measure, print, plot and write; returns one figure per test set and variant."""
    args = _filled_in(args)
    check_settings(args.out, fixed_settings(args, FREE))
    jobs = [VariantJob(args, variant, seed) for seed in args.seeds for variant in args.variants]
    rows = [row for found in run_jobs(finish_variant, jobs, args.ray, args.ray_gpus) for row in found]
    figures = summarise_variants(rows, {variant: variant_parameters(args, variant) for variant in args.variants})
    title = f"{args.preset}, {args.steps} steps of {args.batch} faces, {len(args.seeds)} seeds, {args.mode}"
    record = {
        "kind": "ablation",
        "title": title,
        "command": benchmark_command("ablation", args),
        "settings": plain(args),
        "versions": versions(),
        "trainings": {v: training_command(variant_training(args, v, args.seeds[0])) for v in args.variants},
        "figures": figures,
    }
    show_page(page := variants_page(record))
    write_results(args.out, record, page, rows=rows)
    plot_variants(figures, rows, title, args.out / VARIANTS)
    return figures


def _filled_in(args: AblationArgs) -> AblationArgs:
    if not args.variants or not args.seeds:
        raise UserError("--variants or --seeds: none given; expected at least one of each")
    if "start=previous" in args.variants and args.mode != "track":
        raise UserError(f"--variants start=previous with --mode {args.mode}: needs the previous frame; use --mode track")
    data, test = args.data or ("demo?split=train",), args.test or ("demo?split=val",)
    refuse_masked(data)
    check_measurable(test)
    return dataclasses.replace(args, data=data, test=test)


@command
def main() -> None:
    ablation(read_options(AblationArgs, __doc__))


if __name__ == "__main__":
    main()

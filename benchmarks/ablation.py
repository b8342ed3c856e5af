"""The paper's Tables 7 and 8: the network without each of its parts, and SRN+HG (with an hourglass), all trained the same way.

--variants also takes other cascade steps K, crops, losses, starts of the cascade and training occluders. --mode track also
measures the jitter on continuous video.

python benchmarks/ablation.py                                                        # on the clips that ship
python benchmarks/ablation.py --data "300w:DIR?split=train" --test "300w:DIR?split=common" --test "300w:DIR?split=challenging"
python benchmarks/ablation.py --variants full relation=off --seeds 0 1 --out DIR
python benchmarks/ablation.py ... # the same command again: finished trainings are not repeated
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from tqdm import tqdm

from benchmarks.common.clip_nme import check_measurable, clean_and_masked
from benchmarks.common.commands import benchmark_command, training_command
from benchmarks.common.results import ResultRow, write_results
from benchmarks.common.settings import check_settings, finished_rows, fixed_settings
from benchmarks.common.tables import show_page
from benchmarks.variants.args import AblationArgs, Variant
from benchmarks.variants.report import plot_variants, summarise_variants, variants_page
from srn_core.checkpoints import load_pretrained, starting_model
from srn_core.cli.options import read_options
from srn_core.errors import UserError, command
from srn_core.io.files import plain
from srn_core.model import SRN
from srn_core.tracking.tracker import Tracker
from srn_core.training.args import TrainArgs, refuse_masked
from srn_core.training.optimiser import SHORT_LR, SHORT_MUON_LR
from srn_core.training.state import STATE
from srn_core.training.train import train

# Variants that change the training; all others change the architecture.
TRAINING_FIELDS = ("loss", "start", "occlusion")
# Arguments that may change between calls that share a folder.
FREE = ("variants", "seeds", "out", "device")


def ablation(args: AblationArgs) -> list[ResultRow]:
    """Train, measure, print, plot and write; returns one figure per test set and variant."""
    args = _filled_in(args)
    check_settings(args.out, fixed_settings(args, FREE))
    rows: list[ResultRow] = []
    jobs = [(variant, seed) for seed in args.seeds for variant in args.variants]
    for variant, seed in tqdm(jobs, desc="variants x seeds"):
        rows += _finish(args, variant, seed)
    figures = summarise_variants(rows, {variant: variant_parameters(args, variant) for variant in args.variants})
    title = f"{args.preset}, {args.steps} steps of {args.batch} faces, {len(args.seeds)} seeds, {args.mode}"
    record = {
        "kind": "ablation",
        "title": title,
        "command": benchmark_command("ablation", args),
        "settings": plain(args),
        "trainings": {v: training_command(variant_training(args, v, args.seeds[0])) for v in args.variants},
        "figures": figures,
    }
    show_page(page := variants_page(record))
    write_results(args.out, record, page, rows=rows)
    plot_variants(figures, rows, title, args.out / "variants.png")
    return figures


def variant_training(args: AblationArgs, variant: Variant, seed: int) -> TrainArgs:
    """The arguments of ``srn train``. There are no validation clips, so the last weights are kept."""
    training = TrainArgs(
        data=args.data, out=args.out / variant / f"seed-{seed}", preset=args.preset,
        config_override=_overrides(args, variant), steps=args.steps, batch=args.batch,
        warmup=min(TrainArgs.warmup, max(args.steps // 10, 1)), occlusion=args.occlusion, lr=SHORT_LR, muon_lr=SHORT_MUON_LR,
        precision=args.precision, device=args.device, seed=seed, val_every=args.save_every,
    )  # fmt: skip
    return dataclasses.replace(training, **_training_changes(variant))


def variant_parameters(args: AblationArgs, variant: Variant) -> int:
    """How many weights the variant has. With memory=off this counts the memory's weights, which nothing reads."""
    model: SRN = starting_model(args.preset, None, _overrides(args, variant))
    return sum(parameter.numel() for parameter in model.parameters())


def _training_changes(variant: Variant) -> dict[str, Any]:
    field, _, value = variant.partition("=")
    return {field: value} if field in TRAINING_FIELDS else {}


def _overrides(args: AblationArgs, variant: Variant) -> tuple[str, ...]:
    return args.config_override + (() if variant == "full" or _training_changes(variant) else (variant,))


def _finish(args: AblationArgs, variant: Variant, seed: int) -> list[ResultRow]:
    """The rows of one variant and seed, one per test set and clip; trained and measured if that is not done yet."""
    training = variant_training(args, variant, seed)
    state = training.out / STATE

    def measured() -> Iterator[ResultRow]:
        train(dataclasses.replace(training, resume=state.is_file()))
        tracker = Tracker(load_pretrained(training.out), args.device)
        for spec in args.test:
            for row in clean_and_masked(tracker, spec, args.mode, training.start, with_jitter=args.mode == "track"):
                yield {"variant": variant, "seed": seed, **row}

    rows = finished_rows(training.out, measured)
    # The optimisers' state is four times as large as the tracker, and nothing resumes from it.
    state.unlink(missing_ok=True)
    return rows


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

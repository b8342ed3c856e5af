"""The paper's Tables 7 and 8: the network without each of its parts, and SRN+HG, all trained and measured alike.

On request also with another K, crop, loss, start of the cascade or occluders in training. With --mode track the jitter on
continuous clips is measured too.

python benchmarks/ablation.py                                                        # on the clips that ship
python benchmarks/ablation.py --data "300w:DIR?split=train" --test "300w:DIR?split=common" --test "300w:DIR?split=challenging"
python benchmarks/ablation.py --variants full relation=off --seeds 0 1 --out DIR
python benchmarks/ablation.py ... # again: what is finished is not done again
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import tyro
from tqdm import tqdm

from benchmarks.common.clip_nme import check_measurable, clean_and_masked
from benchmarks.common.settings import check_settings, option_words, training_command
from benchmarks.variants.report import plot_figures, print_figures, summarise
from srn_core.checkpoints import load_pretrained
from srn_core.cli.options import read_options
from srn_core.errors import UserError, command
from srn_core.io.files import plain, plain_defaults, read_json, write_json
from srn_core.model import SRN
from srn_core.tracking.batch import Mode
from srn_core.tracking.tracker import Tracker
from srn_core.training.args import TrainArgs, refuse_masked
from srn_core.training.augment import Occlusion
from srn_core.training.optimiser import SHORT_LR, SHORT_MUON_LR
from srn_core.training.start import starting_model
from srn_core.training.state import STATE
from srn_core.training.train import train

Part = Literal[
    "full", "relation=off", "relation=embedded_gaussian", "maps=off", "groups=off", "outputs=own", "outputs=off",
    "global_shape=off", "memory=off", "memory=frame", "initial_shape=hourglass",
]  # fmt: skip
Setting = Literal[
    "steps=1", "steps=2", "crop_factor=1.2", "crop_factor=1.4", "crop_factor=1.6", "loss=wing", "loss=smooth-l1",
    "loss=adaptive-wing", "start=previous", "occlusion=none", "occlusion=square", "occlusion=masklike",
]  # fmt: skip
Variant = Literal[Part, Setting]
# Variants of the training; the others are of the architecture.
TRAINING_FIELDS = ("loss", "start", "occlusion")
# What may change between calls that share a folder; all else must stay as it was.
FREE = ("variants", "seeds", "out", "device")


@dataclass(frozen=True)
class AblationArgs:
    """Train every variant of the network from nothing, with the same data, steps and seeds, and measure each."""

    variants: tuple[Variant, ...] = get_args(Part)
    """full, or the one field of SRNConfig or of the training in which the variant differs from it. Where none is given: the
    parts of the network, not K, crop, loss, start and occlusion. After occlusion=masklike masks are none of the unseen."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Each seed is a training of every variant; with one seed, all see the same batches."""
    data: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec to train on; repeat for several. demo?split=train where none is given."""
    test: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Held-out data spec to measure on, clean and masked; repeat for several. demo?split=val where none is given."""
    mode: Mode = "detect"
    """How variants are measured. detect: every frame alone; track: the memory runs, and videos have a jitter."""
    preset: Literal["small", "paper"] = "small"
    """Architecture of full."""
    config_override: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """KEY=VALUE in place of the preset's, in all variants; repeat for several."""
    steps: int = 300
    """Optimiser steps of a training."""
    batch: int = 64
    """Faces a step."""
    occlusion: Occlusion = "varied"
    """Occluders drawn on training faces: none, the paper's noise square, varied shapes and fillings, or these and masklike
    ones, after which the masked figures are none of the unseen."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of training."""
    save_every: int = 100
    """Steps after which an interrupted training can go on."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    out: Path = Path("runs/ablation")
    """Folder for trackers, rows, ablation.json and ablation.png; what is finished there is not done again."""


def ablation(args: AblationArgs) -> list[dict[str, Any]]:
    """Train, measure, print, plot and write; returns the figures, one row a test set and variant."""
    args = _filled_in(args)
    settings = {name: value for name, value in plain(args).items() if name not in FREE}
    check_settings(args.out, settings, plain_defaults(AblationArgs))
    rows: list[dict[str, Any]] = []
    jobs = [(variant, seed) for seed in args.seeds for variant in args.variants]
    for variant, seed in tqdm(jobs, desc="variants x seeds"):
        rows += finished_rows(args, variant, seed)
    figures = summarise(rows, {variant: count_parameters(args, variant) for variant in args.variants})
    title = f"{args.preset}, {args.steps} steps of {args.batch} faces, {len(args.seeds)} seeds, {args.mode}"
    print_figures(figures, title)
    write_json(
        args.out / "ablation.json",
        {
            "settings": plain(args),
            "command": shlex.join(["python", "benchmarks/ablation.py", *option_words(args, ("device",))]),
            "trainings": {v: training_command(training_args(args, v, args.seeds[0])) for v in args.variants},
            "figures": figures,
            "rows": rows,
        },
    )
    plot_figures(figures, rows, title, args.out / "ablation.png")
    return figures


def training_args(args: AblationArgs, variant: Variant, seed: int) -> TrainArgs:
    """What ``srn train`` is called with; nothing is validated on, so the last weights are kept."""
    training = TrainArgs(
        args.data, args.out / variant / f"seed-{seed}", preset=args.preset, config_override=_overrides(args, variant),
        steps=args.steps, batch=args.batch, warmup=min(TrainArgs.warmup, max(args.steps // 10, 1)), occlusion=args.occlusion,
        lr=SHORT_LR, muon_lr=SHORT_MUON_LR, precision=args.precision, device=args.device, seed=seed, val_every=args.save_every,
    )  # fmt: skip
    return dataclasses.replace(training, **_training_changes(variant))


def _training_changes(variant: Variant) -> dict[str, Any]:
    field, _, value = variant.partition("=")
    return {field: value} if field in TRAINING_FIELDS else {}


def _overrides(args: AblationArgs, variant: Variant) -> tuple[str, ...]:
    return args.config_override + (() if variant == "full" or _training_changes(variant) else (variant,))


def finished_rows(args: AblationArgs, variant: Variant, seed: int) -> list[dict[str, Any]]:
    """One variant and seed: from its file, or trained and measured; a row a test set and clip."""
    training = training_args(args, variant, seed)
    file, state = training.out / "rows.json", training.out / STATE
    if not file.is_file():
        train(dataclasses.replace(training, resume=state.is_file()))
        tracker = Tracker(load_pretrained(training.out), args.device)
        key: Mapping[str, Any] = {"variant": variant, "seed": seed}
        rows = (
            row for spec in args.test
            for row in clean_and_masked(tracker, spec, args.mode, training.start, with_jitter=args.mode == "track")
        )  # fmt: skip
        write_json(file, [{**key, **row} for row in rows])
    # The optimisers' state is four times the tracker, and nothing will go on from it.
    state.unlink(missing_ok=True)
    return list(read_json(file))


def count_parameters(args: AblationArgs, variant: Variant) -> int:
    """How many weights the variant has; with memory=off those of the memory are there, but nothing reads it."""
    model: SRN = starting_model(args.preset, None, _overrides(args, variant))
    return sum(parameter.numel() for parameter in model.parameters())


def _filled_in(args: AblationArgs) -> AblationArgs:
    if not args.variants or not args.seeds:
        raise UserError("--variants or --seeds: none given; expected at least one of each")
    if "start=previous" in args.variants and args.mode != "track":
        raise UserError(f"--variants start=previous with --mode {args.mode}: it follows the frame before; use --mode track")
    data, test = args.data or ("demo?split=train",), args.test or ("demo?split=val",)
    refuse_masked(data)
    check_measurable(test)
    return dataclasses.replace(args, data=data, test=test)


@command
def main() -> None:
    ablation(read_options(AblationArgs, __doc__))


if __name__ == "__main__":
    main()

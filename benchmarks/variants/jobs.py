"""The jobs of an ablation: each trains one variant with one seed and measures it."""

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple

from benchmarks.common.clip_nme import clean_and_masked
from benchmarks.common.results import ResultRow
from benchmarks.common.settings import finished_rows
from benchmarks.variants.args import AblationArgs, Variant
from srn_core.checkpoints import load_pretrained, starting_model
from srn_core.model import SRN
from srn_core.tracking.tracker import Tracker
from srn_core.training.args import TrainArgs
from srn_core.training.optimiser import SHORT_LR, SHORT_MUON_LR
from srn_core.training.state import STATE
from srn_core.training.train import train

# Variants that change the training, and the type of what they change; all others change the architecture.
TRAINING_FIELDS: dict[str, type] = {"loss": str, "start": str, "occlusion": str, "rotation": float}


class VariantJob(NamedTuple):
    """Plain data: it travels to other processes."""

    args: AblationArgs
    variant: Variant
    seed: int


def finish_variant(job: VariantJob) -> list[ResultRow]:
    """The job's rows, one per test set and clip; the variant is trained and measured if that is not done yet."""
    args, variant, seed = job
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
    return {field: TRAINING_FIELDS[field](value)} if field in TRAINING_FIELDS else {}


def _overrides(args: AblationArgs, variant: Variant) -> tuple[str, ...]:
    return args.config_override + (() if variant == "full" or _training_changes(variant) else (variant,))

"""Arguments of short trainings."""

from pathlib import Path

from srn_core.training.args import TrainArgs


def small_args(clip_spec: str, tiny_checkpoint: str, out: Path, **changes) -> TrainArgs:
    options = {"steps": 6, "batch": 8, "sequence": 2, "sequence_every": 2, "val_every": 3, "warmup": 2, "device": "cpu"}
    return TrainArgs(**{"data": (clip_spec,), "val": (clip_spec,), "out": out, "init": tiny_checkpoint, **options, **changes})

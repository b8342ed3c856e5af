"""The command lines that stand for arguments."""

import dataclasses
import shlex
from collections.abc import Collection
from typing import Any, get_type_hints

import tyro

from srn_core.training.args import TrainArgs


def option_words(args: Any, leave_out: Collection[str] = ()) -> list[str]:
    """The words of the options that differ from their defaults. ``args`` is a command's dataclass."""
    words = []
    for name, hint in get_type_hints(type(args), include_extras=True).items():
        value, default = getattr(args, name), getattr(type(args), name, dataclasses.MISSING)
        # Of options that name clips, an empty value stands for the default.
        default = getattr(type(args), "CLIP_DEFAULTS", {}).get(name, default)
        if name in leave_out or value == default:
            continue
        option, values = f"--{name.replace('_', '-')}", map(str, value if isinstance(value, tuple) else (value,))
        if isinstance(value, bool):
            words.append(option if value else f"--no-{option[2:]}")
        elif tyro.conf.UseAppendAction in getattr(hint, "__metadata__", ()):
            words += [word for part in values for word in (option, part)]
        else:
            words += [option, *values]
    return words


def benchmark_command(script: str, args: Any, leave_out: Collection[str] = ("device", "ray", "ray_gpus")) -> str:
    """The command line of ``benchmarks/SCRIPT.py``: the options that differ from their defaults."""
    return shlex.join(["python", f"benchmarks/{script}.py", *option_words(args, leave_out)])


def training_command(args: TrainArgs) -> str:
    """The command line of a training: the options that differ from their defaults."""
    return shlex.join(
        ["srn", "train", "--occlusion", args.occlusion, *option_words(args, ("occlusion", "resume", "allow_masked", "device"))]
    )

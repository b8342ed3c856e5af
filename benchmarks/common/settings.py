"""What benchmarks that train and can be interrupted share: their settings on disk, and the commands that they stand for."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, get_type_hints

import tyro

from srn_core.errors import UserError
from srn_core.io.files import read_json, write_json
from srn_core.training.args import TrainArgs

SETTINGS = "settings.json"


def check_settings(folder: Path, settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Write ``settings.json`` into a benchmark's folder; rows of other settings must not get into its table.

    Args:
        folder: the benchmark's, or a run's.
        settings: all that its rows depend on.
        defaults: what a folder had that was begun before an option came.

    Raises:
        UserError: the folder holds runs of other settings.
    """
    compare_settings(folder, settings, defaults)
    write_json(folder / SETTINGS, settings)


def compare_settings(folder: Path, settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """The check of :func:`check_settings`, for settings that are not all known yet; nothing is written."""
    # Settings alone are those of a call that failed before it made anything.
    if not (folder / SETTINGS).is_file() or all(path.name == SETTINGS for path in folder.rglob("*") if path.is_file()):
        return
    before, now = {**defaults, **read_json(folder / SETTINGS)}, {**defaults, **settings}
    if changed := ", ".join(name for name in now if before.get(name) != now[name]):
        raise UserError(f"{folder}: holds runs of other settings ({changed}); give another --out, or the same settings")


def option_words(args: Any, leave_out: Collection[str] = ()) -> list[str]:
    """The options of a command that differ from its defaults, as its words; ``args`` is its dataclass."""
    words = []
    for name, hint in get_type_hints(type(args), include_extras=True).items():
        value, default = getattr(args, name), getattr(type(args), name, dataclasses.MISSING)
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


def training_command(args: TrainArgs) -> str:
    """The command line of a training: what differs from the defaults."""
    return shlex.join(
        ["srn", "train", "--occlusion", args.occlusion, *option_words(args, ("occlusion", "resume", "allow_masked", "device"))]
    )

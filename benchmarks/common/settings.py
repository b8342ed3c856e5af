"""A benchmark that can be interrupted: its settings must stay the same, and finished rows are not made again."""

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.common.results import ResultRow
from srn_core.errors import UserError
from srn_core.io.files import plain, read_json, write_json

SETTINGS, ROWS = "settings.json", "rows.json"


def fixed_settings(args: Any, free: Collection[str]) -> dict[str, Any]:
    """The arguments that the rows depend on: all of a dataclass but those in ``free``."""
    return {name: value for name, value in plain(args).items() if name not in free}


def check_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write ``settings.json`` into a benchmark's folder, so that rows of other settings cannot get into its table.

    Args:
        folder: of the benchmark or of one run.
        settings: all that the rows depend on.

    Raises:
        UserError: the folder holds runs of other settings.
    """
    compare_settings(folder, settings)
    write_json(folder / SETTINGS, settings)


def compare_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """The check of :func:`check_settings` for settings that are not all known yet. Writes nothing."""
    # A call that failed before it made anything leaves only its settings.
    if not (folder / SETTINGS).is_file() or all(path.name == SETTINGS for path in folder.rglob("*") if path.is_file()):
        return
    before = read_json(folder / SETTINGS)
    if changed := ", ".join(name for name in settings if before.get(name) != settings[name]):
        raise UserError(f"{folder}: holds runs of other settings ({changed}); give another --out, or the same settings")


def finished_rows(folder: Path, make: Callable[[], Iterable[ResultRow]]) -> list[ResultRow]:
    """The rows of one job: read from its folder if it is finished, else made and written there."""
    if not (folder / ROWS).is_file():
        write_json(folder / ROWS, list(make()))
    return list(read_json(folder / ROWS))

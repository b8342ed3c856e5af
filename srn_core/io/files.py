"""Writing files atomically, and JSON."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from srn_core.errors import UserError


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary neighbour of ``path``, then rename it: readers see the old file or the new one."""
    check_writable(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        write(temporary)
        os.replace(temporary, path)
    except OSError as error:
        if error.filename not in (None, str(temporary)):
            raise
        raise UserError(f"{path}: {error.strerror or error}; expected a place with room that can be written to") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Make the folder that a file shall lie in.

    Raises:
        UserError: there is a folder or a device of the file's own name, or the folder cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: is a {'folder' if path.is_dir() else 'device'}; expected the name of a file to write")
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"{path}: its folder cannot be written to; expected a place with room that can be written to")


def check_outputs(outputs: Iterable[Path | None], inputs: Iterable[Path | None] = ()) -> None:
    """Make the folders of the files that a command will write; None is left out.

    Raises:
        UserError: one of them is also read, is written twice, or cannot be written.
    """
    taken = {path.resolve() for path in inputs if path is not None}
    for path in outputs:
        if path is None:
            continue
        if path.resolve() in taken:
            raise UserError(f"{path}: is read by this command, or given for another of its files; give another name")
        taken.add(path.resolve())
        check_writable(path)


def write_text(path: Path, text: str) -> None:
    """Write text atomically."""

    def write(temporary: Path) -> None:
        temporary.write_text(text, encoding="utf-8")

    write_atomically(path, write)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, indented but for lists of numbers, which stay on a line."""
    text = json.dumps(value, indent=1)
    text = re.sub(r"\[\n([-+.\deE,\s]+)\n\s*\]", lambda found: f"[{' '.join(found[1].split())}]", text)
    write_text(path, text + "\n")


def plain(args: Any) -> dict[str, Any]:
    """A dataclass as JSON gives it back."""
    return dict(json.loads(json.dumps(dataclasses.asdict(args), default=str)))


def plain_defaults(kind: Any) -> dict[str, Any]:
    """The defaults of a dataclass as JSON gives them back: what a run that was begun before an option came had for it."""
    found = {field.name: field.default for field in dataclasses.fields(kind) if field.default is not dataclasses.MISSING}
    return dict(json.loads(json.dumps(found, default=str)))


def read_json(path: Path) -> Any:
    """Read a JSON file, or say in one line why not."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); expected a JSON file") from None
    except ValueError as error:
        raise UserError(f"{path}: no valid JSON ({error}); restore the file") from None

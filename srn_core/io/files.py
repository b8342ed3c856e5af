"""Writing files atomically, and JSON."""

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
        raise UserError(f"{path}: {error.strerror or error}; choose a folder with free space that can be written to") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Make the folder of a file that will be written.

    Raises:
        UserError: a folder or a device has the file's name, or the file's folder cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: is a {'folder' if path.is_dir() else 'device'}; expected the name of a file to write")
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"{path}: its folder cannot be written to; choose a folder with free space that can be written to")


def check_outputs(outputs: Iterable[Path | None], inputs: Iterable[Path | None] = ()) -> None:
    """Make the folders of the files that a command will write; None is skipped.

    Raises:
        UserError: a file is also read, is written twice, or cannot be written.
    """
    taken = {path.resolve() for path in inputs if path is not None}
    for path in outputs:
        if path is None:
            continue
        if path.resolve() in taken:
            raise UserError(f"{path}: this command also reads this file or writes it for another option; give another name")
        taken.add(path.resolve())
        check_writable(path)


def write_text(path: Path, text: str) -> None:
    """Write text atomically."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, indented; a list of numbers stays on one line."""
    text = json.dumps(value, indent=1)
    text = re.sub(r"\[\n([-+.\deE,\s]+)\n\s*\]", lambda found: f"[{' '.join(found[1].split())}]", text)
    write_text(path, text + "\n")


def plain(args: Any) -> dict[str, Any]:
    """A dataclass as reading its JSON gives it back: tuples are lists, paths are texts."""
    return dict(json.loads(json.dumps(dataclasses.asdict(args), default=str)))


def read_text(path: Path, expected: str, errors: str = "strict") -> str:
    """Read a text file in UTF-8, with or without the mark that Windows puts before it.

    Args:
        path: the file.
        expected: what it should be, for the message.
        errors: what to do about other bytes, as for :meth:`pathlib.Path.read_text`.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8", errors=errors).removeprefix("\ufeff")
    except (OSError, UnicodeDecodeError) as error:
        problem = getattr(error, "strerror", "not UTF-8 text")
        raise UserError(f"{path}: cannot be read ({problem}); expected {expected}") from None


def list_files(folder: Path, ending: str, deep: bool = False) -> list[Path]:
    """The files of a folder with this ending in lower or upper case, sorted; hidden ones (``._NAME`` of macOS) are no data."""
    found = folder.rglob("*") if deep else folder.glob("*")
    return sorted(path for path in found if path.name.lower().endswith(ending) and not path.name.startswith("."))


def printable_name(path: Path | str) -> str:
    """A path as text that can be printed and encoded: bytes that are no UTF-8 become ``\\xNN``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        UserError: it cannot be read, or is no valid JSON.
    """
    text = read_text(path, "a JSON file")
    try:
        return json.loads(text)
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error}); restore the file") from None

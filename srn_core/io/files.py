"""Writing files atomically, through links and into streams, and JSON."""

import codecs
import dataclasses
import errno
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import numpy as np

from srn_core.errors import UserError
from srn_core.streams import flush_output

STDOUT = Path("-")
"""The standard output, as the name of a file to write. A file that has this name can be given by its absolute path."""
STANDARD = (1, 2)
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# A temporary name takes so many characters of the file's name, and an ending of at most so many: with four bytes a character
# it stays below the 255 bytes that file systems allow, however long the name is.
KEPT_NAME, KEPT_ENDING = 40, 10


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file, then put it in place: readers see the old file or the new one.

    A link stays a link: the file that it names is replaced. What cannot be replaced, ``-`` for the standard output, a device or
    a pipe, gets the bytes once they are complete.

    Raises:
        UserError: the file cannot be written.
    """
    check_writable(path)
    stream = is_stream(path)
    temporary = Path(tempfile.gettempdir(), temporary_path(path).name) if stream else temporary_path(real_path(path))
    try:
        write(temporary)
        if stream:
            _pour(temporary, path)
        else:
            os.replace(temporary, real_path(path))
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename not in (None, str(temporary), str(path)):
            raise
        unread = "start what reads it first" if error.errno == errno.ENXIO else "give the name of a file"
        remedy = unread if stream else "choose a folder with free space that can be written to"
        raise UserError(f"{path}: {error.strerror or error}; {remedy}") from error
    finally:
        temporary.unlink(missing_ok=True)


def temporary_path(path: Path) -> Path:
    """A hidden neighbour of a file or folder to write, of the same ending and not too long a name, for this process alone."""
    ending = path.suffix if len(path.suffix) <= KEPT_ENDING else ""
    return path.with_name(f".{path.stem[:KEPT_NAME]}.{os.getpid()}{ending}")


def real_path(path: Path) -> Path:
    """The file that a path means once its links are followed; it need not exist."""
    return Path(os.path.realpath(path))


def is_stream(path: Path) -> bool:
    """Whether a path is the standard output, a device, a pipe, or the file that the standard output or error goes to.

    ``/dev/stdout`` is a link to such a file after ``> FILE``.
    """
    if path == STDOUT:
        return True
    return path.exists() and not path.is_dir() and (not path.is_file() or _standard_of(path) is not None)


def report_stream(outputs: Iterable[Path | None]) -> TextIO:
    """Where a command says what it found: the standard output, or the standard error if a file is written to the former."""
    taken = any(path == STDOUT or (is_stream(path) and _standard_of(path) == 1) for path in outputs if path is not None)
    return sys.stderr if taken else sys.stdout


def check_writable(path: Path) -> None:
    """Make the folder of a file that will be written.

    Raises:
        UserError: a folder or a disk has the file's name, it is a link that leads nowhere, or its folder cannot be written to.
    """
    if path == STDOUT:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() or path.is_block_device():
        raise UserError(f"{path}: is a {'folder' if path.is_dir() else 'disk'}; expected the name of a file to write")
    if is_stream(path):
        return
    target = real_path(path)
    if target.is_symlink() or not target.parent.is_dir():
        raise UserError(f"{path}: is a link that leads nowhere ({target}); correct it, or give another name")
    if not os.access(target.parent, os.W_OK):
        raise UserError(f"{path}: its folder cannot be written to; choose a folder with free space that can be written to")


def check_outputs(outputs: Iterable[Path | None], inputs: Iterable[Path | None] = ()) -> None:
    """Make the folders of the files that a command will write; None is skipped.

    Raises:
        UserError: a file is also read, is written twice, or cannot be written.
    """
    taken = {real_path(path) for path in inputs if path is not None}
    for path in outputs:
        if path is None:
            continue
        if real_path(path) in taken:
            raise UserError(f"{path}: this command also reads this file or writes it for another option; give another name")
        taken.add(real_path(path))
        check_writable(path)


def _pour(file: Path, path: Path) -> None:
    """Copy a file's bytes into a stream."""
    flush_output()
    with _open_stream(path) as stream, file.open("rb") as source:
        shutil.copyfileobj(source, stream)


def _open_stream(path: Path) -> BinaryIO:
    if path == STDOUT:
        return os.fdopen(os.dup(1), "wb")
    # Opened anew, the file behind the standard output would be written from its start.
    if (standard := _standard_of(path)) is not None:
        return os.fdopen(os.dup(standard), "wb")
    # Without O_NONBLOCK, a pipe that nobody reads would be waited for without end.
    descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    os.set_blocking(descriptor, True)
    return os.fdopen(descriptor, "wb")


def _standard_of(path: Path) -> int | None:
    """The number of the standard output or error if a path is the same file, else None."""
    found = path.stat()
    for number in STANDARD:
        try:
            if os.path.samestat(found, os.fstat(number)):
                return number
        except OSError:
            # It is closed.
            continue
    return None


def write_text(path: Path, text: str) -> None:
    """Write text atomically."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, indented; a list of numbers stays on one line.

    Raises:
        UserError: it holds a number that JSON has no text for (nan or infinite), or the file cannot be written.
    """
    text = json_text(path, value, indent=1)
    text = re.sub(r"\[\n([-+.\deE,\s]+)\n\s*\]", lambda found: f"[{' '.join(found[1].split())}]", text)
    write_text(path, text + "\n")


def json_text(place: Path | str, value: Any, indent: int | None = None) -> str:
    """A value as JSON; ``place`` says where it will be written, for the message.

    Raises:
        UserError: it holds a number that JSON has no text for.
    """
    try:
        return json.dumps(value, indent=indent, allow_nan=False, default=_plain_number)
    except ValueError:
        raise UserError(f"{place}: would hold a number that is nan or infinite, so it is not written; check the data") from None


def _plain_number(value: Any) -> Any:
    """A number of NumPy as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} has no JSON")


def plain(args: Any) -> dict[str, Any]:
    """A dataclass as reading its JSON gives it back: tuples are lists, paths are texts."""
    text = json.dumps(dataclasses.asdict(args), default=lambda v: v.item() if isinstance(v, np.generic) else str(v))
    return dict(json.loads(text))


def read_text(path: Path, expected: str, errors: str = "strict") -> str:
    """Read a text file in UTF-8, with or without the mark that Windows puts before it, or in UTF-16 with its mark.

    Args:
        path: the file.
        expected: what it should be, for the message.
        errors: what to do about other bytes, as for :meth:`bytes.decode`.

    Raises:
        UserError: it cannot be read.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-16" if data.startswith(UTF16_MARKS) else "utf-8-sig", errors)
        return text.replace("\r\n", "\n").replace("\r", "\n")
    except (OSError, UnicodeDecodeError) as error:
        problem = getattr(error, "strerror", "not UTF-8 text")
        raise UserError(f"{path}: cannot be read ({problem}); expected {expected}") from None


def list_files(folder: Path, ending: str, deep: bool = False) -> list[Path]:
    """The files of a folder with this ending in lower or upper case, sorted.

    Hidden files and folders are no data: macOS leaves ``._NAME`` and ``.AppleDouble/NAME`` beside ``NAME``.
    """
    found = (path for path in (folder.rglob("*") if deep else folder.glob("*")) if path.name.lower().endswith(ending))
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def with_ending(base: Path, endings: Iterable[str]) -> Path | None:
    """The file of this name without its ending, which may be written ``.jpg``, ``.JPG`` or ``.Jpg``; None if there is none."""
    written = (form for ending in endings for form in (ending, ending.upper(), ending.title()))
    return next((path for path in (base.with_name(base.name + form) for form in written) if path.is_file()), None)


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
    except RecursionError:
        raise UserError(f"{path}: not valid JSON (nested too deeply); restore the file") from None
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error}); restore the file") from None

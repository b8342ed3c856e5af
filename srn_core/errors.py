"""The exception for mistakes that the user can correct, and how a command ends after it."""

import errno
import functools
import math
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from srn_core.signals import Stopped, ending_cleanly
from srn_core.streams import drop_output, flush_or_drop_output, flush_output, prepare_standard_streams

Limits = tuple[float, float]
COUNT: Limits = (1, math.inf)
NOT_NEGATIVE: Limits = (0, math.inf)
POSITIVE: Limits = (math.ulp(0.0), math.inf)
SHARE: Limits = (0, 1)
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


class UserError(Exception):
    """The user gave something unusable. The message says what was given, what was expected and what to do."""


def check_numbers(args: object, limits: Mapping[str, Limits]) -> None:
    """Check that a command's arguments lie within their limits.

    Args:
        args: has an attribute for each name: a number, a tuple of numbers, or None, which is not checked.
        limits: name -> the smallest and the largest value that is allowed.

    Raises:
        UserError: a value is outside its limits, infinite or not a number.
    """
    for name, (low, high) in limits.items():
        given = getattr(args, name)
        for value in given if isinstance(given, tuple) else (given,):
            if value is None or (low <= value <= high and value != math.inf):
                continue
            expected = "above 0" if 0 < low < 1 else f"of at least {low:g}"
            expected += f" and at most {high:g}" if high < math.inf else ""
            raise UserError(f"--{name.replace('_', '-')} {value}: expected a number {expected}")


def check_resumed(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any], free: Collection[str]) -> None:
    """Check that a resumed run has the arguments that it was started with.

    Args:
        folder: the run's, for the message.
        before: the arguments that the run has saved.
        now: the arguments given.
        free: names that may differ.

    Raises:
        UserError: an argument differs.
    """
    changed = [name for name in now if name not in free and before.get(name) != now[name]]
    if changed:
        options = ", ".join(f"{name.replace('_', '-')} {before.get(name)}" for name in changed)
        raise UserError(f"{folder}: was started with {options}; resume it with the same, or give another folder")


def command(main: Callable[[], None]) -> Callable[[], None]:
    """Wrap a command's entry point: a mistake of the user becomes one line on stderr and exit status 2.

    Such mistakes are a :class:`UserError`, an unusable path, and sizes that do not fit in the memory. A command that is ended
    from outside (Ctrl-C, SIGTERM, SIGHUP) removes its temporary files and says so in one line.
    """

    @functools.wraps(main)
    def wrapped() -> None:
        prepare_standard_streams()
        try:
            with ending_cleanly():
                _run(main)
        except UserError as error:
            message = str(error)
        except BrokenPipeError:
            # Nobody reads the output any more (| head). Python would report the same once more when it closes it.
            drop_output()
            raise SystemExit(1) from None
        except OSError as error:
            if (said := _os_error_text(error)) is None:
                raise
            message = said
        except MemoryError as error:
            message = f"out of memory ({error or 'none left'}); give smaller sizes"
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            raise SystemExit(130) from None
        except Stopped:
            print("stopped", file=sys.stderr)
            raise
        else:
            return
        print(f"error: {' '.join(message.split())}", file=sys.stderr)
        flush_or_drop_output()
        raise SystemExit(2)

    return wrapped


def _run(main: Callable[[], None]) -> None:
    try:
        main()
    except SystemExit as end:  # As after --help.
        if not end.code:
            flush_output()
        raise
    flush_output()


def _os_error_text(error: OSError) -> str | None:
    """What the user can mend about an error of the system; None where it does not say what it is about."""
    if error.filename is not None and error.strerror is not None:
        return f"{error.filename}: {error.strerror}; give another path"
    try:
        temporary = tempfile.gettempdir()
    except OSError:
        return "no folder for temporary files can be written to; set the variable TMPDIR to one that can"
    if error.errno not in DISK_ERRORS:
        return None
    return f"{error.strerror}: the standard output, or the folder for temporary files ({temporary}); free some space there"

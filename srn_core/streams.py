"""The standard input, output and error of a command, where some of them may be closed."""

import io
import os
import sys


def prepare_standard_streams() -> None:
    """Make printing safe: closed streams stay unused, and texts that the output cannot encode are escaped.

    The next file that a process opens takes the number of a closed stream (``>&-``), and would get what is written to that
    stream. So a closed one is given a place: what is written to the error is lost, and writing to the output fails.
    """
    for number, flags in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    if sys.stderr is None:
        # Progress bars and messages are written there.
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  until the process ends
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names of files may hold bytes that are no UTF-8.
        sys.stdout.reconfigure(errors="backslashreplace")


def flush_output() -> None:
    """Write what was printed. Python would report an error of its own if that failed at its end."""
    if sys.stdout is not None:
        sys.stdout.flush()


def drop_output() -> None:
    """Let what was printed and not written yet vanish, and what is still to be printed."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def flush_or_drop_output() -> None:
    """Write what was printed, as far as that is possible."""
    try:
        flush_output()
    except OSError:
        drop_output()

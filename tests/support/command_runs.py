"""A command in this process, with its output, its limits and what it leaves behind, for tests that run thousands of them."""

import contextlib
import io
import os
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

# Whatever does not use the processor is stopped after so many times the seconds: the machine may be busy.
WAITING = 10
# Progress bars move the cursor, and are rewritten in place.
CURSOR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
PROGRESS = re.compile(r"\d+(%\||it \[|(step|frame|clip|face)s? \[)")


class Late(BaseException):
    """The time was up."""


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        status: its exit status; None where the time was up.
        said: lines on stderr, without progress bars.
        seconds: of the processor that it took.
        trace: the functions it was in when it was stopped or failed, the innermost last.
        error: an exception that the command did not turn into a line.
    """

    status: int | None
    said: tuple[str, ...]
    seconds: float
    trace: tuple[str, ...] = ()
    error: BaseException | None = None


def run_command(main: Callable[[], None], words: Sequence[str], seconds: float, megabytes: int) -> Ended:
    """Run a command's ``main`` for ``words``, the first of which is its name.

    Args:
        main: the command.
        words: as the shell would give them; bytes that are no UTF-8 as surrogates.
        seconds: of the processor, after which it is stopped.
        megabytes: how much memory it may take on top of what this process has.
    """
    began, before = time.process_time(), sys.argv
    status: int | None = 0
    trace: tuple[str, ...] = ()
    error: BaseException | None = None
    with _captured() as said, _limited(seconds, megabytes):
        sys.argv = list(words)
        try:
            main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(bool(end.code))
        except Late as late:
            status, trace = None, _functions(late)
        except BaseException as found:
            status, error, trace = 1, found, _functions(found)
        finally:
            sys.argv = before
    return Ended(status, tuple(_lines(said)), time.process_time() - began, trace, error)


def _functions(error: BaseException) -> tuple[str, ...]:
    return tuple(
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
    )


def _lines(said: list[str]) -> Iterator[str]:
    for line in "".join(said).split("\n"):
        last = CURSOR.sub("", line).rstrip("\r").rsplit("\r", 1)[-1].strip()
        if last and not PROGRESS.search(last):
            yield last


@contextlib.contextmanager
def _captured() -> Iterator[list[str]]:
    """What is written on stderr, by Python and by libraries; stdout is strict, as a terminal's, and thrown away."""
    said: list[str] = []
    kept = sys.stdout, sys.stderr
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as err, open(os.devnull, "wb") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        sys.stdout = io.TextIOWrapper(os.fdopen(os.dup(1), "wb"), encoding="utf-8", errors="strict")
        sys.stderr = io.TextIOWrapper(
            os.fdopen(os.dup(2), "wb"), encoding="utf-8", errors="backslashreplace", write_through=True
        )
        try:
            yield said
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.close()
            sys.stdout, sys.stderr = kept
            for number, copy in zip((1, 2), saved, strict=True):
                os.dup2(copy, number)
                os.close(copy)
            err.seek(0)
            said.append(err.read().decode(errors="backslashreplace"))


@contextlib.contextmanager
def _limited(seconds: float, megabytes: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = {number: signal.signal(number, _stop) for number in (signal.SIGPROF, signal.SIGALRM)}
    resource.setrlimit(resource.RLIMIT_AS, (taken + megabytes * 2**20, hard))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, WAITING * seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Late

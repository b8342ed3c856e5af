"""A command that is told to end still cleans up: ``kill`` and a closed terminal raise an exception in it, like Ctrl-C."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

# Seconds until a signal whose exception got lost is sent again.
AGAIN = 0.01
ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Stopped(SystemExit):
    """The process was told to end; the exit status is the shell's, 128 and the signal's number."""


@contextmanager
def ending_cleanly() -> Iterator[None]:
    """Within it, :data:`ENDING` raise :class:`Stopped`, so that temporary files are removed; a second signal ends at once.

    A signal that is already handled or ignored (``nohup``) stays so. Forked processes, such as the envs of an
    ``AsyncVectorEnv``, end at once: they own no files.

    Python drops an exception, with a traceback on stderr, that is raised while it runs a callback of its own, such as one of a
    weak reference. The signal, or Ctrl-C, is then sent once more.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    taken = [number for number in ENDING if signal.getsignal(number) == signal.SIG_DFL]
    for number in taken:
        signal.signal(number, _stop)
    before = sys.unraisablehook
    sys.unraisablehook = partial(_dropped, before)
    try:
        yield
    finally:
        sys.unraisablehook = before
        _release()


def _stop(number: int, _: FrameType | None) -> None:
    _release()
    raise Stopped(128 + number)


def _dropped(before: Any, found: Any) -> None:
    """What Python calls where it drops an exception; ``before``: what it would have called."""
    lost = found.exc_value
    if not isinstance(lost, Stopped | KeyboardInterrupt) or not hasattr(signal, "pthread_kill"):
        before(found)
        return
    number = signal.SIGINT
    if isinstance(lost, Stopped):
        number = signal.Signals(int(str(lost)) - 128)
        signal.signal(number, _stop)
    main = threading.main_thread().ident
    assert main is not None
    threading.Timer(AGAIN, signal.pthread_kill, (main, number)).start()


def _release() -> None:
    for number in ENDING:
        if signal.getsignal(number) is _stop:
            signal.signal(number, signal.SIG_DFL)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_release)

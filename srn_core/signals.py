"""A command that is told to end still cleans up: ``kill`` and a closed terminal raise an exception in it, like Ctrl-C."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Stopped(SystemExit):
    """The process was told to end; the exit status is the shell's, 128 and the signal's number."""


@contextmanager
def ending_cleanly() -> Iterator[None]:
    """Within it, :data:`ENDING` raise :class:`Stopped`, so that temporary files are removed; a second signal ends at once.

    A signal that is already handled or ignored (``nohup``) stays so. Forked processes, such as the envs of an
    ``AsyncVectorEnv``, end at once: they own no files.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    taken = [number for number in ENDING if signal.getsignal(number) == signal.SIG_DFL]
    for number in taken:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        _release()


def _stop(number: int, _: FrameType | None) -> None:
    _release()
    raise Stopped(128 + number)


def _release() -> None:
    for number in ENDING:
        if signal.getsignal(number) is _stop:
            signal.signal(number, signal.SIG_DFL)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_release)

"""A run claims its folder, so that two runs cannot write into one."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from srn_core.errors import DISK_ERRORS, UserError
from srn_core.io.files import STDOUT, real_path

try:
    import fcntl
except ImportError:  # pragma: no cover  Windows has no such locks, and there nothing is claimed.
    fcntl = None  # type: ignore[assignment]

_held: set[int] = set()


@contextmanager
def claimed(folder: Path, option: str) -> Iterator[Path]:
    """Make a folder and hold it for this process until the block ends; yields the folder.

    The claim is a lock on the folder itself. It leaves no file, and it ends with the process, so the folder of a run that was
    killed can be claimed again. After an error, a folder that was made here and is still empty is removed. An error of a disk
    that names no file, as TensorBoard's writer raises it, becomes one that names the folder.

    Args:
        folder: the run's.
        option: that names it, for messages.

    Raises:
        UserError: another run holds it, it is a file, its name is no UTF-8, or it cannot be written to.
    """
    try:
        str(folder.absolute()).encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{option} {folder}: holds bytes that are no UTF-8, and TensorBoard cannot write there; give another name"
        ) from None
    if folder == STDOUT:
        raise UserError(f"{option} -: is the standard output; expected the name of a folder")
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{option} {folder}: is a file; expected the name of a folder")
    target = real_path(folder)  # A link may lead to a folder that is still to be made.
    made = [place for place in (target, *target.parents) if not place.exists()]
    target.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise UserError(f"{option} {folder}: cannot be written to; give a folder that can")
    lock = _lock(folder, option)
    try:
        yield folder
    except OSError as error:
        _remove_empty(made)
        if error.filename is None and error.errno in DISK_ERRORS:
            raise UserError(f"{folder}: {error.strerror}; free some space, or give another {option}") from None
        raise
    except BaseException:
        _remove_empty(made)
        raise
    finally:
        _unlock(lock)


def _lock(folder: Path, option: str) -> int | None:
    if fcntl is None:
        return None
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise UserError(
                f"{folder}: another run is writing there now; wait until it ends, or give another {option}"
            ) from None
        # Some network file systems cannot lock folders.
        return None
    _held.add(lock)
    return lock


def _unlock(lock: int | None) -> None:
    if lock is not None and lock in _held:  # A forked process has let it go already.
        _held.discard(lock)
        fcntl.flock(lock, fcntl.LOCK_UN)
        os.close(lock)


def _remove_empty(folders: list[Path]) -> None:
    """Remove folders, the innermost first, as far as they are empty."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def _close_in_child() -> None:
    # A forked process shares the lock. If it outlives its parent, the folder would stay claimed.
    for lock in _held:
        os.close(lock)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)

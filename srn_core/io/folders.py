"""Folders that appear when they are complete, and names of files below a folder."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from srn_core.errors import DISK_ERRORS, UserError
from srn_core.io.files import temporary_path


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Let the block fill a hidden folder, then give it its name; after an error nothing stays. Yields the hidden folder's path.

    Raises:
        UserError: the disk is full or cannot be written to.
    """
    temporary = temporary_path(folder)
    try:
        yield temporary
        os.replace(temporary, folder)
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        raise UserError(f"{folder}: {error.strerror}; choose a folder with free space that can be written to") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def below(folder: Path, name: str, source: Path) -> Path:
    """The file ``name`` below a folder, as ``source`` names it.

    Raises:
        UserError: the name leads out of the folder.
    """
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise UserError(f"{source}: names '{name}', which is not in {folder}; expected the name of a file below that folder")
    return folder / name

"""Modules that the user names, as in ``MODULE:FUNCTION``."""

import importlib
import os
import sys
from types import ModuleType


def import_named(name: str) -> ModuleType:
    """A module that Python finds, else one of the current folder.

    ``python -m`` looks into the current folder by itself; ``python FOLDER/script.py`` and an installed command do not. The
    folder stays on ``sys.path``, at its end, because the module may import its neighbours later.

    Raises:
        ImportError: there is no such module.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        here = os.getcwd()
        if error.name != name.partition(".")[0] or here in sys.path:
            raise
        sys.path.append(here)
        importlib.invalidate_caches()
    return importlib.import_module(name)

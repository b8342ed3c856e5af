"""The one exception that a user can mend, and how a command ends on it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")


class UserError(Exception):
    """What the user gave cannot be used; the message says what was given, what was expected and what to do."""


def command(main: Callable[P, None]) -> Callable[P, None]:
    """Wrap a command's entry point: a :class:`UserError` becomes one line on stderr and exit status 2."""

    @functools.wraps(main)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            main(*args, **kwargs)
        except UserError as error:
            print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
            raise SystemExit(2) from None
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            raise SystemExit(130) from None

    return wrapped

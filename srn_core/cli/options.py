"""Reading a command's options: examples in the help keep their lines, and an error message is one line."""

import contextlib
import io
import itertools
from typing import Any

import tyro

from srn_core.errors import UserError

COMMANDS = ("python ", "srn ", "tensorboard ")


def read_options(kind: Any, description: str | None, prog: str | None = None) -> Any:
    """The command line as an instance of ``kind``.

    Args:
        kind: a dataclass or a union of them. Its fields are the options, their docstrings the help.
        description: the text above the options. Lines that start with a command are examples and are indented, because tyro
            joins other lines to paragraphs.
        prog: name of the command; None: the name of the file.

    Raises:
        UserError: an option is unknown or missing, or its value cannot be read.
        SystemExit: after ``--help``.
    """
    lines = [f"    {line}" if line.startswith(COMMANDS) else line for line in (description or "").splitlines()]
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(kind, prog=prog, description="\n".join(lines))
    except SystemExit as end:
        if end.code != 2:
            raise
        # tyro prints a title, which the text repeats, and parts with rules between them; borders too if the terminal has them.
        parts = itertools.groupby(said.getvalue().splitlines()[1:], lambda row: any(map(str.isalnum, row)))
        message = " | ".join(" ".join(row.strip(" │") for row in part) for has_text, part in parts if has_text)
        raise UserError(message) from None

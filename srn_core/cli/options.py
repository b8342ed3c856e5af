"""Reading a command's options: help with its examples on lines of their own, mistakes as one line."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from typing import Any

import tyro

from srn_core.errors import UserError

EXAMPLE = re.compile(r"^(?=(python|srn|tensorboard) )", re.MULTILINE)
# A message of tyro's: a title, which the text repeats, and parts with rules between them; where the terminal has UTF-8, a box.
TITLE, RULE = re.compile("╭─ (.*) ─+╮"), re.compile(r"^[ │╰]*[─-]{3,}[ │╯]*$", re.MULTILINE)


def read_options(kind: Any, description: str | None, prog: str | None = None) -> Any:
    """The command line as an instance of ``kind``, a dataclass or a union of them.

    Args:
        kind: what tyro takes: the fields are the options, their docstrings the help.
        description: the text above the options; its lines that begin with a command are shown as they are.
        prog: the command's name; the file's where not given.

    Raises:
        UserError: an option is unknown, or its value cannot be read.
        SystemExit: the help was asked for and has been printed.
    """
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(kind, prog=prog, description=EXAMPLE.sub("    ", description or ""))
    except SystemExit as end:
        if end.code == 2:
            parts = RULE.split(TITLE.sub(r"\1\n---", said.getvalue()))[1:]
            raise UserError("; ".join(part.replace("│", "").strip(" \n.") for part in parts if part.strip())) from None
        sys.stderr.write(said.getvalue())
        raise

"""Reading a command's options: examples in the help keep their lines, and an error message is one line."""

import contextlib
import dataclasses
import io
import itertools
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import docstring_parser
import tyro

from srn_core.errors import UserError

COMMANDS = ("python ", "srn ", "tensorboard ")


def read_options(kind: Any, description: str | None, prog: str | None = None, words: Sequence[str] | None = None) -> Any:
    """The command line as an instance of ``kind``.

    Args:
        kind: a dataclass. Its fields are the options, their docstrings the help.
        description: the text above the options. Lines that start with a command are examples and are indented, because tyro
            joins other lines to paragraphs.
        prog: name of the command; None: the name of the file.
        words: what follows the name; None: the words of the command line.

    Raises:
        UserError: an option is unknown or missing, or its value cannot be read.
        SystemExit: after ``--help``.
    """
    lines = [f"    {line}" if line.startswith(COMMANDS) else line for line in (description or "").splitlines()]
    said = io.StringIO()
    _join_help_lines(kind)
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(kind, prog=prog, args=words, description="\n".join(lines))
    except SystemExit as end:
        if end.code != 2:
            raise
        # tyro prints a title, which the text repeats, and parts with rules between them; borders too if the terminal has them.
        parts = itertools.groupby(said.getvalue().splitlines()[1:], lambda row: any(map(str.isalnum, row)))
        message = " | ".join(" ".join(row.strip(" │") for row in part) for has_text, part in parts if has_text)
        raise UserError(message) from None


def _join_help_lines(kind: Any) -> None:
    """Give tyro each option's help as one line, because it would break the text where the docstring's lines end."""
    for cls in filter(dataclasses.is_dataclass, kind.__mro__):
        said = {found.arg_name: found.description or "" for found in docstring_parser.parse_from_object(cls).params}
        for field in dataclasses.fields(kind):
            if field.name in said and "help" not in field.metadata:
                field.metadata = MappingProxyType({"help": " ".join(said[field.name].split())})

"""Reading a command's options: examples in the help keep their lines, and an error message is one line."""

import contextlib
import dataclasses
import io
import itertools
import sys
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, get_type_hints

import docstring_parser
import tyro

from srn_core.errors import UserError

COMMANDS = ("python ", "srn ", "tensorboard ")
SKIP_BAD = "--skip-bad"
SKIP_BAD_HELP = f"""
{SKIP_BAD} leaves out data that are broken or cannot be right, and says so. It puts skip_bad=1 into each data spec given.
"""


def read_options(kind: Any, description: str | None, prog: str | None = None, words: Sequence[str] | None = None) -> Any:
    """The command line as an instance of ``kind``.

    Args:
        kind: a dataclass. Its fields are the options, their docstrings the help.
        description: the text above the options. Lines that start with a command are examples and are indented, because tyro
            joins other lines to paragraphs. A command that takes data specs also has the option ``--skip-bad``, which changes
            them.
        prog: name of the command; None: the name of the file.
        words: what follows the name; None: the words of the command line.

    Raises:
        UserError: an option is unknown or missing, or its value cannot be read.
        SystemExit: after ``--help``.
    """
    words, specs = list(sys.argv[1:] if words is None else words), _spec_fields(kind)
    if skip := bool(specs) and SKIP_BAD in words:
        words = [word for word in words if word != SKIP_BAD]
    description = (description or "") + SKIP_BAD_HELP * bool(specs)
    lines = [f"    {line}" if line.startswith(COMMANDS) else line for line in description.splitlines()]
    said = io.StringIO()
    _join_help_lines(kind)
    try:
        with contextlib.redirect_stderr(said):
            args = tyro.cli(kind, prog=prog, args=words, description="\n".join(lines))
    except SystemExit as end:
        if end.code != 2:
            raise
        # tyro prints a title, which the text repeats, and parts with rules between them; borders too if the terminal has them.
        parts = itertools.groupby(said.getvalue().splitlines()[1:], lambda row: any(map(str.isalnum, row)))
        message = " | ".join(" ".join(row.strip(" │") for row in part) for has_text, part in parts if has_text)
        raise UserError(message) from None
    return _skipping_bad(args, specs) if skip else args


def _spec_fields(kind: Any) -> list[str]:
    """The options that may hold data specs: those that can be repeated, and the specs of ``srn data``."""
    if not dataclasses.is_dataclass(kind):
        return []
    hints = get_type_hints(kind, include_extras=True)
    names = [field.name for field in dataclasses.fields(kind)]
    return [
        name
        for name in names
        if name in ("spec", "clips") or tyro.conf.UseAppendAction in getattr(hints[name], "__metadata__", ())
    ]


def _skipping_bad(args: Any, names: Sequence[str]) -> Any:
    """The arguments with skip_bad=1 in their data specs."""
    # OpenCV and the readers take a while to import; --help does without.
    from srn_core.data.spec import READERS, skipping_bad

    def changed(text: str) -> str:
        return skipping_bad(text) if text.partition("?")[0].partition(":")[0] in READERS else text

    given = {name: getattr(args, name) for name in names}
    return dataclasses.replace(
        args,
        **{name: changed(value) if isinstance(value, str) else tuple(map(changed, value)) for name, value in given.items()},
    )


def _join_help_lines(kind: Any) -> None:
    """Give tyro each option's help as one line, because it would break the text where the docstring's lines end."""
    for cls in filter(dataclasses.is_dataclass, kind.__mro__):
        said = {found.arg_name: found.description or "" for found in docstring_parser.parse_from_object(cls).params}
        for field in dataclasses.fields(kind):
            if field.name in said and "help" not in field.metadata:
                field.metadata = MappingProxyType({"help": " ".join(said[field.name].split())})

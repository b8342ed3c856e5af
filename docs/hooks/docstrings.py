"""Griffe extension: the package's docstrings as Markdown.

Sphinx roles become code, doctests become code blocks, and a table row that goes on below an empty first cell becomes one row.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":\w+:`~?([^`]+)`")
DOCTEST = re.compile(r"^(?: *>>> .*\n?)(?: *\S.*\n?)*", re.MULTILINE)


CONTINUED_ROW = re.compile(r" *\|\n *\| +\| +\| *(?=\S)")


class PlainMarkdown(griffe.Extension):
    """Rewrites each docstring once, when it is loaded."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            text = ROLE.sub(r"`\1`", obj.docstring.value).replace("  # doctest: +SKIP", "")
            text = CONTINUED_ROW.sub(" ", text)
            obj.docstring.value = DOCTEST.sub(lambda found: f"```pycon\n{found[0].rstrip()}\n```\n", text)

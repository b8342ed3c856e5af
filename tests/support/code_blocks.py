"""The code blocks of Markdown pages, and the commands in them."""

import re
import shlex
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^(?:<!-- (?P<note>[^\n]*) -->\n)?(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.M | re.S)
OTHER_PROGRAMS = ("tensorboard", "git", "cd", ".", "source", "issues", "mkdocs", "ray")


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        language: the word after the fence.
        text: the code.
        note: an HTML comment on the line above: ``not run: REASON`` or ``file: NAME``, the name that the code is saved under.
    """

    language: str
    text: str
    note: str

    @property
    def runs(self) -> bool:
        return not self.note.startswith("not run:")


def read_blocks(page: Path, language: str | None = None) -> list[Block]:
    """All blocks of a page, or those of one language."""
    text = page.read_text(encoding="utf-8")
    blocks = [Block(match["language"], match["text"], match["note"] or "") for match in FENCE.finditer(text)]
    return [block for block in blocks if language in (None, block.language)]


def split_commands(text: str) -> list[list[str]]:
    """The words of each command of a shell block; comments, variables before a command and ``.venv/bin/`` are left out."""
    lines = text.replace("\\\n", " ").splitlines()
    commands = [shlex.split(line, comments=True) for line in lines]
    for words in commands:
        while words and re.match(r"[A-Z_]+=", words[0]):
            words.pop(0)
        if words:
            words[0] = words[0].removeprefix(".venv/bin/")
    return [words for words in commands if words]


def entry_point(words: list[str]) -> tuple[Callable[[], None], list[str]] | None:
    """The function of one of the project's commands and its arguments with the program's name first.

    None for a program that takes no options of ours; that it exists is checked here.
    """
    program, *rest = words
    if program == "torchrun":
        # Its own options have values; then comes -m MODULE or a script, which here runs in one process.
        while rest[0].startswith("--"):
            rest = rest[2:]
        if rest[:2] == ["-m", "srn_core.cli.main"]:
            return entry_point(["srn", *rest[2:]])
        return entry_point(["python", *rest])
    if program == "srn":
        return import_module("srn_core.cli.main").main, words
    if program == "python" and rest[:1] == ["-m"]:
        if rest[1] == "pytest":
            return None
        return import_module(rest[1]).main, [rest[1], *rest[2:]]
    if program == "python":
        path = Path(rest[0])
        assert (ROOT / path).is_file(), f"{path}: no such script"
        if path.parts[0] not in ("agents", "benchmarks"):
            return None
        return import_module(".".join(path.with_suffix("").parts)).main, rest
    if program == "make":
        targets = re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
        assert set(rest) <= set(targets), f"{words}: the Makefile has {targets}"
        return None
    if program == "pip":
        _check_pip(rest)
        return None
    assert program in OTHER_PROGRAMS, f"{' '.join(words)}: a program that no test knows"
    return None


def _check_pip(words: list[str]) -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for extras in re.findall(r"\[([\w,]+)\]", " ".join(words)):
        for extra in extras.split(","):
            assert re.search(rf"^{extra} = \[", project, re.M), f"pyproject.toml has no extra '{extra}'"
    if "-c" in words:
        assert (ROOT / words[words.index("-c") + 1]).is_file()

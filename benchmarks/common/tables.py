"""Tables of figures, on the screen and in Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markdown import Markdown


def show_page(page: Sequence[str], width: int = 160) -> None:
    """Print a page in Markdown on a screen of ``width`` characters."""
    Console(width=width).print(Markdown("\n".join(page)))


def markdown_table(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown."""
    shown = [[cell.replace("|", "\\|") for cell in line] for line in (headings, *lines)]
    first, *others = (f"| {' | '.join(cells)} |" for cells in shown)
    return [first, "|" + "---|" * len(headings), *others]


def command_block(commands: Iterable[str]) -> list[str]:
    """The lines of a code block in Markdown."""
    return ["```bash", *commands, "```"]


def number_text(value: float, ci95: Sequence[float] | None, form: str) -> str:
    """A value and its interval: ``0.19 [0.17, 0.21]``."""
    return f"{value:{form}}" + ("" if ci95 is None else f" [{ci95[0]:{form}}, {ci95[1]:{form}}]")


def difference_text(difference: Mapping[str, Any] | None) -> str:
    """A :func:`benchmarks.common.stats.paired_difference`: ``+0.120 [+0.010, +0.230] (+1.5 %)``; empty for None."""
    if difference is None:
        return ""
    return f"{number_text(difference['mean'], difference['ci95'], '+.3f')} ({difference['relative']:+.1f} %)"

"""Self-contained HTML pages: texts, scripts, plots and pictures in one file, which opens without a server or a network.

A page is a list of sections. A section is JSON-able; its ``kind`` names the script that shows it. All texts that a user or a
file name supplies travel as JSON, and the scripts write them as text, never as HTML. The page's own policy
(https://www.w3.org/TR/CSP3/) forbids all other scripts and every connection.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from srn_core.errors import UserError
from srn_core.io.files import write_text

Section = Mapping[str, Any]
FOLDER = Path(__file__).parent
STYLES = ("uplot/uPlot.min.css", "static/page.css")
PLOTS = "uplot/uPlot.iife.min.js"
SCRIPTS = ("static/dom.js", "static/face.js", "static/sections.js")
# What a kind of section needs beside SCRIPTS.
SCRIPTS_OF: Mapping[str, tuple[str, ...]] = {
    "plots": (PLOTS, "static/plots.js"),
    "faces": ("static/faces.js",),
    "player": (PLOTS, "static/plots.js", "static/player.js"),
    "game": (PLOTS, "static/plots.js", "static/game.js"),
}
MOST_BYTES = 8_000_000


def page_text(title: str, sections: Sequence[Section]) -> str:
    """The HTML of a page.

    Args:
        title: of the page.
        sections: what it shows, in order; no number in them may be nan or infinite.

    Raises:
        UserError: the page would be larger than :data:`MOST_BYTES`.
    """
    kinds = dict.fromkeys(section["kind"] for section in sections)
    needed = dict.fromkeys(name for kind in kinds for name in SCRIPTS_OF.get(kind, ()))
    # What the parts of a page use comes before them; the script that starts the page is the last.
    script = _joined([*SCRIPTS, *needed, "static/start.js"])
    style = _joined(STYLES)
    data = json.dumps({"title": title, "sections": list(sections)}, allow_nan=False, separators=(",", ":"))
    parts = {
        "title": html.escape(title),
        "style": style,
        "script": script,
        "style_hash": _hash(style),
        "script_hash": _hash(script),
        # Nothing in the data can then end the element that holds them.
        "data": data.replace("<", "\\u003c"),
    }
    template = (FOLDER / "static/page.html").read_text(encoding="utf-8")
    text = re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)
    if len(text.encode()) > MOST_BYTES:
        size, most = len(text.encode()) / 1e6, MOST_BYTES / 1e6
        raise UserError(f"the page '{title}' would have {size:.1f} MB; expected at most {most:.0f}; show less on it")
    return text


def write_page(path: Path, title: str, sections: Sequence[Section]) -> None:
    """Write :func:`page_text` to a file, atomically."""
    write_text(path, page_text(title, sections))


def check_page_name(option: str, path: Path | None) -> None:
    """Raise a :class:`UserError` if the file of a page, given as ``option``, has another ending than .html."""
    if path is not None and path.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"{option} {path}: unknown ending; expected a file name that ends in .html")


def _joined(names: Sequence[str]) -> str:
    return "\n".join((FOLDER / name).read_text(encoding="utf-8").strip() for name in names)


def _hash(text: str) -> str:
    """How a content security policy names an inline script or style, which stands between two line ends in the page."""
    digest = hashlib.sha256(("\n" + text + "\n").encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"

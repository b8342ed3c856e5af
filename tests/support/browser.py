"""A real browser for tests of pages: Chromium without a window and without a network."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PATIENCE_MS = 120_000
# Debian's /usr/bin/chromium is a script that starts the first.
PROGRAMS = ("/usr/lib/chromium/chromium", "chromium", "chromium-browser", "google-chrome")
WIDTHS = (1280, 360)
HOSTILE = """<img src=x onerror="alert(1)"></script><script>alert(2)</script>&amp;'"{{data}}"""
"""A name that does harm where it is read as HTML."""


def find_browser() -> str:
    """Chromium's path; skips the test where there is none."""
    pytest.importorskip("playwright", reason="playwright is not installed: pip install playwright")
    for program in PROGRAMS:
        if found := shutil.which(program):
            return found
    pytest.skip("Chromium is not installed: apt-get install chromium")


@contextmanager
def opened(page: Path, width: int = WIDTHS[0], dark: bool = False) -> Iterator[Any]:
    """A page as a browser without a network shows it.

    On leaving, the test fails if a script failed, the console holds a message, a dialog opened, anything was asked of the
    network, or the page is wider than the window. A picture of it is left where ``SRN_PAGES`` names a folder.
    """
    program = find_browser()
    from playwright.sync_api import sync_playwright

    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"], timeout=PATIENCE_MS)
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", offline=True
        )
        context.set_default_timeout(PATIENCE_MS)
        shown = context.new_page()
        shown.on("console", lambda message: said.append(message.text))
        shown.on("pageerror", lambda error: said.append(str(error)))
        shown.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        shown.on("request", lambda request: request.url.startswith("http") and said.append(request.url))
        shown.goto(page.resolve().as_uri(), timeout=PATIENCE_MS)
        shown.wait_for_selector("main[data-ready]")
        yield shown
        if folder := os.environ.get("SRN_PAGES"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            shutil.copy(page, folder)
            name = f"{page.stem}-{width}-dark.png" if dark else f"{page.stem}-{width}.png"
            shown.screenshot(path=Path(folder) / name, full_page=True)
        assert said == []
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        browser.close()


def data_of(text: str) -> dict[str, Any]:
    """What a page's scripts read."""
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    return dict(json.loads(found))


def pixels(shown: Any, selector: str) -> str:
    """What a canvas shows, as a text to compare."""
    return str(shown.eval_on_selector(selector, "canvas => canvas.toDataURL()"))

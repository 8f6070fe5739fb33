"""A document on paper: the page as a browser prints it. Needs a Chromium or Chrome on the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from ontogeny.errors import UserError
from ontogeny.report.document import Document
from ontogeny.report.html import render
from ontogeny.store.files import aside

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 180  # seconds
DRAWS = 60_000  # milliseconds of the page's own time in which figures are drawn


def browser() -> str:
    """The program that prints: $ONTOGENY_BROWSER, or the first on the path."""
    found = os.environ.get("ONTOGENY_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), "")
    if not found:
        raise UserError(
            "A PDF is printed by a Chromium or Chrome, and there is none here. Install one (apt-get install chromium), or write the "
            "report as HTML and print it from any browser."
        )
    return found


def write(document: Document, path: Path) -> Path:
    """Print a document to ``path``, whole or not at all."""
    with tempfile.TemporaryDirectory(prefix="ontogeny-print-") as folder:
        page = Path(folder) / "page.html"
        page.write_text(render(document), encoding="utf-8")
        with aside(path) as temporary:
            printed(page, temporary, Path(folder))
    return path


def printed(page: Path, to: Path, folder: Path) -> None:
    """One page through the browser."""
    command = [browser(), "--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    command += (
        ["--no-sandbox"] if os.geteuid() == 0 else []
    )  # Chromium refuses root otherwise; the page is our own
    command += [
        f"--user-data-dir={folder / 'profile'}",
        "--no-pdf-header-footer",
        f"--virtual-time-budget={DRAWS}",
    ]
    try:
        done = subprocess.run(
            [*command, f"--print-to-pdf={to}", page.as_uri()],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UserError(
            f"The browser took more than {PATIENCE} s to print the report; write it as HTML instead."
        ) from None
    if done.returncode or not to.is_file() or not to.stat().st_size:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise UserError(f"The browser ({command[0]}) could not print the report: {last}")

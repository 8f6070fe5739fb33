"""The viewer's files: as modules for the app, and as one script for a notebook and for a file that opens without a server."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from pathlib import Path

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Ontogeny</title>
<link rel="icon" href="/viewer/icon.svg"><link rel="stylesheet" href="/viewer/style.css">
<script type="module" src="/viewer/main.js"></script></head>
<body><div id="app" class="ontogeny"></div><noscript>The workbench needs JavaScript.</noscript></body></html>
"""


def page() -> str:
    return PAGE


@cache
def files() -> dict[str, Path]:
    """Name → file."""
    folder = resources.files("ontogeny.viewer")
    return {
        one.name: Path(str(one)) for one in folder.iterdir() if one.name.endswith((".js", ".css", ".svg"))
    }


IMPORT = re.compile(r'^import .*? from "\./([\w.]+)";\n', re.MULTILINE | re.DOTALL)


def bundle(entry: str) -> str:
    """A module and all that it imports as one, each after what it needs. Names at the top of modules are unique, which a test holds."""
    order: list[str] = []

    def visit(name: str, within: tuple[str, ...] = ()) -> None:
        if name in order or name in within:
            return
        for needed in IMPORT.findall(files()[name].read_text(encoding="utf-8")):
            visit(needed, (*within, name))
        order.append(name)

    visit(entry)
    texts = (IMPORT.sub("", files()[name].read_text(encoding="utf-8")) for name in order)
    return "\n".join(
        re.sub(r"^export (?=(async )?(function|const|class|let))", "", text, flags=re.MULTILINE)
        for text in texts
    )

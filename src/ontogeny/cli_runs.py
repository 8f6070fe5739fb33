"""The table of runs as a terminal can show it: whole ids, what varied first, and as many columns as fit."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

FIRST = ("status", "step")
LEFT = ("run", "status", "differs in")  # columns of words
LATER = ("checkpoints", "epoch", "budget_epochs", "seed")  # shown where there is room, unless it varies


def room_of(console: Console) -> int | None:
    """How many columns there are; None where nobody reads on a terminal and lines may be as long as they are."""
    return console.width if console.is_terminal or os.environ.get("COLUMNS") else None


def show(console: Console, table: pd.DataFrame, last: Sequence[str] = ()) -> list[str]:
    """Print a table of runs (index: run); returns the columns for which there was no room. ``last``: columns that stay, at the
    end."""
    names = [str(name) for name in table.columns]
    varied = [n for n in table.attrs.get("varied", []) if n in names]
    metrics = [n for n in names if n not in (*varied, *FIRST, *LATER, *last)]
    later = [n for n in LATER if n in names and n not in varied]
    order = ["run", *varied, *FIRST, *sorted(metrics, key=_interest), *later]
    cells = {"run": [str(id) for id in table.index]}
    cells |= {n: [_cell(v) for v in table[n]] for n in [*order[1:], *last]}
    width = {n: 2 + max(map(len, [*_header(n).split(), *cells[n]]), default=2) for n in cells}
    room, shown = room_of(console), []
    left = None if room is None else room - sum(width[n] for n in ["run", *varied, *FIRST, *last])
    for name in order:
        fixed = name in ("run", *varied, *FIRST)
        if fixed or left is None or width[name] <= left:
            shown.append(name)
            left = left if fixed or left is None else left - width[name]
    shown = [*shown, *last]
    grid = Table(box=None, header_style="bold", pad_edge=False)
    for name in shown:
        grid.add_column(
            # Folded here: left to itself, Rich folds in the middle of words.
            textwrap.fill(_header(name), max(width[name] - 2, 1), break_long_words=False),
            justify="left" if name in LEFT else "right",
            no_wrap=name == "run",
            overflow="fold",
            min_width=len(cells["run"][0]) if name == "run" and len(table) else None,
        )
    for row in zip(*(cells[name] for name in shown), strict=True):
        grid.add_row(*map(escape, row))
    wide = Console(file=console.file, width=sum(width[n] for n in shown)) if room is None else console
    wide.print(grid)
    return [name for name in order if name not in shown]


def _interest(metric: str) -> tuple[bool, bool, bool]:
    """Accuracy before loss, what was held out before what was trained on, everything together last."""
    part, _, value = metric.partition("_")
    return part == "all", value != "accuracy", part == "train"


def _header(name: str) -> str:
    return name.replace("_", " ")


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.4g}"
    return "" if value is None else str(value)

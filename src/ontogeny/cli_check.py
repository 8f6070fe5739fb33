"""The command that reads everything: what is whole, damaged, stale or foreign."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

app = typer.Typer(rich_markup_mode="markdown")
out = Console(highlight=False, soft_wrap=True)
COLOURS = {"damaged": "red", "stale": "yellow", "foreign": "cyan", "whole": "green"}


@app.command()
def check(
    directory: Annotated[Path, typer.Argument(help="Directory of a study.", metavar="DIR")],
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Do what can be done without losing anything and without training."),
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Read every file to its last byte, and say what is whole, damaged, stale or foreign.

    Damaged: not what was written (a flipped byte, a lost end, an edit by hand, another run's file). Stale: made by other code, or
    from what has changed, or not there. Foreign: no file of a study; it is left alone. `--repair` sets damaged files aside and
    makes results, comparisons, findings and the report anew. The exit code is 1 if anything is damaged or stale.
    """
    from ontogeny.check import STATES
    from ontogeny.check import check as read
    from ontogeny.check import repair as mend

    health = mend(directory) if repair else read(directory)
    if json_:
        print(json.dumps(health.to_dict(), indent=1))
    else:
        for one in health.of("damaged", "stale", "foreign"):
            what = f"[{COLOURS[one.state]}]{one.state}[/] {escape(' '.join([one.kind, one.what]).strip())}"
            out.print(what + escape(f": {one.why}" + (f" – {one.back}" if one.back else "")))
        out.print(", ".join(f"{len(health.of(state))} {state}" for state in STATES))
    raise typer.Exit(0 if health.sound else 1)

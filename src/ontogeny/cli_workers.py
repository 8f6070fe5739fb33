"""Work that is spread: one task of a job array, and what is going on in a directory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ontogeny.cli_progress import Bars
from ontogeny.errors import UserError
from ontogeny.study import load_study

app = typer.Typer()
out, err = Console(), Console(stderr=True)


@app.command()
def worker(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Directory of the study, shared by all workers.")
    ],
    shard: Annotated[
        str, typer.Option(help="i/n: this is task i of n, counted from 0.", metavar="I/N")
    ] = "0/1",
    study: Annotated[
        str | None, typer.Option(help="Name or TOML file of the study, where DIR does not hold it yet.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Change the recipe, as for `ontogeny run`.")
    ] = None,
    commit_every: Annotated[float, typer.Option(help="Seconds between resume points.")] = 20.0,
) -> None:
    """Do one share of a study, for job arrays: no scheduler is needed but theirs.

    `ontogeny worker DIR --study STUDY --shard $SLURM_ARRAY_TASK_ID/16`, sixteen times, on machines that share DIR. Each takes what nobody
    else has in hand, that of tasks that died included, and ends when there is nothing left to take. Whoever comes last writes the report.
    """
    from ontogeny import execute
    from ontogeny.executors.shard import Shard
    from ontogeny.store.directory import Directory

    if study is None and set_:
        raise UserError("--set changes the recipe that --study names; say both.")
    recipe = load_study(study, set_ or []) if study else Directory.open(directory).study()
    with Bars(err) as progress:
        plan = execute.run(
            recipe,
            directory,
            commit_every=commit_every,
            progress=progress,
            executor=Shard.parse(shard),
            wait=False,
        )
    for warning in plan.warnings:
        err.print(f"[yellow]note:[/] {escape(warning)}")
    if not plan:
        out.print(f"nothing to do: {directory} has everything that '{recipe.name}' asks for.", soft_wrap=True)


@app.command()
def watch(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of a study that is worked on.")],
    once: Annotated[bool, typer.Option("--once", help="Say how things are, and end.")] = False,
) -> None:
    """What is going on in a study, whoever does it: how far each stage is, and who has what in hand."""
    from rich.live import Live

    from ontogeny.store.directory import Directory
    from ontogeny.store.events import Follower, Going
    from ontogeny.store.lease import holders

    root = Directory.open(directory).root
    log, going = Follower(root), Going()

    def now() -> Table:
        for event in log.new():
            going.hear(event)
        return _table(going, holders(root))

    if once or not out.is_terminal:
        out.print(now())
        return
    with Live(now(), console=out, refresh_per_second=2) as live:
        while True:
            time.sleep(0.5)
            live.update(now())


def _table(going: Any, holders: Any) -> Table:
    table = Table("stage", "done", "at", "by", box=None, header_style="bold")
    for stage, (done, total) in going.stages.items():
        table.add_row(stage, f"{done / total:.0%}" if total else "", "", "")
    for event in going.in_hand:
        by = f"process {event['pid']} on {event['machine']}"
        table.add_row(event["stage"], f"{event.get('share', 0):.0%}", escape(str(event["what"])), escape(by))
    if not holders:
        table.add_row("", "", "nobody is at work", "")
    return table

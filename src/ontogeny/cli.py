"""The command line. Imports nothing heavy until a command needs it, so that ``--help`` is instant."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, cast

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ontogeny import (
    cli_catalogues,
    cli_check,
    cli_compare,
    cli_files,
    cli_shape,
    cli_workbench,
    cli_workers,
    overrides,
)
from ontogeny.cli_progress import Bars
from ontogeny.errors import Failed, UserError
from ontogeny.study import load_study

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="""Train populations of small networks, look at every checkpoint, compare honestly, publish.

A first session:

- `ontogeny studies` – what can be run; `ontogeny new NAME` – a recipe of your own
- `ontogeny run bottleneck-quick --out out/quick` – train, look, compare, report: seconds
- `ontogeny runs out/quick` – what is there
- `ontogeny workbench out` – look at it in the browser
- `ontogeny compare out/quick --measure tn_similarity`
- `ontogeny report out/quick --run d_hidden=2 --run d_hidden=32` – two runs beside one another
- `ontogeny run bottleneck-quick --out out/quick --set train.epochs=300` – extends it
""",
)
out, err = Console(), Console(stderr=True)
# UsageError, which typer does not export
USAGE_ERRORS = cast(type[typer.BadParameter], typer.BadParameter.__base__)

Dir = Annotated[
    Path, typer.Argument(help="Directory of a study, as `ontogeny run --out DIR` made it.", metavar="DIR")
]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
All = Annotated[bool, typer.Option("--all", help="Take in the runs that the recipe no longer asks for, too.")]
Options = Annotated[
    list[str] | None,
    typer.Option("--option", help="Option of the lens, measure or view: k=v (may be repeated)."),
]


@app.callback()
def everywhere(
    trust: Annotated[
        list[str] | None,
        typer.Option(
            help="Module whose models studies may name; it is imported, which runs it (may be repeated)."
        ),
    ] = None,
) -> None:
    if trust:
        os.environ["ONTOGENY_TRUST"] = ",".join(trust)


def main() -> None:
    """Entry point: errors that a user can cause are printed in one line, without a traceback."""
    failed: list[str] = []

    def say(message: Any, category: type[Warning], *_: Any) -> None:
        # What libraries remark on their own arithmetic (a mean of nothing, say) is for their authors.
        if not issubclass(category, UserWarning):
            return
        failed.extend([str(message)] if issubclass(category, Failed) else [])
        word = "failed" if issubclass(category, Failed) else "note"
        err.print(f"[yellow]{word}:[/] {escape(str(message))}", soft_wrap=True)

    warnings.showwarning = say  # type: ignore[assignment]
    warnings.simplefilter("always", Failed)
    try:
        code = app(standalone_mode=False, prog_name="ontogeny")
    except UserError as error:
        _fail(str(error))
    except USAGE_ERRORS as error:
        command = error.ctx.command_path if error.ctx else "ontogeny"
        said = error.format_message()
        setting = (
            " A setting is changed with --set KEY=VALUE." if "extra argument" in said and "=" in said else ""
        )
        _fail(f"{said}{setting} See `{command} --help`.")
    except MemoryError:
        _fail(
            "There is not enough memory for this. What was committed is kept; fewer runs or smaller models need less."
        )
    except OSError as error:
        _fail(f"{error.filename or 'A file'} cannot be used: {error.strerror or error}.")
    except Exception as error:
        path = Path(tempfile.mkstemp(prefix="ontogeny-", suffix=".txt")[1])
        path.write_text(traceback.format_exc(), encoding="utf-8")
        err.print(
            f"[bold red]error:[/] {escape(f'{type(error).__name__}: {error}'.splitlines()[0])} – this is a mistake of ontogeny's and not "
            f"yours. What was committed is kept. Please report it with {path}.",
            highlight=False,
            soft_wrap=True,
        )
        sys.exit(70)
    if code == 130:  # Ctrl-C
        err.print(
            "interrupted; what was committed is kept, the same command goes on from there.", soft_wrap=True
        )
    if failed:
        err.print(
            f"done, but for what failed ({len(failed)}, named above); everything else is there.",
            soft_wrap=True,
        )
    sys.exit(code if isinstance(code, int) and code else int(bool(failed)))


def _fail(text: str) -> NoReturn:
    """One line, whatever the text, and the exit code of wrong use."""
    line = " ".join(text.split())
    err.print(f"[bold red]error:[/] {escape(line)}", highlight=False, soft_wrap=True)
    sys.exit(2)


# -- doing -----------------------------------------------------------------------------------------------------------


@app.command()
def run(
    study: Annotated[
        str, typer.Argument(help="A built-in name (see `ontogeny studies`) or the path of a TOML file.")
    ],
    out_dir: Annotated[Path, typer.Option("--out", help="Directory to make, or to go on with.")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Change the recipe: a.b=value, e.g. vary.seed=[0,1,2].")
    ] = None,
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to train.")] = "auto",
    engine: Annotated[
        Literal["auto", "torch", "kernel"],
        typer.Option(help="auto: the compiled bilinear kernel where it applies."),
    ] = "auto",
    only: Annotated[
        Literal["train", "look", "compare", "report"] | None, typer.Option(help="Do this stage alone.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be done and why; touch nothing.")
    ] = False,
    measure: Annotated[
        bool,
        typer.Option(
            "--time", help="With --dry-run: try a few updates, and say how long the training would take here."
        ),
    ] = False,
    commit_every: Annotated[float, typer.Option(help="Seconds between resume points.")] = 20.0,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", help="Processes of this machine that work side by side.")
    ] = None,
    on: Annotated[
        str | None, typer.Option(help="Who does the work: here, processes, ray, or ray://HOST:PORT.")
    ] = None,
) -> None:
    """Do what the plan says is missing or stale: train, look, compare, find, report.

    The same command again says "nothing to do"; an interrupted one goes on where it was; a longer
    `--set train.epochs=1000` trains only the epochs that are missing.
    """
    recipe = load_study(study, set_ or [])
    from ontogeny import execute
    from ontogeny.executors.choose import executor
    from ontogeny.plan import STAGES, Stage

    stages: tuple[Stage, ...] = (
        STAGES if only is None else ("find", "report") if only == "report" else (only,)
    )
    if dry_run:
        _show_plan(recipe, out_dir, stages, device, engine, measure)
        return
    with Bars(err) as progress:
        plan = execute.run(
            recipe,
            out_dir,
            stages=stages,
            device=_device(device),
            engine=engine,
            commit_every=commit_every,
            progress=progress,
            executor=executor(on, jobs),
        )
    report = out_dir / "report" / "index.html"
    for warning in plan.warnings:
        err.print(f"[yellow]note:[/] {escape(warning)}")
    if not plan:
        out.print(f"nothing to do: {out_dir} has everything that '{recipe.name}' asks for.", soft_wrap=True)
    if report.is_file():
        out.print(f"report: {report}", soft_wrap=True, highlight=False)


def _device(asked: str) -> str:
    import torch

    if asked == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: PyTorch sees no GPU on this machine. Use --device cpu or auto.")
    return "cuda" if asked != "cpu" and torch.cuda.is_available() else "cpu"


def _show_plan(
    recipe: Any, out_dir: Path, stages: Iterable[Any], device: str, engine: str, measure: bool
) -> None:
    from ontogeny import expect
    from ontogeny.plan import make_plan
    from ontogeny.progress import duration
    from ontogeny.store.directory import Directory
    from ontogeny.store.index import Index

    directory = Directory.create(out_dir, recipe)
    index = directory.index() if directory.study_file.is_file() else Index()
    members = expect.members_of(recipe, directory, index)
    expect.check(recipe, members, directory.holds(recipe))
    plan = make_plan(expect.expectations(recipe, members), index, stages)
    if not plan:
        out.print("nothing to do")
    table = Table("stage", "what", "why", box=None, header_style="bold")
    for row in plan.summary():
        table.add_row(*map(escape, row))
    if plan:
        out.print(table)
    for warning in plan.warnings:
        err.print(f"[yellow]note:[/] {escape(warning)}")
    if measure and any(row[0] == "train" for row in plan.summary()):
        found = expect.time_to_train(recipe, members, index, _device(device), engine)
        out.print(
            f"training: about {duration(found.seconds)} here, by {found.updates:,} updates that were tried of {found.variants:,} runs"
        )


@app.command()
def runs(directory: Dir, json_: Json = False, all_: All = False) -> None:
    """The runs of a study: what varied, how far each came, and its last metrics. Those of an earlier recipe are shown apart.

    The beginning of an id is enough wherever a run is asked for; so is what varied: `--run seed=0`.
    """
    from ontogeny import cli_runs
    from ontogeny.besides import differs
    from ontogeny.handles import open_store

    store = open_store(directory)
    table = (store.everything if all_ else store).runs()
    for damage in store.index.damage:
        err.print(
            f"[yellow]note:[/] {escape(damage)} `ontogeny check {directory}` says more.", soft_wrap=True
        )
    if json_:
        print(json.dumps(json.loads(table.reset_index().to_json(orient="records")), indent=1))
        return
    hidden = cli_runs.show(out, table)
    earlier = [] if all_ else store.besides.entries()
    if earlier:
        asked = [e.record for e in store.entries()]
        rest = store.besides.runs()
        rest["differs in"] = [differs(e.record, asked) for e in earlier]
        out.print(
            f"\n{_runs_are(len(earlier))} here that the recipe no longer asks for; reports and comparisons leave them out:"
        )
        hidden = cli_runs.show(out, rest, last=["differs in"]) and hidden
    for entry in (e for e in store.index.runs.values() if e.damaged):
        for text in entry.damaged.values():
            err.print(f"[yellow]note:[/] run {entry.id}: {escape(text)}", soft_wrap=True)
    if hidden:
        out.print(
            f"[dim]no room for {', '.join(h.replace('_', ' ') for h in hidden)}; --json has everything[/]"
        )


def _runs(n: int) -> str:
    return f"{n} run{'s' * (n != 1)}"


def _runs_are(n: int) -> str:
    return f"{_runs(n)} {'is' if n == 1 else 'are'}"


@app.command()
def look(
    directory: Dir,
    lens: Annotated[
        list[str] | None, typer.Option("--lens", help="Lens to look through (may be repeated).")
    ] = None,
    option: Options = None,
    run_: Annotated[
        list[str] | None,
        typer.Option("--run", help="Only at this run, by id or values (may be repeated).", metavar="RUN"),
    ] = None,
    all_: All = False,
) -> None:
    """Look through lenses at every checkpoint of every run; by default through those that the study names."""
    from ontogeny import build, execute, expect
    from ontogeny.handles import open_store
    from ontogeny.study import Use

    store = open_store(directory)
    store = store.everything if all_ else store
    store = store.only(store.run(which) for which in run_) if run_ else store
    entries = [e for e in store.entries() if e.checkpoints]
    members = {e.id: build.member_of(e.record) for e in entries}
    if not entries:
        raise UserError(f"{directory} has no runs with checkpoints to look at.")
    asked = [Use(name=n, options=overrides.options(option)) for n in lens] if lens else store.study.lenses
    wanted, notes = expect.lenses_by_run(asked, list(members.values()))
    for note in notes:
        err.print(f"[yellow]note:[/] {escape(note)}", soft_wrap=True)
    with Bars(err) as progress:
        looked_at = execute.look(store.directory, wanted, progress=progress)
    names = ", ".join(dict.fromkeys(w.stem for of in wanted.values() for w in of))
    fresh = len(entries) - looked_at
    out.print(
        f"{names}: {_runs(looked_at)} looked at, {fresh} {'was' if fresh == 1 else 'were'} fresh.",
        soft_wrap=True,
    )
    out.print(f"results: {directory}/runs/<run>/results/<lens>.nc", soft_wrap=True)


@app.command()
def report(
    directory: Dir,
    format: Annotated[
        Literal["html", "md", "pdf"],
        typer.Option(
            help="html: one offline file. md: Markdown, with PNG figures beside it. pdf: printed by a Chromium."
        ),
    ] = "html",
    run_: Annotated[
        list[str] | None,
        typer.Option(
            "--run",
            help="Only this run, by id or values (seed=0); several: a comparison of them.",
            metavar="RUN",
        ),
    ] = None,
    beside: Annotated[
        Path | None,
        typer.Option(
            help="Beside --run: another study's directory, one of whose runs is set beside it.", metavar="DIR"
        ),
    ] = None,
    beside_run: Annotated[
        str | None,
        typer.Option(
            help="Which run of --beside, by id or values; the first unless it is said.", metavar="RUN"
        ),
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="File to write instead of DIR/report/.", metavar="FILE")
    ] = None,
    all_: All = False,
) -> None:
    """Write the report of a study from what is there; of one of its runs (--run seed=0); or a comparison of some.

    `--run seed=0 --run seed=3` lays their curves over one another at the step at which each groks, shows the same pictures of each, and says
    which numbers and maps are the same in all of them and which are not.

    `--run seed=0 --beside OTHER --beside-run seed=3` does the same for runs of two directories, with the difference of their maps where the axes
    agree.

    Figures of a Markdown report need `pip install 'ontogeny[images]'` and a Chromium; without them a line says so.
    """
    from ontogeny.handles import open_store
    from ontogeny.report.assemble import assemble, write, write_report
    from ontogeny.report.chosen import write_chosen
    from ontogeny.report.two_studies import write_beside

    store = open_store(directory)
    runs = [(store.everything if all_ else store).run(which) for which in run_ or []]
    if (beside or beside_run) and (len(runs) != 1 or not beside):
        raise UserError(
            "One run of each study: --run RUN --beside DIR, and --beside-run RUN where it has several."
        )
    elsewhere = out_file and not out_file.resolve().is_relative_to(directory.resolve())
    # what is only read needs no lease
    with nullcontext() if elsewhere else store.directory.leased("report"):
        if beside:
            there = open_store(beside)
            named = beside_run or next((entry.id for entry in there.entries() if entry.checkpoints), None)
            path = write_beside(runs[0], there.run(named), format, out_file)
        elif runs:
            path = write_chosen(store, runs, format, out_file)
        elif all_:
            path = write(assemble(store.everything), store.directory, "everything", format, out_file)
        else:
            path = write_report(store.directory, None, format, out_file)
    out.print(f"report: {path}", soft_wrap=True, highlight=False)


app.add_typer(cli_catalogues.app)  # studies, tasks, lenses, …; new
app.add_typer(cli_compare.app)  # compare
app.add_typer(cli_shape.app)  # topology
app.add_typer(cli_files.app)  # import, export, densify
app.add_typer(cli_check.app)
app.add_typer(cli_workers.app)  # worker, watch
app.add_typer(cli_workbench.app)

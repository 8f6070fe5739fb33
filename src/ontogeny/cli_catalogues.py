"""Commands that list what there is, and one that writes a recipe to begin with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ontogeny.errors import UserError
from ontogeny.study import built_in, load_study

app = typer.Typer(rich_markup_mode="markdown")

NEW = """# {name}: a study. Every key is explained in docs/recipes.md; lines that begin with # are suggestions.
name = "{name}"
title = ""
question = "What do I want to know?"

# lenses = ["performance"]       # `ontogeny lenses`; none named: every cheap one that can look
# measures = ["activation_similarity"]   # `ontogeny measures`: all pairs of runs

[task]                           # `ontogeny tasks`
kind = "modular_addition"
p = 13
train_fraction = 0.6

[architecture]                   # `ontogeny architectures`
kind = "mlp"
d_mlp = 64

[optimiser]
kind = "adamw"
lr = 1e-2
weight_decay = 0.1

[train]
epochs = 300                     # `--set train.epochs=600` goes on from here
batch = "full"

# [train.stop]                   # stop a run early
# metric = "test_accuracy"
# at_least = 1.0

[checkpoints]
per_decade = 7                   # weights are kept at log-spaced steps

[vary]                           # every combination is a run
seed = {{ range = [0, 2] }}
# "optimiser.weight_decay" = [0.0, 0.1, 1.0]

[[report]]
heading = "How do the runs learn?"
views = ["train_and_test", "loss_curves"]
"""


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="What the study is called; NAME.toml is written here.")],
) -> None:
    """Write a commented recipe to begin with, which runs as it is in seconds."""
    from ontogeny.study import read_recipe

    path = Path(name if name.endswith(".toml") else f"{name}.toml")
    text = NEW.format(name=path.stem)
    if path.exists():
        raise UserError(f"{path} exists already; choose another name.")
    if path.stem in built_in():
        raise UserError(f"There is a built-in study '{path.stem}'; choose another name.")
    import tomllib

    try:
        read_recipe(tomllib.loads(text), str(path))
        path.write_text(text, encoding="utf-8")
    except (tomllib.TOMLDecodeError, OSError) as error:
        raise UserError(f"{name!r} cannot be the name of a recipe: {error}.") from None
    Console().print(
        f"{path} is written; `ontogeny run {path} --out out/{path.stem}` trains it.",
        soft_wrap=True,
        markup=False,
    )


@app.command()
def studies() -> None:
    """Built-in recipes. Any TOML file of the same form is a study too."""
    table = Table("study", "title", "runs", box=None, header_style="bold")
    for name in sorted(built_in()):
        study = load_study(name)
        table.add_row(name, study.title, str(len(study.variants())))
    Console().print(table)


def catalogue(kind: str, extra: Callable[[Any], str]) -> None:
    from ontogeny import registry

    entries = getattr(registry, kind)
    table = _table(kind[:-1].replace("lense", "lens"), "question", "")
    for name, entry in entries.items():
        origin = registry.provenance(entry.function.__module__)
        plugin = "" if origin == "ontogeny" else f" [dim]({escape(origin)})[/]"
        table.add_row(name, escape(entry.question) + plugin, extra(entry))
    Console().print(table)


def _table(name: str, *others: str) -> Table:
    """Names are never broken: they are to be typed."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(name, no_wrap=True)
    for other in others:
        table.add_column(other, overflow="fold")
    return table


@app.command()
def lenses(
    for_: Annotated[
        Path | None,
        typer.Option(
            "--for", help="A study: say of each lens whether it can look at its runs.", metavar="DIR"
        ),
    ] = None,
) -> None:
    """The catalogue of lenses: what each asks of a model, what it costs, and its options; with --for, which of them fit."""
    if for_ is not None:
        return _fitting(for_)
    catalogue("lenses", lambda x: escape(f"{x.cost} {_options_text(x.defaults)}"))


def _fitting(path: Path) -> None:
    from ontogeny import expect, registry
    from ontogeny.handles import open_store

    store = open_store(path)
    members = [store.run(e.id).member for e in store.entries()]
    if not members:
        raise UserError(f"{path} has no runs to look at.")
    table = _table("lens", "fits", "why not, or what it costs")
    rows = []
    for name, entry in registry.lenses.items():
        obstacles = [(len(of), expect.obstacle(name, of[0])) for of in expect.alike(members)]
        fit = sum(n for n, why in obstacles if why is None)
        words = "yes" if fit == len(members) else f"{fit} of {len(members)}" if fit else "no"
        why = next((why for _, why in obstacles if why), entry.cost)
        rows.append((fit == 0, name, words, why))
    for _, name, words, why in sorted(rows):
        table.add_row(name, words, escape(why))
    Console().print(table)


@app.command()
def measures() -> None:
    """The catalogue of measures: how alike two models are, and the options."""
    catalogue("measures", lambda x: escape(f"{x.kind} {_options_text(x.defaults)}"))


@app.command()
def views() -> None:
    """The catalogue of views: what each shows and how to read it."""
    catalogue("views", lambda x: escape(_options_text(x.defaults)))


@app.command()
def findings() -> None:
    """The catalogue of kinds of finding: what a claim of that kind says, and its options."""
    catalogue("findings", lambda x: escape(_options_text(x.defaults)))


def _parts(room: str) -> None:
    """A catalogue of what a recipe is built from: what each is, and its settings with their defaults."""
    from dataclasses import MISSING, fields

    from ontogeny import registry
    from ontogeny.options import describe

    table = _table({"architectures": "architecture"}.get(room, room[:-1]), "what it is", "settings")
    for name, spec in getattr(registry, room).items():
        options = (f.name if f.default is MISSING else f"{f.name}={f.default!r}" for f in fields(spec))
        table.add_row(name, escape(describe(spec)), escape(", ".join(options)))
    Console().print(table)


@app.command()
def tasks() -> None:
    """What can be learned, and its settings."""
    _parts("tasks")


@app.command()
def architectures() -> None:
    """Models that can be trained, and their settings. Your own: `on.from_module`."""
    _parts("architectures")


@app.command()
def objectives() -> None:
    """What can be minimised, and its settings."""
    _parts("objectives")


@app.command()
def optimisers() -> None:
    """How weights are updated, and the settings that a study may vary."""
    _parts("optimisers")


@app.command()
def interventions() -> None:
    """The catalogue of interventions: what each does to a model's forward pass, and its options. They compose.

    In a notebook: `run.change("performance", under=[{"kind": "zero_ablate", "tap": …, "units": [0]}])`.
    """
    _parts("interventions")


@app.command()
def axes() -> None:
    """Names of the axes of results, and what they mean."""
    from ontogeny.axes import AXES

    table = _table("axis", "meaning")
    for name, words in AXES.items():
        table.add_row(name, escape(words))
    Console().print(table)


def _options_text(defaults: dict[str, Any]) -> str:
    return ", ".join(f"{k}={v!r}" for k, v in defaults.items())

"""``ontogeny compare``: the runs of a study with each other, or plain arrays without any study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from ontogeny import overrides
from ontogeny.errors import UserError

app = typer.Typer(rich_markup_mode="markdown")
out = Console(highlight=False)


@app.command()
def compare(
    first: Annotated[
        Path,
        typer.Argument(help="A study, or a file of arrays: .npy, .npz, .safetensors.", metavar="DIR|FILE"),
    ],
    second: Annotated[
        Path | None,
        typer.Argument(help="Another file of arrays; FILE.npz:NAME is one of several.", metavar="[FILE]"),
    ] = None,
    measure: Annotated[
        list[str] | None, typer.Option("--measure", help="See `ontogeny measures` (may be repeated).")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            help="Option of the measure: k=v, or measure.k=v for one of several (may be repeated).",
        ),
    ] = None,
    tap: Annotated[
        str | None,
        typer.Option(
            help="Of a study: what of each model is compared: outputs, a tap or role (neurons[-1]), weights:NAME."
        ),
    ] = None,
    run_: Annotated[
        str | None, typer.Option("--run", help="Of a study: compare the steps of this run instead of runs.")
    ] = None,
    between: Annotated[
        Literal["final", "consecutive", "all"], typer.Option(help="With --run: which steps to compare.")
    ] = "final",
    all_: Annotated[
        bool,
        typer.Option("--all", help="Of a study: take in the runs that the recipe no longer asks for, too."),
    ] = False,
    null: Annotated[
        list[str] | None,
        typer.Option(
            help="Of arrays: row_shuffle (default), random, rematched (with --align), none (may be repeated)."
        ),
    ] = None,
    draws: Annotated[int, typer.Option(help="Of arrays: draws of each null.")] = 999,
    align: Annotated[
        str | None,
        typer.Option(
            help="Of arrays: pair units (argmax, argmax_back, mutual, hungarian, transport) or map them (permutation, orthogonal, linear)."
        ),
    ] = None,
    fit_on: Annotated[
        Literal["half", "all"],
        typer.Option(help="Of arrays: align on one half of the samples and score the other."),
    ] = "half",
    untrained: Annotated[
        list[Path] | None,
        typer.Option(help="Of arrays: what an untrained model says, as a null (may be repeated)."),
    ] = None,
    ceiling: Annotated[
        list[Path] | None,
        typer.Option(help="Of arrays: the first model with another seed (may be repeated)."),
    ] = None,
    samples: Annotated[int | None, typer.Option(help="Of arrays: a random subset of the samples.")] = None,
    resamples: Annotated[
        int, typer.Option(help="Of arrays: half samples for the interval; 0 leaves it out.")
    ] = 100,
    seed: Annotated[int, typer.Option(help="Of arrays: decides draws, halves and subsets.")] = 0,
    out_file: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Of arrays: write the table too: .md, .html, .tex, .txt, .csv, or .nc.",
            metavar="FILE",
        ),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Compare all pairs of runs of a study at their last step, the steps of one run, or arrays of activations.

        ontogeny compare out/quick --measure tn_similarity
        ontogeny compare out/grokking --measure cka_linear --tap neurons[-1]
        ontogeny compare a.npy b.npy --measure cka_linear --measure svcca --null row_shuffle --null random
        ontogeny compare layers_a.npz layers_b.npz --measure cka_linear_debiased --out grid.html

    Arrays are samples × units, rows the same inputs on both sides; every array of one file is compared with every one of the other.
    """
    if first.is_dir() and second is not None:
        raise UserError(f"One study is compared, or two files of arrays; {second} is one thing too many.")
    if second is None and first.name.partition(":")[0].rpartition(".")[2] not in (
        "npy",
        "npz",
        "safetensors",
    ):
        return _study(
            first,
            measure or [],
            {**overrides.options(option), **({"tap": tap} if tap else {})},
            run_,
            between,
            all_,
            json_,
        )
    from ontogeny.representations.comparing import USUAL
    from ontogeny.representations.comparing import compare as compare_arrays
    from ontogeny.representations.files import read, two_sides

    for given, flag in ((run_, "--run"), (all_ or None, "--all"), (tap, "--tap")):
        if given is not None:
            raise UserError(f"{flag} is about the runs of a study; {first} is a file.")
    x, y = two_sides(first, second)
    if y is None and len(x) < 2:
        raise UserError(
            f"{first} holds one array; name the file to compare it with: ontogeny compare {first} OTHER.npy."
        )
    names = measure or list(USUAL)
    result = compare_arrays(
        x,
        y,
        names,
        options=_options_by_measure(option, names),
        null=null or "row_shuffle",
        draws=draws,
        align=align,
        fit_on=fit_on,
        untrained=[one for path in untrained or () for one in read(path).values()],
        ceiling=[one for path in ceiling or () for one in read(path).values()],
        samples=samples,
        resamples=resamples,
        seed=seed,
    )
    if out_file:
        result.save(out_file)
    if json_:
        records = json.loads(result.to_dataframe().to_json(orient="records"))
        print(json.dumps({"rows": records, "warnings": list(result.warnings)}, indent=1))
        return
    out.print(result.table("text"), markup=False, soft_wrap=True)


def _options_by_measure(given: list[str] | None, names: list[str]) -> dict[str, dict[str, Any]]:
    """``k=v`` for every measure that has the option, ``measure.k=v`` for one."""
    from ontogeny.errors import UnknownName
    from ontogeny.registry import measures

    parsed = overrides.options(given)
    of = {name: dict(parsed.pop(name, {})) for name in names}
    for key, value in parsed.items():
        takers = [name for name in names if key in measures[name].defaults and key != "tap"]
        if not takers:
            known = {k for name in names for k in measures[name].defaults} - {"tap"}
            raise UnknownName(f"option of {', '.join(names)}", key, known)
        for name in takers:
            of[name][key] = value
    return {name: options for name, options in of.items() if options}


def _study(
    directory: Path,
    measures: list[str],
    options: dict[str, Any],
    run_: str | None,
    between: Literal["final", "consecutive", "all"],
    all_: bool,
    json_: bool,
) -> None:
    from ontogeny.handles import open_store

    if not measures:
        raise UserError("By which measure? --measure NAME; `ontogeny measures` lists them.")
    store = open_store(directory)
    store = store.everything if all_ else store
    for measure in measures:
        if run_:
            data = store.run(run_).compare(measure, between, **options)["value"]
        else:
            data = store.compare(measure, **options)
        _show(data, json_)


def _show(data: Any, json_: bool) -> None:
    if json_:
        print(json.dumps(data.to_dict(), default=str))
        return
    values = data.values
    out.print(f"{data.attrs['long_name']} ({data.attrs['kind']}), {' × '.join(map(str, data.shape))}")
    if values.ndim == 2:
        import numpy as np

        square = values.shape[0] == values.shape[1]
        pairs = values[np.triu_indices(len(values), 1)] if square else values.ravel()
        quartiles = np.nanquantile(pairs, [0, 0.25, 0.5, 0.75, 1])
        out.print(f"{len(pairs)} pairs: min, quartiles, max = " + ", ".join(f"{q:.4g}" for q in quartiles))
    if values.size <= 400:
        out.print(str(data.to_pandas().round(4)))
    else:
        out.print("--json prints every pair; `ontogeny report` draws them.")

"""``ontogeny compare``: the runs of a study with each other, or plain arrays without any study."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer
from rich.console import Console

from ontogeny import overrides
from ontogeny.cli_compared import Plot, linked_arrays, linked_runs, show
from ontogeny.errors import UserError

if TYPE_CHECKING:
    from ontogeny.representations import Comparison, Concepts

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
        typer.Argument(
            help="Another study, or file of arrays; FILE.npz:NAME is one of several.", metavar="[DIR|FILE]"
        ),
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
        list[str] | None,
        typer.Option(
            help="Of a study: what of each model is compared: outputs, a tap or role (neurons[-1]), weights:NAME. Several, with --run: each with each."
        ),
    ] = None,
    run_: Annotated[
        list[str] | None,
        typer.Option(
            "--run",
            help="Of a study: compare the steps of this run instead of runs; of two, theirs with one another.",
        ),
    ] = None,
    between: Annotated[
        Literal["final", "consecutive", "all", "equal"] | None,
        typer.Option(
            help="With --run: which steps: each with the final one (default), with the one before, all pairs, or those that two runs keep."
        ),
    ] = None,
    over_training: Annotated[
        bool,
        typer.Option(
            "--over-training", help="Of a study: all pairs of runs at the steps that all of them keep."
        ),
    ] = False,
    aligned_at: Annotated[
        str | None,
        typer.Option(
            help="With --over-training: count steps from where this holds to the end in each run: test_accuracy>=0.99.",
            metavar="METRIC>=VALUE",
        ),
    ] = None,
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
    align_by: Annotated[
        Literal["correlation", "cosine"], typer.Option(help="Of arrays: what units are matched by.")
    ] = "correlation",
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
    groups: Annotated[
        Path | None,
        typer.Option(
            help="Of arrays: a file that names the sampling unit (document, input) of every sample; these are shuffled and resampled."
        ),
    ] = None,
    correction: Annotated[
        Literal["max", "bh", "none"],
        typer.Option(help="Of arrays: p within a grid, by its largest cell or Benjamini–Hochberg."),
    ] = "max",
    resamples: Annotated[
        int, typer.Option(help="Of arrays: half samples for the interval; 0 leaves it out.")
    ] = 100,
    concept: Annotated[
        list[str] | None,
        typer.Option(
            "--concept",
            help="Of two dictionaries: a named subset of features, NAME=PATTERN, searched in the labels (may be repeated).",
            metavar="NAME=PATTERN",
        ),
    ] = None,
    concepts: Annotated[
        Path | None,
        typer.Option(help="Of two dictionaries: a .json file {name: pattern or rows}.", metavar="FILE"),
    ] = None,
    clusters: Annotated[
        int | None,
        typer.Option(help="Of two dictionaries: so many clusters of the first one's features as concepts."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="What concepts are searched in: a label a feature of the first, as .txt, .json, .csv or .tsv.",
            metavar="FILE",
        ),
    ] = None,
    labels_other: Annotated[
        Path | None,
        typer.Option(help="The same of the second: partners are of the same concept.", metavar="FILE"),
    ] = None,
    activations: Annotated[
        list[Path] | None,
        typer.Option(
            help="Of two dictionaries with concepts: what their features do on the same samples, first and second; else pairs are made by cosine.",
            metavar="FILE",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of arrays: decides draws, halves and subsets.")] = 0,
    out_file: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Write the table too: .md, .html, .tex, .txt, .csv, .nc; of a study .csv or .nc.",
            metavar="FILE",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Draw it: a page of all pictures (.html), or one picture (.png, needs the extra images).",
            metavar="FILE",
        ),
    ] = None,
    picture: Annotated[
        str,
        typer.Option(
            help="With --plot: number_line, pair_grid, matched_units, similarity_heatmap, similarity_map or likeness_course."
        ),
    ] = "",
    maps: Annotated[
        Path | None,
        typer.Option(
            help="Of two dictionaries, or two --run of autoencoders: their features as two maps side by side, partners linked, as one page "
            "(.html). Takes --labels, --labels-other, --activations, --clusters, --align.",
            metavar="FILE",
        ),
    ] = None,
    layout: Annotated[
        Literal["umap", "pca"],
        typer.Option(help="With --maps: umap (needs the extra maps), or pca."),
    ] = "umap",
    order: Annotated[
        Literal["setting", "clustered"],
        typer.Option(help="With --plot, of a study: runs by what varied, or by a tree of what is alike."),
    ] = "setting",
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Compare runs of a study or of two, steps and places of runs, or arrays of activations.

        ontogeny compare out/quick --measure tn_similarity
        ontogeny compare out/grokking --measure cka_linear --tap neurons[-1]
        ontogeny compare out/grokking --measure cka_linear --tap neurons[-1] --over-training --aligned-at "test_accuracy>=0.99"
        ontogeny compare out/grokking --measure cka_linear --run seed=0 --run seed=1 --between equal
        ontogeny compare out/grokking --measure cka_linear --run seed=0 --tap embedded --tap neurons[-1] --tap outputs
        ontogeny compare out/families out/grokking --measure cka_linear
        ontogeny compare a.npy b.npy --measure cka_linear --measure svcca --null row_shuffle --null random
        ontogeny compare layers_a.npz layers_b.npz --measure cka_linear_debiased --out grid.html --plot pictures.html
        ontogeny compare a.safetensors:W_dec b.safetensors:W_dec --labels a.txt --concept time='hour|day|year'
        ontogeny compare a.safetensors:W_dec b.safetensors:W_dec --maps maps.html
        ontogeny compare out/sae --run seed=0 --run seed=1 --maps maps.html

    Arrays are samples × units, rows the same inputs on both sides; every array of one file is compared with every one of the other.
    With concepts they are dictionaries, a feature a row: those of a concept beside the rest and beside random subsets, paired anew.
    """
    drawing = Plot(plot, picture, order)
    if second is not None and first.is_dir() != second.is_dir():
        raise UserError(
            f"Two studies are compared, or two files of arrays; {first} and {second} are one of each."
        )
    if first.is_dir() or (
        second is None
        and first.name.partition(":")[0].rpartition(".")[2]
        not in (
            "npy",
            "npz",
            "safetensors",
        )
    ):
        if maps:
            return linked_runs(first, second, run_ or [], maps, layout, clusters, align, seed)
        return _study(
            first,
            second,
            measure or [],
            overrides.options(option),
            Asked(tuple(tap or ()), tuple(run_ or ()), between, over_training, aligned_at),
            all_,
            json_,
            out_file,
            drawing,
        )
    from ontogeny.representations.comparing import USUAL
    from ontogeny.representations.comparing import compare as compare_arrays
    from ontogeny.representations.files import read, two_sides

    of_studies = {
        "--run": run_,
        "--all": all_,
        "--tap": tap,
        "--between": between,
        "--over-training": over_training,
        "--aligned-at": aligned_at,
    }
    _refuse(
        {flag: given or None for flag, given in of_studies.items()},
        f"is about the runs of a study; {first} is a file.",
    )
    x, y = two_sides(first, second)
    if y is None and len(x) < 2:
        raise UserError(
            f"{first} holds one array; name the file to compare it with: ontogeny compare {first} OTHER.npy."
        )
    if maps:
        if y is None or len(x) != 1 or len(y) != 1:
            raise UserError("Maps are of two dictionaries: name one array a file, FILE.safetensors:W_dec.")
        return linked_arrays(
            x, y, maps, layout, labels, labels_other, _both(activations or []), clusters, align, seed
        )
    if concept or concepts or clusters is not None:
        if y is None or len(x) != 1 or len(y) != 1:
            raise UserError(
                "Concepts are compared between two dictionaries: name one array a file, FILE.safetensors:W_dec."
            )
        whole = {
            "--plot": plot,
            "--null": null,
            "--untrained": untrained,
            "--ceiling": ceiling,
            "--samples": samples,
        }
        _refuse(whole, "is about arrays as a whole; concepts have nulls of their own.")
        found = _concepts(
            next(iter(x.values())), next(iter(y.values())), concept or [], concepts, clusters, labels, labels_other, activations or [],
            measures=measure, options=option, how=align, draws=draws, seed=seed,
        )  # fmt: skip
        return _tell(found, out_file, json_)
    _refuse(
        {"--labels": labels, "--labels-other": labels_other, "--activations": activations},
        "says nothing without a concept: --concept NAME=PATTERN, --concepts FILE or --clusters N.",
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
        align_by=align_by,
        fit_on=fit_on,
        groups=_only(groups),
        correction=correction,
        untrained=[one for path in untrained or () for one in read(path).values()],
        ceiling=[one for path in ceiling or () for one in read(path).values()],
        samples=samples,
        resamples=resamples,
        seed=seed,
    )
    if plot:
        drawing.of_arrays(result, " and ".join(str(p) for p in (first, second) if p))
    _tell(result, out_file, json_)


def _refuse(given: Mapping[str, Any], why: str) -> None:
    """Flags that were given and mean nothing here."""
    for flag, one in given.items():
        if one is not None:
            raise UserError(f"{flag} {why}")


def _tell(result: Comparison | Concepts, out_file: Path | None, json_: bool) -> None:
    if out_file:
        result.save(out_file)
    if json_:
        records = json.loads(result.to_dataframe().to_json(orient="records"))
        print(json.dumps({"rows": records, "warnings": list(result.warnings)}, indent=1))
        return
    out.print(result.table("text"), markup=False, soft_wrap=True)


def _only(path: Path | None) -> Any:
    """The one array of a file."""
    from ontogeny.representations.files import read

    if path is None:
        return None
    arrays = read(path)
    if len(arrays) > 1:
        raise UserError(f"{path} holds {len(arrays)} arrays; name one: {path}:{next(iter(arrays))}.")
    return next(iter(arrays.values()))


def _both(activations: Sequence[Path]) -> tuple[Any, Any] | None:
    """What the features of the first and of the second do, where files say it."""
    if len(activations) not in (0, 2):
        raise UserError(
            f"--activations is given {len(activations)} times; twice is needed: of the first, then of the second."
        )
    return (_only(activations[0]), _only(activations[1])) if activations else None


def _concepts(
    x: Any,
    y: Any,
    patterns: list[str],
    file: Path | None,
    clusters: int | None,
    labels: Path | None,
    labels_other: Path | None,
    activations: list[Path],
    *,
    measures: list[str] | None,
    options: list[str] | None,
    how: str | None,
    draws: int,
    seed: int,
) -> Concepts:
    from ontogeny.representations.concepts import USUAL, compare_concepts
    from ontogeny.representations.concepts import clusters as clustered
    from ontogeny.representations.labels import read_concepts, read_labels

    asked: dict[str, Any] = read_concepts(file) if file else {}
    for one in patterns:
        name, equals, pattern = one.partition("=")
        if not (name and equals and pattern):
            raise UserError(f"--concept {one}: write NAME=PATTERN, time='hour|day|year'.")
        asked[name] = pattern
    if clusters is not None:
        asked |= clustered(x, clusters, seed)
    acts = _both(activations)
    names = measures or list(USUAL)
    return compare_concepts(
        x, y, asked,
        labels=read_labels(labels, len(x)) if labels else None,
        labels_other=read_labels(labels_other, len(y)) if labels_other else None,
        activations=acts,
        measures=names, options=_options_by_measure(options, names), how=how or "hungarian", draws=draws, seed=seed,  # type: ignore[arg-type]
    )  # fmt: skip


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


class Asked(NamedTuple):
    """What of a study is compared."""

    taps: tuple[str, ...]
    runs: tuple[str, ...]
    between: Literal["final", "consecutive", "all", "equal"] | None
    over_training: bool
    aligned_at: str | None


def _study(
    directory: Path,
    second: Path | None,
    measures: list[str],
    options: dict[str, Any],
    asked: Asked,
    all_: bool,
    json_: bool,
    out_file: Path | None,
    plot: Plot,
) -> None:
    from ontogeny.handles import open_store

    if not measures:
        raise UserError("By which measure? --measure NAME; `ontogeny measures` lists them.")
    if out_file and out_file.suffix not in (".csv", ".nc"):
        raise UserError(f"--out {out_file}: of a study .csv or .nc; --plot draws it.")
    if out_file and len(measures) > 1:
        raise UserError("--out is one file, and several measures are asked for.")
    if plot.path and len(measures) > 1:
        raise UserError(f"--plot draws one measure of a study; these are {', '.join(measures)}.")
    stores = [open_store(one) for one in (directory, second) if one is not None]
    stores = [store.everything if all_ else store for store in stores]
    for measure in measures:
        data = _of_study(stores, measure, options, asked)
        if out_file:
            data.to_netcdf(out_file) if out_file.suffix == ".nc" else data.to_dataframe().to_csv(out_file)
        if plot.path:
            plot.of_study(stores[0], measure, data, _runs_of_one(stores, asked))
        show(data["value"], json_)


def _runs_of_one(stores: Sequence[Any], asked: Asked) -> bool:
    """Whether all pairs of runs of one study are compared, so that views of these can draw them."""
    return len(stores) == 1 and not asked.runs and not asked.over_training


def _of_study(stores: Sequence[Any], measure: str, options: dict[str, Any], asked: Asked) -> Any:
    """The one comparison that was asked for; what does not go together is said."""
    store, other = stores[0], stores[1] if len(stores) > 1 else None
    one = {"tap": asked.taps[0]} if len(asked.taps) == 1 else {}
    if len(asked.taps) > 1 and not asked.runs:
        raise UserError(
            "Several --tap are compared with each other within a run, or between two: name them with --run."
        )
    if asked.aligned_at and not asked.over_training:
        raise UserError("--aligned-at is for --over-training.")
    if asked.between and not asked.runs:
        raise UserError("--between is about steps of runs: name one or two with --run.")
    if asked.over_training:
        if asked.runs or other is not None:
            raise UserError(
                "--over-training compares all runs of one study; --run and a second study are something else."
            )
        return store.over_training(measure, align=_event(asked.aligned_at), **options, **one)
    if not asked.runs:
        return store.comparison(measure, other=other, **options, **one)
    if len(asked.runs) > 2:
        raise UserError(f"One --run or two; these are {len(asked.runs)}.")
    run = store.run(asked.runs[0])
    second = (other or store).run(asked.runs[-1]) if len(asked.runs) == 2 or other is not None else None
    taps = asked.taps if len(asked.taps) > 1 else ()
    between = asked.between or ("all" if second is not None else "final")
    return run.compare(measure, between, second, taps, **options, **one)


def _event(text: str | None) -> dict[str, Any] | None:
    """``test_accuracy>=0.99``."""
    if text is None:
        return None
    metric, _, value = text.partition(">=")
    try:
        return {"metric": metric.strip(), "at_least": float(value)}
    except ValueError:
        raise UserError(f"--aligned-at {text!r}: write METRIC>=VALUE, as in test_accuracy>=0.99.") from None

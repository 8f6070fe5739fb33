"""``ontogeny topology``: the shape of samples, and how far two shapes are apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ontogeny.errors import UserError

if TYPE_CHECKING:
    from ontogeny.representations.shapes import Topology

app = typer.Typer(rich_markup_mode="markdown")
out = Console(highlight=False)


@app.command()
def topology(
    first: Annotated[
        Path,
        typer.Argument(
            help="A file of samples × units (.npy, .npz, .safetensors), or a study.", metavar="FILE|DIR"
        ),
    ],
    second: Annotated[
        Path | None, typer.Argument(help="Another: how far are the two shapes apart?", metavar="[FILE|DIR]")
    ] = None,
    run_: Annotated[
        list[str] | None, typer.Option("--run", help="Of a study: which run (twice: two of them).")
    ] = None,
    tap: Annotated[str, typer.Option(help="Of a study: a tap or role; rows are its samples.")] = "embedding",
    step: Annotated[int, typer.Option(help="Of a study: at which step (−1: the last).")] = -1,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw bars, samples by their angle and the Mapper graph (.html).", metavar="FILE"),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Which shape do samples lie on: pieces, loops, and how long they last.

        ontogeny topology acts.npy --plot shape.html
        ontogeny topology out/grokking --run seed=0 --tap embedding
        ontogeny topology out/grokking --run seed=0 --run seed=1 --tap neurons[-1]
        ontogeny topology a.npy b.npy

    Loops are measured beside that of a dense perfect circle of the same size: 1 is a circle, .1 to .3 is noise. Needs the extra topology.
    """
    if plot and plot.suffix != ".html":
        raise UserError(f"--plot {plot.name}: shapes are drawn as an .html page.")
    shapes = [
        s
        for path in (first, second)
        if path is not None
        for s in _shapes(path, run_ or [], tap, step, second)
    ]
    if len(shapes) > 2:
        raise UserError(f"One shape or two; these are {len(shapes)}.")
    told: dict[str, Any] = {
        "shapes": [
            {
                "name": s.name,
                "samples": len(s.points),
                "loops": s.share[:8].tolist(),
                "bars": s.loops[:8].tolist(),
            }
            for s in shapes
        ]
    }
    if len(shapes) == 2:
        told["bottleneck"], told["wasserstein"] = (
            shapes[0].distance(shapes[1], how) for how in ("bottleneck", "wasserstein")
        )
    if plot:
        plot.write_text(_page(shapes), encoding="utf-8")
    if json_:
        print(json.dumps(told, indent=1))
        return
    for one in shapes:
        out.print(one.says(), markup=False, soft_wrap=True)
    if len(shapes) == 2:
        out.print(
            f"between them, in units of their sizes: bottleneck {told['bottleneck']:.3g}, Wasserstein {told['wasserstein']:.3g}"
        )
    if plot:
        out.print(str(plot), markup=False, soft_wrap=True)


def _page(shapes: list[Topology]) -> str:
    """All of them on one page."""
    from ontogeny.report.assemble import docstring
    from ontogeny.report.document import Document, Figure, Section
    from ontogeny.report.html import render
    from ontogeny.views.base import Drawn
    from ontogeny.views.shape import shape

    figures = [Figure(Drawn(one.figure(), [], says=one.says()), one.name, docstring(shape)) for one in shapes]
    return render(
        Document(
            title=" and ".join(one.name for one in shapes),
            question="Which shape do the samples lie on?",
            answer=[one.says() for one in shapes],
            sections=[Section("The shape", figures=figures)],
        )
    )


def _shapes(path: Path, runs: list[str], tap: str, step: int, second: Path | None) -> list[Topology]:
    """Of a file every array, of a study the runs that are named."""
    from ontogeny.representations.shapes import topology as shape_of

    if not path.is_dir():
        from ontogeny.representations.files import read

        if runs:
            raise UserError(f"--run is about the runs of a study; {path} is a file.")
        return [shape_of(values, name) for name, values in read(path).items()]
    from ontogeny.handles import open_store

    store = open_store(path)
    if not runs and len(store.entries()) > 1:
        raise UserError(
            f"{path} has {len(store.entries())} runs; name one: --run seed=0 (`ontogeny runs {path}` lists them)."
        )
    found = []
    for name in runs or [None]:  # type: ignore[list-item]
        run = store.run(name)
        values = run.subject(step).site(tap)
        if not hasattr(values, "reshape"):
            raise UserError(f"'{tap}' is not one array; choose a tap or another role.")
        found.append(shape_of(values.reshape(len(values), -1), f"{tap} of {run.name}"))
    return found

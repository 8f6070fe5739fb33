"""What ``ontogeny compare`` shows of a comparison: numbers in the terminal, pictures in a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from ontogeny.errors import UserError

out = Console(highlight=False)


@dataclass(frozen=True)
class Plot:
    """Where a picture is wanted, and which."""

    path: Path | None
    picture: str = ""
    order: str = "setting"

    def __post_init__(self) -> None:
        if self.path and self.path.suffix not in (".html", ".png"):
            raise UserError(f"--plot {self.path.name}: choose the ending .html or .png.")

    def of_arrays(self, result: Any, title: str) -> None:
        from ontogeny.report.compared import document

        if self._page:
            self._write(document(result, title, self.picture))
        else:
            self._photograph(result.view(self.picture))

    def of_study(self, store: Any, measure: str, data: Any, runs: bool) -> None:
        """``runs``: the pairs are all those of the runs of the study."""
        from ontogeny import registry
        from ontogeny.comparing.arranged import arranged
        from ontogeny.report.assemble import docstring, how_to_read
        from ontogeny.report.document import Document, Figure, Section
        from ontogeny.views.likeness_course import likeness_course
        from ontogeny.views.pair_grid import pair_grid

        course = "run_other" in data.dims and "step" in data.dims
        if data["value"].ndim != 2 and not course:
            raise UserError(
                f"--plot draws pairs, and these values are over {', '.join(map(str, data['value'].dims))}: "
                "of two steps ask for --between all; --out writes all numbers."
            )
        of_runs = ("similarity_heatmap", "similarity_map")
        usual = "likeness_course" if course else "similarity_heatmap" if runs else "pair_grid"
        picture = self.picture or usual
        if course and picture == "likeness_course":
            drawn, how = likeness_course(data), docstring(likeness_course)
        elif picture == "pair_grid" and not course:
            drawn, how = pair_grid(data), docstring(pair_grid)
        elif not runs or picture not in of_runs:
            known = ", ".join((*of_runs, "pair_grid") if runs else (usual,))
            raise UserError(f"There is no picture '{picture}' of this comparison; there is {known}.")
        else:
            view = registry.views[picture]
            given = {"order": self.order} if picture == "similarity_heatmap" else {}
            pairs = arranged(data, view.options(given)[view.arranged])
            drawn, how = view(**{measure: pairs}, **given), how_to_read(picture)
        if self._page:
            title = f"{store.study.title or store.study.name}: {data['value'].attrs['long_name']}"
            self._write(
                Document(
                    title=title,
                    question="How alike are they, two by two?",
                    answer=[drawn.says],
                    sections=[Section("All pairs", figures=[Figure(drawn, title, how)])],
                )
            )
        else:
            self._photograph(drawn.figure)

    @property
    def _page(self) -> bool:
        return self.path is not None and self.path.suffix == ".html"

    def _write(self, document: Any) -> None:
        from ontogeny.report.html import render

        assert self.path is not None
        self.path.write_text(render(document), encoding="utf-8")

    def _photograph(self, figure: Any) -> None:
        from ontogeny.report.photograph import photograph

        assert self.path is not None
        if why := photograph({self.path: figure}):
            raise UserError(
                f"{self.path} was not drawn: {why}. An .html page needs nothing: --plot {self.path.with_suffix('.html')}."
            )


def linked_runs(
    first: Path,
    second: Path | None,
    runs: Sequence[str],
    to: Path,
    layout: Any,
    clusters: int | None,
    how: Any,
    seed: int,
) -> None:
    """Features of two runs as linked maps."""
    from ontogeny.handles import open_store
    from ontogeny.representations.linked import GROUPS

    stores = [open_store(one) for one in (first, second or first)]
    if len(runs) != 2:
        raise UserError(
            f"--maps is of two runs, and {len(runs)} are named: --run seed=0 --run seed=1 (`ontogeny runs {first}` lists them)."
        )
    left, right = (store.run(name) for store, name in zip(stores, runs, strict=True))
    _told(left.linked_maps(right, layout=layout, how=how, seed=seed, clusters=clusters or GROUPS), to)


def linked_arrays(
    x: Mapping[str, Any],
    y: Mapping[str, Any],
    to: Path,
    layout: Any,
    labels: Path | None,
    labels_other: Path | None,
    activations: tuple[Any, Any] | None,
    clusters: int | None,
    how: Any,
    seed: int,
) -> None:
    """Features of two files as linked maps."""
    from ontogeny.representations.labels import read_labels
    from ontogeny.representations.linked import GROUPS, linked_maps

    (name, left), (name_other, right) = *x.items(), *y.items()
    said = [
        read_labels(path, len(of)) if path else None for path, of in ((labels, left), (labels_other, right))
    ]
    found = linked_maps(
        left,
        right,
        names=(name, name_other) if name != name_other else ("A", "B"),
        labels=said[0],
        labels_other=said[1],
        activations=activations,
        layout=layout,
        how=how,
        seed=seed,
        clusters=clusters or GROUPS,
    )
    _told(found, to)


def _told(maps: Any, to: Path) -> None:
    out.print(f"{maps.pairs.says()}\n{maps.save(to)}", markup=False, soft_wrap=True)


def show(data: Any, json_: bool) -> None:
    if json_:
        print(json.dumps(data.to_dict(), default=str))
        return
    values = data.values
    out.print(f"{data.attrs['long_name']} ({data.attrs['kind']}), {' × '.join(map(str, data.shape))}")
    if values.ndim == 3:
        import numpy as np

        upper = np.triu_indices(values.shape[1], 1)
        means = [float(np.nanmean(one[upper])) for one in values]
        out.print(f"{len(upper[0])} pairs; mean over pairs, and the smallest and the largest, by step:")
        for step, mean, one in zip(data["step"].values, means, values, strict=True):
            out.print(f"{step:>8}  {mean:.4g}  ({np.nanmin(one[upper]):.4g} to {np.nanmax(one[upper]):.4g})")
        return
    if values.ndim == 2:
        import numpy as np

        square = values.shape[0] == values.shape[1] and np.allclose(values, values.T, equal_nan=True)
        pairs = values[np.triu_indices(len(values), 1)] if square else values.ravel()
        quartiles = np.nanquantile(pairs, [0, 0.25, 0.5, 0.75, 1])
        if len(pairs) > 2:
            out.print(
                f"{len(pairs)} pairs: min, quartiles, max = " + ", ".join(f"{q:.4g}" for q in quartiles)
            )
    if values.size <= 400:
        table = data.assign_coords({dim: _names(data, str(dim)) for dim in data.dims}).to_pandas().round(4)
        wide = {"line_width": out.width} if values.ndim == 2 else {}
        out.print(table.to_string(**wide), markup=False)
    else:
        out.print("--json prints every pair; --plot draws them.")


def _names(data: Any, dim: str) -> list[Any]:
    """What is along this axis: runs by the settings in which they differ, anything else as it is."""
    of = [name for name, one in data.coords.items() if one.dims == (dim,) and name != dim]
    varied = [name for name in of if len(set(data[name].values.tolist())) > 1]
    values = data[dim].values.tolist()
    if not varied:
        return list(values)
    rows = zip(*(data[name].values.tolist() for name in varied), strict=True)
    words = [str(name).removesuffix("_other") for name in varied]
    return [", ".join(f"{w}={v}" for w, v in zip(words, row, strict=True)) for row in rows]

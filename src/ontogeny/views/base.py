"""What a view is, and bindings: the one declaration behind report sliders, notebook widgets and the workbench's cursor.

    @view(reads=("lens:frequency_distribution",), title="Frequencies by width")
    def frequency_heatmap(frequency_distribution: xr.Dataset) -> Drawn:
        '''What the figure shows and how to read it. …'''

``reads`` names what the view is handed, by keyword, in the mini-language of :mod:`ontogeny.needs`: ``runs`` (DataFrame, one row a
run), ``metrics`` (DataFrame: run, step, …, with what varied), ``lens:NAME`` (Dataset over (run, …) at the last step),
``measure:NAME`` (Dataset over (run, run_other)), ``published`` (DataFrame). The keyword is the name: ``frequency_distribution``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ontogeny.errors import UserError
from ontogeny.needs import filled
from ontogeny.options import Catalogued, describe
from ontogeny.registry import views


@dataclass(frozen=True)
class Bind:
    """``figure.data[trace].<attribute>`` is ``values[i]`` when the cursor of ``axis`` stands at its i-th tick."""

    trace: int
    attribute: str  # "z", "y", "customdata", …
    axis: str  # "step", "run", "output", …
    values: Any  # ndarray (tick, …)
    ticks: tuple[str, ...]  # what the cursor shows, one text per tick


@dataclass
class Drawn:
    """A figure, what follows which axis, and one plain sentence on what was seen (numbers included)."""

    figure: Any  # plotly.graph_objects.Figure
    bindings: list[Bind] = field(default_factory=list)
    says: str = ""
    start: int | None = None  # tick the cursor starts at; None: the last


@dataclass(frozen=True)
class View(Catalogued):
    """A registered view."""

    word = "view"

    name: str
    function: Callable[..., Drawn]
    reads: tuple[str, ...]
    title: str

    def words(self, given: Mapping[str, Any], measure: str) -> tuple[str, ...]:
        """What is read under these options; ``measure`` where a view shows any and none is given."""
        options = self.options({k: v for k, v in given.items() if k != "measure"})
        named = f"measure:{given.get('measure', measure)}"
        return tuple(read.replace("measure:*", named) for read in filled(self.reads, options))

    def __call__(self, **data: Any) -> Drawn:
        if self.defaults.get("by") == "" and not data.get("by"):
            data["by"] = what_varied(data.values())
        drawn = self.function(**data)
        return drawn if isinstance(drawn, Drawn) else Drawn(drawn)


def view(
    *, reads: tuple[str, ...], title: str, name: str | None = None
) -> Callable[[Callable[..., Any]], View]:
    """Register a view under the function's name."""

    def register(function: Callable[..., Any]) -> View:
        if not describe(function):
            raise UserError(
                f"The view '{function.__name__}' has no docstring; say what it shows and how to read it."
            )
        entry = View(name or function.__name__, function, reads, title)
        return views.add(entry.name, entry)

    return register


def what_varied(handed: Iterable[Any]) -> str:
    """What runs are arranged by when nobody said: the first thing that varied besides the seed, or the seed; else their names."""
    for data in handed:
        if hasattr(data, "columns"):
            front = itertools.takewhile(
                lambda name: name not in ("status", "step", "epoch", "n"), data.columns
            )
            names = data.attrs.get("varied") or [str(name) for name in front]
        elif hasattr(data, "coords") and "run" in data.dims:
            names = [str(name) for name, tick in data.coords.items() if tick.dims == ("run",)]
        else:
            continue
        names = [name for name in names if name not in ("run", "status")]
        return next((name for name in names if name != "seed"), "seed" if "seed" in names else "run")
    return "seed"

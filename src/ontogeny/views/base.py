"""What a view is, and bindings: the one declaration behind report sliders, notebook widgets and the workbench's cursor.

    @view(reads=("one:lens:key_frequencies@cursor",), title="Key frequencies")
    def key_frequency_bars(key_frequencies: xr.Dataset) -> Drawn:
        '''What the figure shows and how to read it. …'''

``reads`` names what the view is handed, by keyword, in the mini-language of :mod:`ontogeny.needs`: ``runs`` (DataFrame, one row a
run), ``metrics`` (DataFrame: run, step, …, with what varied), ``lens:NAME`` (Dataset over (run, …) at the last step),
``measure:NAME`` (Dataset over (run, run_other)), ``published`` (DataFrame). The keyword is the name: ``key_frequencies``. A view of ``one:`` run has the option
``run``; one that reads ``@cursor`` has the option ``step`` and follows the step: it is handed what is said of one step, or of the steps that a page carries.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ontogeny.errors import UnknownName, UserError
from ontogeny.needs import filled
from ontogeny.options import Catalogued, describe
from ontogeny.registry import views
from ontogeny.views.one_run import one_run

#: Steps that a slider carries at most; of more that were kept, evenly chosen ones.
FRAMES = 40

#: What changes when a cursor moves: trace → attribute → value.
Frame = dict[int, dict[str, Any]]


@dataclass(frozen=True)
class Bind:
    """``figure.data[trace].<attribute>`` is ``values[i]`` when the cursor of ``axis`` stands at its i-th tick."""

    trace: int
    attribute: str  # "z", "y", "customdata", …
    axis: str  # "step", "run", "output", …
    values: Any  # ndarray (tick, …)
    ticks: tuple[str, ...]  # what the cursor shows, one text per tick
    at: Sequence[Any] = ()  # what each tick is called by: steps, ids of runs; none: its place from 0

    @property
    def places(self) -> list[Any]:
        return list(self.at) or list(range(len(self.ticks)))


@dataclass
class Drawn:
    """A figure, what follows which axis, and one plain sentence on what was seen (numbers included)."""

    figure: Any  # plotly.graph_objects.Figure
    bindings: list[Bind] = field(default_factory=list)
    says: str = ""
    start: int | None = None  # tick the cursor starts at; None: the last
    again: Callable[[int], Drawn] | None = (
        None  # the same view at another step, from that step's results alone
    )

    @property
    def cursors(self) -> dict[str, list[Any]]:
        """What each cursor can stand on without anything being drawn anew, by axis."""
        return {one.axis: one.places for one in reversed(self.bindings)}

    def frame(self, **at: Any) -> Frame:
        """What changes when cursors move: ``frame(step=500)`` → {trace: {attribute: value}}.

        A step that this figure does not hold is drawn from its results alone. The layout stays: scales are those of what was drawn first.
        """
        for axis in at:
            if axis not in self.cursors and not (axis == "step" and self.again):
                raise UnknownName("cursor of this figure", axis, self.cursors)
        step = at.get("step")
        if self.again and step is not None and step not in self.cursors.get("step", ()):
            other = self.again(step)
            rest = {axis: place for axis, place in at.items() if axis != "step"}
            return _taken(other.bindings, {**other.starts, **other._ticks(rest)})
        return _taken(self.bindings, self._ticks(at))

    @property
    def starts(self) -> dict[str, int]:
        """The tick that each cursor begins at."""
        return {
            axis: len(places) - 1 if self.start is None else self.start
            for axis, places in self.cursors.items()
        }

    def _ticks(self, at: Mapping[str, Any]) -> dict[str, int]:
        ticks = {}
        for axis, place in at.items():
            places = self.cursors[axis]
            if place not in places:
                raise UserError(f"The cursor '{axis}' cannot stand at {place!r}; it can at {_few(places)}.")
            ticks[axis] = places.index(place)
        return ticks


def _taken(bindings: Iterable[Bind], ticks: Mapping[str, int]) -> Frame:
    frame: Frame = {}
    for one in bindings:
        if one.axis in ticks:
            frame.setdefault(one.trace, {})[one.attribute] = one.values[ticks[one.axis]]
    return frame


def _few(places: Sequence[Any]) -> str:
    return ", ".join(map(str, places if len(places) <= 8 else [*places[:4], "…", *places[-3:]]))


@dataclass(frozen=True)
class View(Catalogued):
    """A registered view. ``frames``: steps that it carries where none is asked for; 1 for what is large. ``arranged``: the option that says
    how runs that are compared are arranged before they are drawn (:mod:`ontogeny.comparing.arranged`)."""

    word = "view"

    name: str
    function: Callable[..., Drawn]
    reads: tuple[str, ...]
    title: str
    frames: int = FRAMES
    arranged: str = ""

    @property
    def of_one_run(self) -> bool:
        return any(read.startswith("one:") for read in self.reads)

    @property
    def follows_step(self) -> bool:
        return any("@cursor" in read for read in self.reads)

    @property
    def defaults(self) -> dict[str, Any]:
        """Options and their defaults: the keyword-only arguments, and which run and step where it shows one."""
        narrowing = {"run": "", "step": None}
        has = {"run": self.of_one_run, "step": self.follows_step}
        return {**super().defaults, **{name: one for name, one in narrowing.items() if has[name]}}

    def words(self, given: Mapping[str, Any], measure: str) -> tuple[str, ...]:
        """What is read under these options; ``measure`` where a view shows any and none is given."""
        options = self.options({k: v for k, v in given.items() if k != "measure"})
        named = f"measure:{given.get('measure', measure)}"
        return tuple(read.replace("measure:*", named) for read in filled(self.reads, options))

    def __call__(self, **data: Any) -> Drawn:
        """The figure of what is handed over; of a view of one run, that run's part of it."""
        if self.of_one_run:
            run = data.pop("run", "")
            data = {
                name: one_run(one, run) if hasattr(one, "data_vars") else one for name, one in data.items()
            }
        if self.follows_step:
            data.pop("step", None)
        if self.defaults.get("by") == "" and not data.get("by"):
            data["by"] = what_varied(data.values())
        drawn = self.function(**data)
        drawn = drawn if isinstance(drawn, Drawn) else Drawn(drawn)
        for words in labellings(data.values()):
            drawn.says = f"{drawn.says} Frequencies are counted over the elements of the task's group: {words}.".strip()
        return drawn


def view(
    *, reads: tuple[str, ...], title: str, name: str | None = None, frames: int = FRAMES, arranged: str = ""
) -> Callable[[Callable[..., Any]], View]:
    """Register a view under the function's name."""

    def register(function: Callable[..., Any]) -> View:
        if not describe(function):
            raise UserError(
                f"The view '{function.__name__}' has no docstring; say what it shows and how to read it."
            )
        entry = View(name or function.__name__, function, reads, title, frames, arranged)
        return views.add(entry.name, entry)

    return register


def labellings(handed: Iterable[Any]) -> list[str]:
    """The labellings in which numbers and answers were looked at, where they are not as they are."""
    said = [
        one.attrs["labelling"]
        for data in handed
        if hasattr(data, "data_vars")
        for one in data.data_vars.values()
        if "labelling" in one.attrs
    ]
    return list(dict.fromkeys(said))


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

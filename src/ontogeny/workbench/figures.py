"""A view as a browser takes it: Plotly's figure, what of it follows the cursor, and the frames as bytes."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ontogeny import registry
from ontogeny.axes import to_numpy
from ontogeny.options import describe
from ontogeny.views import differing
from ontogeny.views.base import Bind, Drawn
from ontogeny.views.differing import Difference
from ontogeny.views.theme import name_of
from ontogeny.workbench.given import table, whole
from ontogeny.workbench.library import Opened
from ontogeny.workbench.packing import pack, plain

MOST_KEPT = 256 * 2**20  # bytes of frames that are kept between two questions


@dataclass(frozen=True)
class Asked:
    """Which figure: a view of these runs with these options; at one step, or over all that were kept; under interventions or none."""

    view: str
    runs: tuple[str, ...]
    step: int | None = None
    options: str = "{}"
    under: str = "[]"

    @property
    def given(self) -> dict[str, Any]:
        return dict(table("options", self.options))

    @property
    def changes(self) -> list[dict[str, Any]]:
        return list(table("under", self.under, list))


def asked_for(view: str, runs: str, step: str = "", options: str = "{}", under: str = "[]") -> Asked:
    """What an address asks for."""
    return Asked(view, tuple(runs.split(",")), whole("step", step) if step else None, options, under)


class Figures:
    """Draws, and keeps what was drawn last."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self.most = most
        self._kept: OrderedDict[tuple[Any, ...], tuple[Drawn, int]] = OrderedDict()

    def drawn(self, opened: Opened, asked: Asked) -> Drawn:
        key = (opened.key, opened.stamp, asked)
        with opened.lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
            drawn = opened.draw(asked.runs, asked.view, asked.step, asked.changes, **asked.given)
            self._kept[key] = drawn, sum(np.asarray(one.values).nbytes for one in drawn.bindings)
            while len(self._kept) > 1 and sum(size for _, size in self._kept.values()) > self.most:
                self._kept.popitem(last=False)
            return drawn

    def figure(self, opened: Opened, asked: Asked) -> dict[str, Any]:
        """The figure where its cursor begins, and what follows which axis."""
        drawn = self.drawn(opened, asked)
        figure = json.loads(drawn.figure.to_json())
        for trace in figure["data"]:
            if trace["type"] == "scattergl":  # its shaders are compiled by eval, which our pages may not
                trace["type"] = "scatter"
        figure["layout"].pop("title", None)
        view = registry.views[asked.view]
        return {
            "figure": figure,
            "bindings": [described(one) for one in drawn.bindings],
            "start": drawn.start,
            "cursors": over_steps(figure["layout"]),
            "says": drawn.says,
            "title": view.title,
            "question": view.question,
            "help": help_of(view.function, asked.view),
            "python": python(opened, asked),
            "step": asked.step,
        }

    def frames(self, opened: Opened, asked: Asked, first: int, count: int) -> bytes:
        """What bindings say at ``count`` ticks from ``first``, numbers only: an array for each, (tick, …)."""
        drawn = self.drawn(opened, asked)
        arrays = {
            str(i): to_numpy(one.values)[first : first + count]
            for i, one in enumerate(drawn.bindings)
            if is_numeric(one)
        }
        return pack(arrays, {"first": first})


def is_numeric(one: Bind) -> bool:
    return to_numpy(one.values).dtype.kind in "fiub"


def described(one: Bind) -> dict[str, Any]:
    """A binding without its numbers; words go along."""
    values = to_numpy(one.values)
    said: dict[str, Any] = {"trace": one.trace, "attribute": one.attribute, "axis": one.axis}
    said |= {"ticks": list(one.ticks), "at": plain(one.places)}
    if is_numeric(one):
        return {**said, "shape": list(values.shape), "bytes": int(values.size * 4)}
    return {**said, "values": plain(values)}


def over_steps(layout: Mapping[str, Any]) -> list[str]:
    """The x axes that count steps: on them stands the cursor."""
    steps = {name_of("step"), name_of("step").capitalize(), "step"}
    return [
        name.replace("axis", "")
        for name, axis in layout.items()
        if name.startswith("xaxis") and (axis.get("title") or {}).get("text") in steps
    ]


def help_of(function: Any, name: str) -> list[str]:
    """How to read it: the docstring behind its first paragraph, and those of the lenses that it reads."""
    text = (function.__doc__ or "").strip()
    paragraphs = [" ".join(one.split()) for one in text.split("\n\n")[1:]]
    for word in registry.views[name].reads:
        lens = re.match(r"(?:all:|one:)?lens:(\w+)", word)
        if lens and lens[1] in registry.lenses:
            entry = registry.lenses[lens[1]]
            body = [" ".join(one.split()) for one in (entry.function.__doc__ or "").strip().split("\n\n")]
            paragraphs += [f"Lens {lens[1]}: {describe(entry.function)}", *body[1:]]
    return paragraphs


def python(opened: Opened, asked: Asked) -> str:
    """The lines that make this figure."""
    view, given = registry.views[asked.view], dict(asked.given)
    store = "store"
    if asked.runs != ("*",):
        if view.of_one_run:
            given |= {
                "run": asked.runs[0],
                **({"step": asked.step} if asked.step is not None and view.follows_step else {}),
            }
        else:
            store = f"store.only([{', '.join(f'store.run({id!r})' for id in asked.runs)}])"
    options = "".join(f", {key}={value!r}" for key, value in given.items())
    lines = ["import ontogeny as on", "", f'store = on.open("{opened.place.root}")']
    if asked.changes:
        lines.insert(1, "from ontogeny.workbench.library import Changed")
        lines.append(f"store = Changed(store, under={asked.changes!r})")
    return "\n".join([*lines, f'{store}.view("{asked.view}"{options}).show()'])


def difference(
    figures: Figures, one: tuple[Opened, Asked], other: tuple[Opened, Asked]
) -> tuple[Difference, str]:
    """The first map of a view of one run minus that of another, each in its study and at its step, and what it is a difference of."""
    title = registry.views[one[1].view].title
    return differing.difference(figures.drawn(*one), figures.drawn(*other), title), title

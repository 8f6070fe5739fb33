"""The maps of one view of two runs, one minus the other: numbers for whoever draws them, and the picture for a page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ontogeny.errors import UserError
from ontogeny.views.base import Drawn
from ontogeny.views.light import light
from ontogeny.views.panels import colour_axis, panels
from ontogeny.views.theme import DIVERGING, colourbar

#: Axes that count units of a model: the third of one run has nothing to do with the third of another.
UNITS = re.compile(r"\b(neurons?|heads?|hidden units?|components?|atoms?|unit of the bottleneck)\b")


@dataclass(frozen=True)
class Difference:
    """``values`` (row, column): the map of the one minus that of the other; what its axes count, their ticks (none: from 0), and a word of warning."""

    values: np.ndarray
    axes: tuple[str, str]
    ticks: tuple[list[Any], list[Any]]
    caution: str = ""


@dataclass(frozen=True)
class Map:
    """A heatmap as a figure shows it where its cursor begins."""

    values: np.ndarray
    axes: tuple[str, str]
    ticks: tuple[list[Any], list[Any]]


def difference(one: Drawn, other: Drawn, title: str) -> Difference:
    """The first map of ``one`` minus that of ``other``.

    Errors: the view has no map, or the axes of the two do not agree, in how long they are, in what they count or in their ticks: p = 113 has
    frequencies that p = 59 has not, and cell (3, 5) of the one is another sum than that of the other.
    """
    first, second = _map(one), _map(other)
    if first.values.shape != second.values.shape:
        shapes = " and ".join(" × ".join(map(str, m.values.shape)) for m in (first, second))
        raise UserError(
            f"“{title}” of these runs has maps of {shapes}: their axes do not agree, so there is no difference."
        )
    if first.axes != second.axes or first.ticks != second.ticks:
        raise UserError(
            f"“{title}” of these runs has maps of one size whose axes count different things, so there is no difference."
        )
    units = [axis for axis in first.axes if UNITS.search(axis.lower())]
    caution = (
        f"Read nothing into single places along “{'” and “'.join(units)}”: the same number is another unit in another run."
        if units
        else ""
    )
    return Difference(first.values - second.values, first.axes, first.ticks, caution)


def difference_map(found: Difference, one: str, other: str) -> Drawn:
    """The picture of a difference: red is more in ``one``, blue more in ``other``, white the same in both."""
    most = float(np.nanmax(np.abs(found.values), initial=0)) or 1.0
    fig = panels(1, height=460, bars=True, square=True)
    axis = colour_axis(fig, 0, colourbar(f"{one} − {other}"), colorscale=DIVERGING, cmin=-most, cmax=most)
    rows, columns = found.ticks
    fig.add_trace(
        go.Heatmap(
            z=light(found.values),
            y=rows or None,
            x=columns or None,
            coloraxis=axis,
            hovertemplate="<b>%{z:.4g}</b><br>%{y}, %{x}<extra></extra>",
        )
    )
    fig.update_yaxes(title_text=found.axes[0], autorange="reversed")
    fig.update_xaxes(title_text=found.axes[1])
    size = float(np.sqrt(np.nanmean(found.values**2)))
    says = f"{one} − {other}: between {np.nanmin(found.values):.3g} and {np.nanmax(found.values):.3g}, root mean square {size:.3g}."
    return Drawn(fig, says=f"{says} {found.caution}".strip())


def _map(drawn: Drawn) -> Map:
    for trace, what in enumerate(drawn.figure.data):
        if what.type != "heatmap":
            continue
        values = np.asarray(what.z if what.z is not None else np.nan, float)
        for one in drawn.bindings:
            if (one.trace, one.attribute) == (trace, "z"):
                values = np.asarray(one.values, float)[-1 if drawn.start is None else drawn.start]
        layout = drawn.figure.layout
        names = (what.yaxis or "y").replace("y", "yaxis"), (what.xaxis or "x").replace("x", "xaxis")
        axes = [str(layout[name].title.text or "") for name in names]
        ticks = [[] if given is None else list(np.asarray(given).tolist()) for given in (what.y, what.x)]
        return Map(values, (axes[0] or "row", axes[1] or "column"), (ticks[0], ticks[1]))
    raise UserError("This view has no map, so there is no difference of maps.")

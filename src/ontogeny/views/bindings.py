"""From bindings to a slider: the report's and the notebook's way to move a figure's cursor.

A view says which attribute of which trace follows which axis; here, and only here, that becomes Plotly's slider.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.axes import to_numpy
from ontogeny.errors import UserError
from ontogeny.views.base import Bind, Drawn
from ontogeny.views.light import significant
from ontogeny.views.theme import GRID, MUTED, RULE

#: Numbers below which a frame stays text.
FEW = 64
ROOM = 92  # pixels a slider takes below the axes


def bind(
    trace: int, attribute: str, array: xr.DataArray, axis: str, labels: Iterable[object] | None = None
) -> Bind:
    """``figure.data[trace].<attribute>`` follows ``axis`` of the array; its values are moved to (tick, …).

    ``labels`` is what the cursor shows at each tick; without it, the coordinate of the axis.
    """
    if axis not in array.dims:
        raise UserError(
            f"'{array.name}' cannot follow the axis '{axis}': its axes are {', '.join(map(str, array.dims))}."
        )
    ticks = tuple(str(label) for label in (array[axis].values if labels is None else labels))
    if len(ticks) != array.sizes[axis]:
        raise UserError(
            f"The axis '{axis}' has {array.sizes[axis]} ticks, but {len(ticks)} labels were given."
        )
    at = tuple(array[axis].values.tolist()) if axis in array.coords else ()
    return Bind(trace, attribute, axis, array.transpose(axis, ...).to_numpy(), ticks, at)


def with_slider(drawn: Drawn, height: int | None = None) -> go.Figure:
    """A copy of the figure with one slider an axis of several ticks; all bindings of an axis move together, and it begins at
    ``drawn.start``.

    ``height`` is that of the figure without its sliders, in pixels; without it, the figure's own. Raises UserError if bindings of
    one axis disagree on its ticks, if two axes claim one attribute, or if the start is no tick.
    """
    fig = go.Figure(drawn.figure)
    axes: dict[str, list[Bind]] = {}
    for one in drawn.bindings:
        axes.setdefault(one.axis, []).append(one)
    _check(axes)
    sliders: list[dict[str, Any]] = []
    base = height or fig.layout.height or fig.layout.template.layout.height or 420
    for axis, group in axes.items():
        ticks = group[0].ticks
        start = len(ticks) - 1 if drawn.start is None else drawn.start
        if not 0 <= start < len(ticks):
            raise UserError(
                f"The cursor of '{axis}' cannot start at tick {start}: it has {len(ticks)} (from 0)."
            )
        for one in group:
            fig.data[one.trace][one.attribute] = _as_lists(one.values[start])
        if len(ticks) > 1:
            steps = [_step(fig, group, i) for i in range(len(ticks))]
            sliders.append(_slider(len(sliders), start, ticks, steps))
    fig.update_layout(sliders=sliders, height=base + ROOM * len(sliders))
    if sliders and isinstance(fig.layout.meta, dict) and "narrow" in fig.layout.meta:
        narrow = dict(fig.layout.meta["narrow"])
        narrow["height"] = narrow.get("height", base) + ROOM * len(sliders)
        fig.update_layout(meta={**fig.layout.meta, "narrow": narrow})
    return fig


def still(drawn: Drawn) -> go.Figure:
    """A copy of the figure as it stands where its cursor begins, without sliders: for paper, and for pictures side by side."""
    fig = go.Figure(drawn.figure)
    for one in drawn.bindings:
        start = len(one.ticks) - 1 if drawn.start is None else drawn.start
        fig.data[one.trace][one.attribute] = _as_lists(one.values[start])
    return fig


def _step(fig: go.Figure, group: Sequence[Bind], tick: int) -> dict[str, Any]:
    """One restyle for all bindings; a trace that does not bind an attribute keeps the value it has."""
    traces = sorted({one.trace for one in group})
    attributes = list(dict.fromkeys(one.attribute for one in group))
    bound = {(one.trace, one.attribute): packed(one.values[tick]) for one in group}
    changes = {
        attribute: [
            bound[trace, attribute] if (trace, attribute) in bound else _present(fig, trace, attribute)
            for trace in traces
        ]
        for attribute in attributes
    }
    return {"label": group[0].ticks[tick], "method": "restyle", "args": [changes, traces]}


def _slider(row: int, start: int, ticks: Sequence[str], steps: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "active": start,
        "steps": steps,
        "x": 0,
        "len": 1,
        "y": 0,
        "yanchor": "top",
        "pad": {"t": 52 + ROOM * row, "b": 4, "l": 0, "r": 0},
        "currentvalue": {"xanchor": "left", "offset": 12, "font": {"size": 14}},
        "font": {"size": 11, "color": MUTED},
        "bgcolor": GRID,
        "activebgcolor": RULE,
        "bordercolor": RULE,
        "borderwidth": 1,
        "tickcolor": RULE,
        "ticklen": 3,
        "minorticklen": 2,
        "transition": {"duration": 0},
    }


def _check(axes: dict[str, list[Bind]]) -> None:
    claimed: dict[tuple[int, str], str] = {}
    for axis, group in axes.items():
        for one in group:
            if one.ticks != group[0].ticks or len(one.values) != len(one.ticks):
                raise UserError(
                    f"The bindings of '{axis}' disagree: trace {one.trace} '{one.attribute}' has {len(one.values)} values for "
                    f"{len(one.ticks)} ticks, the first has {len(group[0].ticks)}. All that move together need the same ticks."
                )
            other = claimed.setdefault((one.trace, one.attribute), axis)
            if other != axis:
                raise UserError(
                    f"'{one.attribute}' of trace {one.trace} follows both '{other}' and '{axis}'; it can follow one."
                )


def _present(fig: go.Figure, trace: int, attribute: str) -> Any:
    try:
        return _as_lists(fig.data[trace][attribute])
    except (KeyError, ValueError):
        return None


def _as_lists(values: Any) -> Any:
    """As JSON will have it: plain lists (a slider's steps cannot hold Plotly's binary arrays), four digits."""
    if values is None or isinstance(values, str):
        return values
    array = to_numpy(values)
    if array.dtype.kind == "f":
        array = significant(array)
    return array.item() if array.ndim == 0 else array.tolist()


def packed(values: Any) -> Any:
    """A frame as a page carries it: numbers that are many as Plotly's typed array (base64 of single precision, or of the
    smallest whole numbers that hold them), which is two thirds of their text or less; the rest as JSON."""
    array = None if values is None or isinstance(values, str) else to_numpy(values)
    if array is None or array.dtype.kind not in "fiu" or array.ndim not in (1, 2) or array.size < FEW:
        return _as_lists(values)
    if array.dtype.kind == "f":
        array = array.astype("<f4")
    else:
        kind = np.result_type(np.min_scalar_type(array.min()), np.min_scalar_type(array.max()))
        if kind.itemsize > 4:
            return _as_lists(values)
        array = array.astype(kind.newbyteorder("<"))
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    shape = {"shape": ", ".join(map(str, array.shape))} if array.ndim > 1 else {}
    return {"dtype": f"{array.dtype.kind}{array.dtype.itemsize}", "bdata": data, **shape}

"""Figures of one or more panels that stand side by side on a wide page and one above the other on a narrow one.

Plotly's layout is fixed once drawn, so a figure carries its narrow layout along in ``layout.meta["narrow"]``: dotted layout keys
and values that a page applies when it has less than ``NARROW`` pixels. Everywhere else the figure is an ordinary one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

NARROW = 640
#: Pixels above a panel for its colour bar, and below it for its axis.
OVER, UNDER = 88, 56


def panels(
    count: int = 1,
    *,
    titles: Sequence[str] = (),
    height: int = 400,
    bars: bool = False,
    square: bool = False,
    widths: Sequence[float] | None = None,
) -> go.Figure:
    """An empty figure of ``count`` panels. ``bars``: room for a colour bar over each. ``square``: panels keep their shape."""
    return go.Figure(_empty(count, tuple(titles), height, bars, square, widths and tuple(widths)))


@lru_cache(maxsize=64)
def _empty(
    count: int,
    titles: tuple[str, ...],
    height: int,
    bars: bool,
    square: bool,
    widths: tuple[float, ...] | None,
) -> go.Figure:
    """Laid out once: Plotly takes six times as long to lay a figure out as to copy it."""
    over = OVER if bars else 30
    room = count * (height if not square else 360 + over + UNDER)
    shared: dict[str, Any] = {"subplot_titles": list(titles) or None}
    wide = make_subplots(
        1, count, horizontal_spacing=(0.12 if square else 0.24) / count, column_widths=widths, **shared
    )
    gap = (over + UNDER + 8) / max(room - over - UNDER, 1)
    narrow = make_subplots(count, 1, vertical_spacing=min(gap, 0.9 / count), **shared)
    overrides: dict[str, Any] = {"height": room, "dragmode": False}
    for axis in (a for a in wide.layout if a.startswith(("xaxis", "yaxis"))):
        overrides[f"{axis}.domain"] = list(narrow.layout[axis].domain)
    for i, title in enumerate(narrow.layout.annotations):
        overrides |= {f"annotations[{i}].x": title.x, f"annotations[{i}].y": title.y}
    wide.update_layout(
        template="ontogeny",
        height=height,
        margin={"t": over + 8 if bars else (36 if titles else 30)},
        meta={"narrow": overrides, "square": count if square else 0, "over": over, "under": UNDER},
    )
    wide.update_annotations(font={"size": 13})
    if bars:  # there Plotly measures the standoff from the axis line, not from the tick labels
        wide.update_xaxes(title_standoff=22)
    if square:
        for i in range(count):
            end = _suffix(i)
            wide.layout[f"xaxis{end}"].update(constrain="domain", constraintoward="center")
            wide.layout[f"yaxis{end}"].update(
                scaleanchor=f"x{end}", constrain="domain", constraintoward="top", autorange="reversed"
            )
    return wide


def colour_axis(fig: go.Figure, panel: int, bar: dict[str, Any], **axis: Any) -> str:
    """Give panel number ``panel`` (from 0) its own colour axis, its bar above the panel in both layouts. Returns its name."""
    end = _suffix(panel)
    narrow = fig.layout.meta["narrow"]
    left, right = fig.layout[f"xaxis{end}"].domain or (0.0, 1.0)
    top = (fig.layout[f"yaxis{end}"].domain or (0.0, 1.0))[1]
    fig.update_layout(
        {
            f"coloraxis{end}": {
                "colorbar": {**bar, "x": (left + right) / 2, "y": top, "len": right - left},
                **axis,
            }
        }
    )
    below = narrow.get(f"xaxis{end}.domain", [0.0, 1.0])
    bar_key = f"coloraxis{end}.colorbar"
    add_narrow(
        fig,
        {
            f"{bar_key}.x": sum(below) / 2,
            f"{bar_key}.len": below[1] - below[0],
            f"{bar_key}.y": narrow.get(f"yaxis{end}.domain", [0.0, 1.0])[1],
        },
    )
    return f"coloraxis{end}"


def add_narrow(fig: go.Figure, overrides: dict[str, Any]) -> None:
    """More layout keys for the narrow page."""
    meta = dict(fig.layout.meta)
    fig.update_layout(meta={**meta, "narrow": {**meta["narrow"], **overrides}})


def _suffix(panel: int) -> str:
    return "" if panel == 0 else str(panel + 1)

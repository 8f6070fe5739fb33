"""All measures of one comparison on one number line, each beside what chance says of it and beside its ceiling."""

from __future__ import annotations

import math

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.errors import UserError
from ontogeny.views.base import Drawn
from ontogeny.views.light import significant
from ontogeny.views.panels import add_narrow, panels
from ontogeny.views.theme import GRID, INK, MUTED, PALETTE, faint

ROW, ROOM = 34, 160  # pixels a measure takes, and all else
CHANCE = {
    "row_shuffle": "samples shuffled",
    "random": "random matrix",
    "rematched": "random subsets, matched anew",
    "reinitialised": "untrained",
}


def number_line(data: xr.Dataset) -> Drawn:
    """How alike are two representations by every measure, and how far is each value from chance?

    ``data``: (measure, null) of one pair, as :class:`~ontogeny.representations.Comparison` holds it. One line for all: right is more alike,
    1 is identity. A similarity stands at its value, a distance d at 1 − d/its largest possible value, or where it has none at 1 − d/the mean
    of its first null. Dot and whisker: value and interval. Bands: mean ± SD of each null. Diamond: the same model with other
    seeds, mean ± SD. Measures differ in what they ignore: compare a dot with its own bands and not with other dots.
    """
    if data["value"].dims != ("measure",):
        raise UserError(
            f"A number line shows one pair; these values are over {', '.join(map(str, data['value'].dims))}."
        )
    names = [str(m) for m in data["measure"].values]
    where = [_Scale(data.sel(measure=name)) for name in names]
    rows = np.arange(len(names))
    nulls = [str(n) for n in data["null"].values]
    fig = panels(1, height=ROOM + ROW * len(names))
    fig.add_vline(x=1, line={"color": MUTED, "width": 1, "dash": "dot"})
    for place, null in enumerate(nulls):
        mean, sd = (data[what].isel(null=place).to_numpy().astype(float) for what in ("null_mean", "null_sd"))
        _band(fig, CHANCE.get(null, null), PALETTE[place + 1], where, mean, sd, place, len(nulls))
    if data["ceiling"].notnull().any():
        top = data["ceiling"].to_numpy().astype(float)
        fig.add_trace(
            go.Scatter(
                x=[s(v) for s, v in zip(where, top, strict=True)],
                y=rows,
                mode="markers",
                name="another seed (ceiling)",
                error_x={"array": _spread(data, where), "color": PALETTE[0], "thickness": 1.5, "width": 3},
                marker={
                    "symbol": "diamond-open",
                    "size": 11,
                    "color": PALETTE[0],
                    "line": {"width": 2},
                },
                customdata=significant(top),
                hovertemplate="ceiling <b>%{customdata}</b><extra></extra>",
            )
        )
    fig.add_trace(_values(data, where, rows))
    labels = [f"{name} {'↑' if s.similar else '↓'}" for name, s in zip(names, where, strict=True)]
    fig.update_yaxes(tickvals=rows, ticktext=labels, range=[len(names) - 0.4, -0.6], showgrid=False, ticks="")
    for row in rows:
        fig.add_hline(y=row, line={"color": GRID, "width": 1}, layer="below")
    fig.update_xaxes(title_text="how alike (1: identical)")
    shown = [float(x) for trace in fig.data for x in trace.x if x is not None and np.isfinite(x)]
    least = min([0.0, *shown])
    fig.update_xaxes(range=[least - 0.04, max([1.0, *shown]) + 0.04])
    fig.update_layout(legend={"y": 1.0, "yanchor": "bottom"}, margin={"t": 96})
    add_narrow(fig, {"margin.t": 190, "height": ROOM + 94 + ROW * len(names)})
    return Drawn(fig, says=_says(data, names))


class _Scale:
    """A measure's own values as places on the common line."""

    def __init__(self, one: xr.Dataset) -> None:
        self.similar = str(one["kind"].item()) == "similarity"
        largest = float(one["largest"])
        first = next((float(m) for m in np.atleast_1d(one["null_mean"]) if np.isfinite(m)), math.nan)
        self.unit = 1.0 if self.similar else largest if math.isfinite(largest) else first

    def __call__(self, value: float) -> float:
        return float(significant(value if self.similar else 1 - value / self.unit))


def _spread(data: xr.Dataset, where: list[_Scale]) -> np.ndarray:
    """SD of the ceiling over seeds, on the common line."""
    sd = data["ceiling_sd"].to_numpy().astype(float)
    return np.array([abs(s(v) - s(0.0)) if np.isfinite(v) else 0.0 for s, v in zip(where, sd, strict=True)])


def _band(
    fig: go.Figure,
    name: str,
    colour: str,
    where: list[_Scale],
    mean: np.ndarray,
    sd: np.ndarray,
    place: int,
    count: int,
) -> None:
    """Mean ± SD of one null as a thick stroke, one beneath the other where there are several, and a tick at the mean."""
    thick = 16 / count
    shift = (place - (count - 1) / 2) * 0.5 / count
    x: list[float | None] = []
    y: list[float | None] = []
    for row, (scale, m, s) in enumerate(zip(where, mean, sd, strict=True)):
        x += [scale(m - s), scale(m + s), None] if np.isfinite(s) else [None, None, None]
        y += [row + shift, row + shift, None]
    rows = np.arange(len(where)) + shift
    fig.add_trace(
        go.Scatter(
            x=x,
            y=y,
            mode="lines",
            line={"color": faint(colour, 0.35), "width": thick},
            hoverinfo="skip",
            showlegend=False,
            legendgroup=name,
        )
    )
    fig.add_trace(
        go.Scatter(
            x=[s(m) for s, m in zip(where, mean, strict=True)],
            y=rows,
            mode="markers",
            name=f"{name}: mean ± SD",
            legendgroup=name,
            marker={
                "symbol": "line-ns-open",
                "size": max(thick, 7),
                "color": colour,
                "line": {"width": 2.5},
            },
            customdata=np.stack([significant(mean), significant(sd)], -1),
            hovertemplate=f"{name} <b>%{{customdata[0]}}</b> ± %{{customdata[1]}}<extra></extra>",
        )
    )


def _values(data: xr.Dataset, where: list[_Scale], rows: np.ndarray) -> go.Scatter:
    value, low, high = (data[what].to_numpy().astype(float) for what in ("value", "low", "high"))
    x = np.array([s(v) for s, v in zip(where, value, strict=True)])
    ends = np.array([sorted((s(a), s(b))) for s, a, b in zip(where, low, high, strict=True)])
    p = data["p_adjusted"].fillna(data["p"]).max("null").to_numpy() if data.sizes["null"] else value * np.nan
    text = [
        f"{significant(v):g}" + ("" if np.isnan(a) else f", p ≤ {q:.3g}" if q < 0.01 else f", p = {q:.2f}")
        for v, a, q in zip(value, p, p, strict=True)
    ]
    return go.Scatter(
        x=x,
        y=rows,
        mode="markers+text",
        name="value and interval",
        marker={"size": 10, "color": INK},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": np.nan_to_num(ends[:, 1] - x),
            "arrayminus": np.nan_to_num(x - ends[:, 0]),
            "color": INK,
            "thickness": 1.5,
            "width": 4,
        },
        text=text,
        textposition="top center",
        textfont={"size": 11, "color": MUTED},
        cliponaxis=False,
        customdata=[f"[{significant(a):g}, {significant(b):g}]" for a, b in zip(low, high, strict=True)],
        hovertemplate="<b>%{text}</b><br>interval %{customdata}<extra></extra>",
    )


def _says(data: xr.Dataset, names: list[str]) -> str:
    if not data.sizes["null"]:
        return f"{len(names)} measures; nothing says what chance would give."
    p = data["p"].max("null").to_numpy()
    beyond = [n for n, one in zip(names, p, strict=True) if one <= 0.05]
    few = " (" + ", ".join(beyond) + ")" if 0 < len(beyond) < len(names) else ""
    return f"{len(beyond)} of {len(names)} measures find the two more alike than every null says at p ≤ .05{few}."

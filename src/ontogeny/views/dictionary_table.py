"""Dictionaries beside the truth and beside one another, score by score; and how they come to be alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.errors import UnknownName, UserError
from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.panels import panels
from ontogeny.views.theme import PALETTE, SEQUENTIAL, colourbar, faint, name_of, sign_of

DISTANCES = ("Procrustes distance", "singular-value distance")
ROOM = 0.05  # between chance and identity; where there is less, no colour is given
CURVES = {
    "right": "cosine with the true feature",
    "alike": "cosine with the other dictionary's atom",
    "alike_by_truth": "… if they had only the truth in common",
    "shared_error": "cosine of their errors",
}


@view(
    reads=("measure:dictionary_scores",),
    title="Dictionaries beside the truth and one another, score by score",
)
def dictionary_table(dictionary_scores: xr.Dataset, *, where: Mapping[str, Any] | None = None) -> Drawn:
    """Which score says of which comparison that it is more than chance?

    A row a comparison, a column a score: the mean over seeds at the last step and, in brackets, what chance gives: the same comparison of
    untrained dictionaries, matched anew, and for a dictionary beside itself ("itself, …"), or where nothing is known of the time before training, that with random vectors. Colour is the way from chance (white) to identity
    (dark); a score that stays white in a row cannot tell it from chance, and one without colour has no room between the two. Of the two
    distances at the right 0 is identity. ``where`` picks pairs of runs: {dictionary = 1, dictionary_other = 2}. What stands behind ± in the hover is the
    deviation over the runs of the first kind, each averaged over its partners.
    """
    data = picked(dictionary_scores, where or {})
    scores = data["scores"].mean("run_other").transpose("run", "step", "reference", "score")
    rows, columns = (list(map(str, data[axis].values)) for axis in ("reference", "score"))
    last = scores.isel(step=-1)
    value, spread = last.mean("run").values, last.std("run", ddof=1).values
    null = scores.isel(step=0).mean("run").values
    known = [name.startswith("itself") or data.sizes["step"] == 1 for name in rows]
    null[known] = value[rows.index("random vectors")]
    best = np.array([0.0 if name in DISTANCES else 1.0 for name in columns])
    room = np.where(np.abs(best - null) < ROOM, np.nan, best - null)
    way = np.clip((value - null) / room, 0, 1)
    text = [
        [f"{_two(v)} ({_two(c)})" for v, c in zip(*row, strict=True)] for row in zip(value, null, strict=True)
    ]
    fig = panels(1, height=150 + 28 * len(rows), bars=True)
    fig.add_trace(
        go.Heatmap(
            z=light(way), x=columns, y=rows, text=text, texttemplate="%{text}", customdata=light(np.stack([value, spread, null], -1)),
            colorscale=SEQUENTIAL, zmin=0, zmax=1, xgap=1, ygap=1,
            colorbar=colourbar("from chance (0) to identity (1)"),
            hovertemplate="<b>%{y}</b>, %{x}<br>%{customdata[0]:.4g} ± %{customdata[1]:.2g}<br>by chance: %{customdata[2]:.4g}<extra></extra>",
        )
    )  # fmt: skip
    fig.update_traces(textfont={"size": 9})
    fig.update_yaxes(autorange="reversed", showgrid=False, ticks="", tickfont={"size": 11})
    fig.update_xaxes(side="bottom", showgrid=False, ticks="", tickangle=-30, tickfont={"size": 11})
    updates = int(data["step"].values[-1])
    says = f"{data.sizes['run']} × {data.sizes['run_other']} pairs of runs after {updates:,} updates."
    return Drawn(fig, says=says)


@view(reads=("measure:dictionary_scores",), title="Alike before they are right?")
def alike_and_right(
    dictionary_scores: xr.Dataset, *, by: str = "", where: Mapping[str, Any] | None = None
) -> Drawn:
    """Do two dictionaries become alike before they become right?

    Of the atoms nearest to each feature that the two worlds share: their cosine with the feature, with the other dictionary's atom for it, and what
    that would be if the two had nothing in common but the feature (the product of their cosines with it). The gap between the last two is
    agreement in errors, whose cosine is the fourth line. Lines are medians over runs, bands from the least to the largest; a panel for each value of ``by``. Step 0 is
    drawn at the left end of the logarithmic axis.
    """
    data = picked(dictionary_scores, where or {})
    if by not in data.coords:
        raise UnknownName("coordinate of 'measure:dictionary_scores'", by, map(str, data.coords))
    values = list(dict.fromkeys(data[by].values.tolist()))
    fig = panels(len(values), titles=[f"{sign_of(by)} = {v}" for v in values], height=420)
    steps = data["step"].values.astype(float)
    places = np.where(steps > 0, steps, min((s for s in steps if s > 0), default=1.0) / 3)
    says = []
    for column, value in enumerate(values, 1):
        mine = picked(data, {by: value, f"{by}_other": value})
        for colour, (name, label) in zip(PALETTE, CURVES.items(), strict=False):
            lines = mine[name].mean("run_other").transpose("run", "step").values
            low, middle, high = np.nanmin(lines, 0), np.nanmedian(lines, 0), np.nanmax(lines, 0)
            band = go.Scatter(
                x=light([*places, *places[::-1]]), y=light([*high, *low[::-1]]), fill="toself", mode="lines",
                line={"width": 0}, fillcolor=faint(colour, 0.15), hoverinfo="skip", showlegend=False,
            )  # fmt: skip
            line = go.Scatter(
                x=light(places), y=light(middle), mode="lines+markers", name=label, legendgroup=name, showlegend=column == 1,
                line={"color": colour}, customdata=steps, hovertemplate="%{customdata:,} updates: %{y:.3f}<extra>" + label + "</extra>",
            )  # fmt: skip
            fig.add_trace(band, row=1, col=column)
            fig.add_trace(line, row=1, col=column)
        end = {name: float(mine[name].isel(step=-1).mean("run_other").median("run")) for name in CURVES}
        says.append(
            f"{sign_of(by)} = {value}: at the end {end['right']:.3g} with the feature, {end['alike']:.3g} with one another, "
            f"{end['alike_by_truth']:.3g} if only the truth were shared."
        )
    fig.update_xaxes(type="log", title_text=name_of("step"))
    fig.update_yaxes(title_text="mean cosine", row=1, col=1)
    fig.update_layout(legend={"y": 1.12})
    return Drawn(fig, says=" ".join(says))


def picked(data: xr.Dataset, where: Mapping[str, Any]) -> xr.Dataset:
    """The runs of these values (one, or any of several), on either side."""
    for name, wanted in where.items():
        if name not in data.coords:
            raise UnknownName("coordinate of 'measure:dictionary_scores'", name, map(str, data.coords))
        keep = np.isin(data[name].values, np.atleast_1d(np.asarray(wanted)))
        if not keep.any():
            raise UserError(
                f"No run has {name} = {wanted!r}; there is {sorted(set(data[name].values.tolist()))}."
            )
        data = data.isel({str(data[name].dims[0]): keep})
    return data


def _two(value: float) -> str:
    """Two digits without a leading zero: a cell is narrow."""
    return (
        "–" if np.isnan(value) else f"{value:.2f}".replace("-", "−").replace("0.", ".").replace("−.00", ".00")
    )

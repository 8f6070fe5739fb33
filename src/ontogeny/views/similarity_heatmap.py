"""Any measure over all pairs of runs, as a square; and three measures in one order."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.errors import UserError
from ontogeny.thinning import evenly_thinned
from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.order import block_ticks, in_order, labels
from ontogeny.views.panels import add_narrow, colour_axis, panels
from ontogeny.views.theme import DIVERGING, INK, SEQUENTIAL, colourbar, colours, name_of, title_of

MOST_RUNS = 160  # more are not drawn: the runs of the lowest seed stand for all
MOST_CLUSTERED = 400  # a tree of more is a black bar
MOST_NAMES = 32  # beside a tree


@view(reads=("measure:*",), title="How alike are all pairs of runs?", arranged="order")
def similarity_heatmap(*, by: str = "", order: str = "setting", **measure: xr.Dataset) -> Drawn:
    """How alike is every run to every other, by one measure?

    Runs are sorted by what varied, then by seed, from the top left. Darker is more alike, whatever the measure: the scale of a
    divergence or a distance is turned round. Blocks along the diagonal are widths that resemble one another; neighbours in
    width often do, so a block is evidence of a group only against that trend.

    ``order="clustered"``: by a tree of average linkage instead, drawn above, its height the distance at which two groups meet (a similarity s
    counts as √(2(1 − s))); the strip at the left is what varied. A tree comes out of any distances: long bare stems say that there are
    groups, and blocks that were sorted to be seen are no evidence of any.
    """
    if len(measure) != 1:
        raise UserError(f"This view shows one measure; it was handed {', '.join(measure) or 'none'}.")
    fig = panels(1, height=640, bars=True, square=True)
    says = [_draw(fig, 0, name, data, by) for name, data in measure.items()]
    return Drawn(fig, says=says[0])


@view(
    reads=("measure:tn_similarity", "measure:activation_similarity", "measure:js_divergence"),
    title="Alike in weights, in outputs, in frequencies",
)
def similarity_triptych(*, by: str = "", **measures: xr.Dataset) -> Drawn:
    """Do weights, outputs and frequencies tell the same story about which runs are alike?

    The same runs in the same order in every panel. Darker is more alike in each; scales differ and are turned round for
    divergences, and each spans what is off the diagonal. Compare patterns, not shades: equal shades in two panels are not
    equal numbers.
    """
    if not measures:
        raise UserError("This view shows measures side by side; it was handed none.")
    fig = panels(len(measures), height=460, bars=True, square=True)
    says = [_draw(fig, i, name, data, by, brief=True) for i, (name, data) in enumerate(measures.items())]
    fig.update_yaxes(showticklabels=False, ticks="", title_text="")
    fig.update_yaxes(showticklabels=True, ticks="outside", title_text=name_of(by), row=1, col=1)
    below = {f"yaxis{i + 1}.showticklabels": True for i in range(1, len(measures))}
    add_narrow(fig, below | {f"yaxis{i + 1}.title.text": name_of(by) for i in range(1, len(measures))})
    return Drawn(fig, says=" ".join(says))


def _draw(fig: go.Figure, panel: int, name: str, data: xr.Dataset, by: str, brief: bool = False) -> str:
    """One measure in one panel; returns what is seen."""
    if "joins" in data:
        return _clustered(fig, name, data, by)
    # one seed draws the pattern; hundreds of rows draw a page of 15 MB
    if data.sizes["run"] > MOST_RUNS and "seed" in data.coords:
        first = data["seed"].values.min()
        data = data.isel(run=data["seed"].values == first, run_other=data["seed_other"].values == first)
    data = in_order(in_order(data, by), by, "run_other")
    array = data["value"].transpose("run", "run_other")
    values = array.to_numpy()
    rows, columns = labels(data, by), labels(data, by, "run_other")
    axis, known, alike = _scale(fig, panel, name, data, array)
    fig.add_trace(
        go.Heatmap(
            z=light(values),
            x=list(columns),
            y=list(rows),
            coloraxis=axis,
            hovertemplate="<b>%{z:.4g}</b><br>%{x} and %{y}<extra></extra>",
        ),
        row=1,
        col=panel + 1,
    )
    common = {"type": "category", "title_text": name_of(by), "showgrid": False, "tickangle": 0}
    for update, names, widths in (
        (fig.update_xaxes, columns, data[f"{by}_other"].values),
        (fig.update_yaxes, rows, data[by].values),
    ):
        places, text = block_ticks(widths)
        update(tickvals=[names[i] for i in places], ticktext=text, row=1, col=panel + 1, **common)
    return _says(name, array, data, known, rows, columns, alike, brief)


def _scale(
    fig: go.Figure, panel: int, name: str, data: xr.Dataset, array: xr.DataArray
) -> tuple[str, np.ndarray, bool]:
    """The colours of a panel; the values off the diagonal, and whether more of them is more alike."""
    pairs = array.to_numpy()[~_same_run(data)]
    known = pairs[np.isfinite(pairs)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    alike = array.attrs.get("kind", data.attrs.get("kind", "similarity")) == "similarity"
    signed = alike and low < -0.25 * max(high, 1e-9)
    limit = max(abs(low), abs(high))
    axis = colour_axis(
        fig,
        panel,
        colourbar(_capital(title_of(array) if "long_name" in array.attrs else name.replace("_", " "))),
        colorscale=DIVERGING if signed else SEQUENTIAL,
        reversescale=not alike,
        cmin=-limit if signed else low,
        cmax=limit if signed else high,
    )
    return axis, known, alike


def _clustered(fig: go.Figure, name: str, data: xr.Dataset, by: str) -> str:
    """Runs in the order of their tree. Tree and square share their axes, so that they stay aligned at every size."""
    array = data["value"].transpose("run", "run_other")
    names, n = labels(data, by), data.sizes["run"]
    if n > MOST_CLUSTERED:
        raise UserError(
            f"{n} runs are too many for one tree; up to {MOST_CLUSTERED} are drawn: store.only([…]).view('similarity_heatmap', …)."
        )
    axis, known, alike = _scale(fig, 0, name, data, array)
    said = np.array([[f"{a} and {b}" for b in names] for a in names])
    hover = "<b>%{z:.4g}</b><br>%{customdata}<extra></extra>"
    fig.add_trace(go.Heatmap(z=light(array.to_numpy()), customdata=said, coloraxis=axis, hovertemplate=hover))
    joins = data["joins"].to_numpy()
    tall, top = 0.22 * n, max(float(joins[..., 1].max()), 1e-12)
    gap = np.full((len(joins), 1), np.nan)
    heights = joins[..., 1]
    fig.add_trace(
        go.Scatter(
            x=light(np.concatenate([joins[..., 0], gap], 1).ravel()),
            y=light(np.concatenate([-0.6 - tall * heights / top, gap], 1).ravel()),
            mode="lines",
            line={"color": INK, "width": 1.2},
            customdata=light(np.concatenate([heights, gap], 1).ravel()),
            hovertemplate="they meet at a distance of <b>%{customdata:.3g}</b><extra></extra>",
            showlegend=False,
        )
    )
    settings = data[by].values
    kinds, place = np.unique(settings, return_inverse=True)
    wide = 0.04 * n
    if 1 < len(kinds) < n:
        of = colours(by, len(kinds))
        shades = [[i / max(len(kinds) - 1, 1), of[i]] for i in range(len(kinds))]
        fig.add_trace(
            go.Heatmap(
                z=place[:, None],
                x0=-0.7 - wide / 2,
                dx=wide,
                colorscale=shades,
                zmin=0,
                zmax=len(kinds) - 1,
                showscale=False,
                customdata=[[one] for one in names],
                hovertemplate="<b>%{customdata}</b><extra></extra>",
            )
        )
    shown = evenly_thinned(n, MOST_NAMES)
    named = {"tickvals": shown, "ticktext": [names[i] for i in shown], "showgrid": False, "title_text": ""}
    left = -0.8 - wide if 1 < len(kinds) < n else -0.5
    fig.update_xaxes(**named, range=[left, n - 0.5], tickangle=-60)
    fig.update_yaxes(**named, range=[n - 0.5, -0.7 - tall], autorange=False)
    without = int(data.attrs.get("left_out", 0))
    more = f" {without} that cannot be compared are left out." if without else ""
    return _says(name, array, data, known, names, names, bool(alike), False) + more


def _says(
    name: str,
    array: xr.DataArray,
    data: xr.Dataset,
    known: np.ndarray,
    rows: tuple[str, ...],
    columns: tuple[str, ...],
    alike: bool,
    brief: bool,
) -> str:
    title = _capital(str(array.attrs.get("long_name") or name.replace("_", " ")))
    if not known.size:
        return f"{title}: no two runs could be compared."
    spread = f"{known.min():.3g} to {known.max():.3g}"
    if brief:
        return f"{title}: median {np.median(known):.3g} ({spread})."
    off = np.where(_same_run(data), np.nan, array.to_numpy())
    i, j = np.unravel_index(np.nanargmax(off) if alike else np.nanargmin(off), off.shape)
    return (
        f"{title}: median {np.median(known):.3g} over all pairs of {len(rows)} different runs "
        f"({spread}); the most alike are {rows[i]} and {columns[j]} ({off[i, j]:.3g})."
    )


def _same_run(data: xr.Dataset) -> np.ndarray:
    """Where a run meets itself."""
    return np.asarray(data["run"].values[:, None] == data["run_other"].values[None, :])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

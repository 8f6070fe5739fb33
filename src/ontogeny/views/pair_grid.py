"""Every row beside every column by one measure: layer × layer, step × step, run × run, with marks where it is more than chance."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.errors import UserError
from ontogeny.thinning import evenly_thinned
from ontogeny.views.base import Drawn
from ontogeny.views.light import light
from ontogeny.views.order import labels
from ontogeny.views.panels import colour_axis, panels
from ontogeny.views.theme import DIVERGING, INK, SEQUENTIAL, colourbar, name_of, sign_of, title_of

MARKED = 1600  # cells up to which each has its own mark; of more, their outline is drawn
ALL_NAMED, TICKS = 24, 14  # up to so many rows each has its name; of more, so many have


def pair_grid(data: xr.Dataset, *, level: float = 0.05) -> Drawn:
    """Which row is like which column, and where is that more than chance?

    ``data``: ``value`` over two axes, whatever they are, and, if it was tested, ``p`` over the same two, corrected for the number of cells. Darker
    is more alike: scales of distances are turned round, and what is compared with itself does not stretch them. A dot, or in a large
    grid an outline, marks p ≤ ``level``. No mark is no evidence of a difference. Steps and layers stand side by side, evenly, whatever
    lies between them.
    """
    array = data["value"]
    if array.ndim != 2:
        raise UserError(
            f"A grid has two axes; these values are over {', '.join(map(str, array.dims)) or 'none'}."
        )
    down, across = (str(axis) for axis in array.dims)
    values = array.to_numpy().astype(float)
    rows, columns = _ticks(array, down), _ticks(array, across)
    alike = str(array.attrs.get("kind", data.attrs.get("kind", "similarity"))) == "similarity"
    same = _itself(values, rows == columns, 1.0 if alike else 0.0)
    known = values[np.isfinite(values) & ~same]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    limit = max(abs(low), abs(high))
    signed = alike and low < -0.25 * max(high, 1e-9)
    n, m = values.shape
    fig = panels(1, height=640, bars=True, square=True)
    title = title_of(array)
    axis = colour_axis(
        fig,
        0,
        colourbar(title[:1].upper() + title[1:]),
        colorscale=DIVERGING if signed else SEQUENTIAL,
        reversescale=not alike,
        cmin=-limit if signed else low,
        cmax=limit if signed else high,
    )
    p = data["p"].transpose(down, across).to_numpy() if "p" in data else np.full(values.shape, np.nan)
    said = np.array([["" if np.isnan(x) else f", p = {x:.3g}" for x in row] for row in p])
    rows_said, columns_said = _said(array, down, rows), _said(array, across, columns)
    names = np.array([[f"{a} and {b}" for b in columns_said] for a in rows_said])
    fig.add_trace(
        go.Heatmap(
            z=light(values),
            coloraxis=axis,
            customdata=np.stack([names, said], -1),
            hovertemplate="<b>%{z:.4g}</b>%{customdata[1]}<br>%{customdata[0]}<extra></extra>",
        )
    )
    beyond = p <= level
    if beyond.any():
        fig.add_trace(_marks(beyond, max(n, m)))
    for update, ticks, name in ((fig.update_xaxes, columns, across), (fig.update_yaxes, rows, down)):
        places = evenly_thinned(len(ticks), TICKS if len(ticks) > ALL_NAMED else ALL_NAMED)
        update(
            tickvals=places,
            ticktext=[ticks[i] for i in places],
            title_text=_title(data, name),
            showgrid=False,
            range=[-0.5, len(ticks) - 0.5],
        )
    fig.update_yaxes(range=[n - 0.5, -0.5], autorange=False)
    if max(map(len, columns)) > 6:
        fig.update_xaxes(tickangle=-45)
    return Drawn(fig, says=_says(values, same, p, level, rows_said, columns_said, alike))


def _ticks(array: xr.DataArray, axis: str) -> list[str]:
    """What rows or columns are called; runs by what varied."""
    end = "_other" if axis.endswith("_other") else ""
    varied = [str(n).removesuffix(end) for n, tick in array.coords.items() if tick.dims == (axis,)]
    varied = [name for name in varied if name not in ("run", "status")]
    if axis == f"run{end}" and varied:
        by = next((name for name in varied if name != "seed"), "seed")
        return list(labels(array.to_dataset(name="value"), by, axis))
    found = array[axis].values if axis in array.coords else np.arange(array.sizes[axis])
    return [f"{one:,}" if isinstance(one, int | np.integer) else str(one) for one in found]


def _itself(values: np.ndarray, one_side: bool, identity: float) -> np.ndarray:
    """Cells in which something meets itself: the diagonal, if names are equal and it is identity throughout. (Steps of two runs have
    equal names, too.)"""
    diagonal: np.ndarray = np.arange(values.shape[0])[:, None] == np.arange(values.shape[1])
    met = values[diagonal & np.isfinite(values)]
    itself = one_side and len(met) > 0 and np.allclose(met, identity, atol=1e-4)
    return diagonal if itself else np.zeros_like(diagonal)


def _said(array: xr.DataArray, axis: str, ticks: list[str]) -> list[str]:
    """Ticks as a sentence says them: "step 500", but "layer 3" where it is called so already."""
    numbers = axis not in array.coords or array[axis].dtype.kind in "iuf"
    return [f"{sign_of(axis.removesuffix('_other'))} {one}" for one in ticks] if numbers else ticks


def _title(data: xr.Dataset, axis: str) -> str:
    said = data[axis].attrs.get("long_name") if axis in data.coords else None
    return str(said or name_of(axis))


def _marks(beyond: np.ndarray, side: int) -> go.Scatter | go.Contour:
    if beyond.size > MARKED:
        return go.Contour(
            z=beyond.astype(np.uint8),
            contours={"start": 0.5, "end": 0.5, "size": 1, "coloring": "none"},
            line={"color": INK, "width": 1.2, "smoothing": 0},
            showscale=False,
            hoverinfo="skip",
        )
    y, x = np.nonzero(beyond)
    return go.Scatter(
        x=x,
        y=y,
        mode="markers",
        marker={
            "size": float(np.clip(120 / side, 3, 9)),
            "color": INK,
            "line": {"color": "white", "width": 1},
        },
        hoverinfo="skip",
        showlegend=False,
    )


def _says(
    values: np.ndarray,
    same: np.ndarray,
    p: np.ndarray,
    level: float,
    rows: list[str],
    columns: list[str],
    alike: bool,
) -> str:
    off = np.where(same, np.nan, values)
    if not np.isfinite(off).any():
        return "Nothing in this grid could be compared."
    i, j = np.unravel_index(np.nanargmax(off) if alike else np.nanargmin(off), off.shape)
    found = (
        f"The most alike are {rows[i]} and {columns[j]} ({off[i, j]:.3g}; median {np.nanmedian(off):.3g})."
    )
    if not np.isfinite(p).any():
        return f"{found} Nothing was tested."
    once = np.triu(np.ones_like(same)) if rows == columns and _mirrored(values) else np.ones_like(same)
    tested = np.isfinite(p) & once.astype(bool)
    share = int((p[tested] <= level).sum())
    return f"{found} {share} of {int(tested.sum())} pairs are more alike than chance at p ≤ {level:g}, corrected for their number."


def _mirrored(values: np.ndarray) -> bool:
    return bool(np.allclose(values, values.T, equal_nan=True))

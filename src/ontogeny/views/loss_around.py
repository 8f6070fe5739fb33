"""The loss around a model, on a plane of random directions."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Drawn, view
from ontogeny.views.bindings import bind
from ontogeny.views.light import light
from ontogeny.views.moments import at_last, step_ticks
from ontogeny.views.panels import colour_axis, panels
from ontogeny.views.theme import SEQUENTIAL, colourbar


@view(reads=("one:lens:loss_landscape@cursor",), title="Loss around the model", frames=1)
def loss_around(loss_landscape: xr.Dataset) -> Drawn:
    """How does the loss change around the model, in two random directions?

    A cell is a model whose weights are moved; 1 along an axis moves every filter by its own length. The middle is the model itself.
    Colour is the decimal logarithm of the loss, by part of the data, on one scale for all steps. Cells without colour: the loss is 0 or not finite.
    """
    loss = loss_landscape["loss"].transpose("step", "split", "across", "along")
    parts = [str(part) for part in loss["split"].values if part != "all"] or ["all"]
    logs = logarithm(loss)
    fig = panels(len(parts), height=520, bars=True)
    drawn = []
    for panel, part in enumerate(parts):
        each = logs.sel(split=part)
        axis = colour_axis(fig, panel, colourbar(f"log₁₀ {part} loss"), **scale(each))
        add_plane(fig, panel, each.isel(step=-1), axis, "second direction", "first direction")
        drawn.append(bind(panel, "z", each, "step", step_ticks(loss_landscape)))
    last = loss.isel(step=-1)
    middle = last.isel(across=last.sizes["across"] // 2, along=last.sizes["along"] // 2)
    says = "; ".join(
        f"{part} loss {float(middle.sel(split=part)):.3g} in the middle, up to {float(last.sel(split=part).max()):.3g}"
        for part in parts
    )
    return Drawn(fig, drawn, says=f"{at_last(loss_landscape)} {says}.")


def logarithm(loss: xr.DataArray) -> xr.DataArray:
    """log₁₀ of the loss, without a value where it is 0 or not finite."""
    there = (loss > 0) & np.isfinite(loss)
    known = loss.where(there)
    return known.copy(data=np.log10(known.values))


def scale(logs: xr.DataArray) -> dict[str, object]:
    """Pale is low: what the eye looks for is the valley."""
    return {"colorscale": SEQUENTIAL, "cmin": float(logs.min()), "cmax": float(logs.max())}


def add_plane(fig: go.Figure, panel: int, logs: xr.DataArray, axis: str, up: str, right: str) -> None:
    """Add a map (across, along) to panel number ``panel`` (from 0), across upwards, coloured by ``axis``."""
    fig.add_trace(
        go.Heatmap(
            z=light(logs),
            x=light(logs["along"]),
            y=light(logs["across"]),
            coloraxis=axis,
            hovertemplate="(%{x:.3g}, %{y:.3g})<br>log₁₀ loss <b>%{z:.3g}</b><extra></extra>",
        ),
        row=1,
        col=panel + 1,
    )
    end = "" if panel == 0 else str(panel + 1)
    fig.layout[f"xaxis{end}"].update(title={"text": right}, showgrid=False)
    fig.layout[f"yaxis{end}"].update(title={"text": up}, showgrid=False)

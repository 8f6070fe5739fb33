"""All neurons as small maps in one picture."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Bind, Drawn, view
from ontogeny.views.moments import last_of, places, step_ticks
from ontogeny.views.panels import panels
from ontogeny.views.png import data_uri
from ontogeny.views.theme import SEQUENTIAL

GAP = 4  # pixels between maps


@view(
    reads=(
        'one:lens:grid_activations(tap="neurons[{layer}]")@cursor',
        "one:lens:neuron_fourier(layer={layer})@cursor",
        "one:lens:neuron_order(layer={layer})",
    ),
    title="All neurons",
    frames=1,
)
def neuron_mosaic(
    grid_activations: xr.Dataset,
    neuron_fourier: xr.Dataset,
    neuron_order: xr.Dataset,
    *,
    layer: int = -1,
    pixels: int = 0,
) -> Drawn:
    """What does every neuron do on every pair of numbers, none picked by hand?

    Each small map is a neuron over (a, b), a downwards, scaled to its own range (white is its minimum, a dead neuron is white);
    neurons are sorted by the dominant frequency that they have at the last step, then by its share, row by row. Every pixel is one input.
    Zoomed out, a screen skips pixels and shows coarse patterns that are not there (moiré): zoom in before believing one. ``pixels``: how many the picture may have, for a
    cursor that moves; of larger ones blocks of inputs are averaged. 0: as many as there are.
    """
    maps, found = last_of(grid_activations)["activation"], last_of(neuron_fourier)
    order = neuron_order["order"].values
    # Whatever units a family calls its neurons, they are the last axis.
    unit = str(maps.dims[-1])
    maps = maps.transpose(unit, ...).isel({unit: order})
    shown = averaged(maps.values, pixels)
    picture, columns = tiles(shown)
    source = data_uri(picture, SEQUENTIAL)
    fig = panels(1, height=720, square=True)
    fig.add_trace(go.Image(source=source, hoverinfo="skip"))
    side_a, side_b = shown.shape[1] + GAP, shown.shape[2] + GAP
    place = np.arange(len(order))
    frequency, share = (found[f"dominant_{what}"].values[order] for what in ("frequency", "share"))
    about = np.stack([order, frequency, share], -1)
    fig.add_trace(
        go.Scatter(
            x=place % columns * side_b + shown.shape[2] / 2,
            y=place // columns * side_a + shown.shape[1] / 2,
            mode="markers",
            marker={"size": 14, "opacity": 0},
            customdata=about,
            showlegend=False,
            hovertemplate="neuron %{customdata[0]:d}<br>frequency %{customdata[1]:d}, "
            "share <b>%{customdata[2]:.1%}</b><extra></extra>",
        )
    )
    fig.update_xaxes(visible=False, range=[-0.5, picture.shape[1] - 0.5])
    fig.update_yaxes(visible=False, autorange=False, range=[picture.shape[0] - 0.5, -0.5])
    dead = int(np.isnan(frequency).sum())
    says = f"{len(order)} neurons, {dead} of them constant (dead), sorted by frequency."
    if "step" not in neuron_fourier.dims:
        return Drawn(fig, says=says)
    moves: dict[str, Any] = {
        "axis": "step",
        "ticks": step_ticks(neuron_fourier),
        "at": places(neuron_fourier),
    }
    bindings = [Bind(0, "source", values=[source], **moves), Bind(1, "customdata", values=[about], **moves)]
    return Drawn(fig, bindings, says=says)


def tiles(maps: np.ndarray) -> tuple[np.ndarray, int]:
    """Maps (map, row, column), each scaled to 0 … 1, side by side in about a square; NaN between. Also how many stand in a row."""
    count, height, width = maps.shape
    low, high = maps.min((1, 2), keepdims=True), maps.max((1, 2), keepdims=True)
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    canvas = np.full((rows * columns, height + GAP, width + GAP), np.nan, np.float32)
    inside = canvas[:count, :height, :width]
    np.subtract(maps, low, out=inside, casting="same_kind")
    inside /= np.where(high > low, high - low, 1)
    grid = canvas.reshape(rows, columns, height + GAP, width + GAP).swapaxes(1, 2)
    return grid.reshape(rows * (height + GAP), columns * (width + GAP))[:-GAP, :-GAP], columns


def averaged(maps: np.ndarray, pixels: int) -> np.ndarray:
    """Means of the smallest square blocks by which all maps have at most so many pixels; what is left over at an edge counts with its last block."""
    side = max(1, math.ceil(math.sqrt(maps.size / pixels))) if pixels else 1
    if side == 1:
        return maps
    for axis in (1, 2):
        starts = np.arange(0, max(1, maps.shape[axis] - side + 1), side)
        sizes = np.diff([*starts, maps.shape[axis]])
        maps = np.add.reduceat(maps, starts, axis) / np.expand_dims(
            sizes, [a for a in (0, 1, 2) if a != axis]
        )
    return maps

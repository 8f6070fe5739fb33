"""The typical neuron of every group."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Drawn, view
from ontogeny.views.moments import at_last, last_of
from ontogeny.views.neuron_mosaic import averaged
from ontogeny.views.panels import panels
from ontogeny.views.theme import SEQUENTIAL

SIDE = 160_000  # pixels of a map, at most


@view(
    reads=(
        'one:lens:grid_activations(tap="neurons[{layer}]")@cursor',
        'one:lens:neuron_clusters(tap="neurons[{layer}]", by="{by}")@cursor',
    ),
    title="Groups of neurons",
    frames=1,
)
def neuron_groups(
    grid_activations: xr.Dataset, neuron_clusters: xr.Dataset, *, layer: int = -1, by: str = "spectrum"
) -> Drawn:
    """Which groups of neurons are there, and what does a typical one of each do?

    Of every group the neuron nearest to the group's mean, as a map over (a, b), a downwards, scaled to its own range; above it how many neurons the group has. The sentence
    says how well the groups hold when other neurons are drawn, and whether one cloud without groups would fall into as tight parts.
    """
    found = last_of(neuron_clusters)
    maps = last_of(grid_activations)["activation"]
    unit = str(maps.dims[-1])
    maps = maps.transpose(unit, ...)
    cluster, typical = found["cluster"].values, found["representative"].values == 1
    chosen = sorted(np.flatnonzero(typical), key=lambda i: cluster[i])
    sizes = [int((cluster == cluster[i]).sum()) for i in chosen]
    titles = [f"neuron {i}, one of {n}" for i, n in zip(chosen, sizes, strict=True)]
    fig = panels(max(len(chosen), 1), titles=titles or ("no neuron varies",), height=340, square=True)
    for column, i in enumerate(chosen, 1):
        shown = averaged(maps.values[i : i + 1], SIDE)[0]
        fig.add_trace(
            go.Heatmap(
                z=shown, colorscale=SEQUENTIAL, showscale=False, hovertemplate="a %{y}, b %{x}<br><b>%{z:.3g}</b><extra></extra>"
            ),
            row=1,
            col=column,
        )  # fmt: skip
    fig.update_layout(margin={"t": 50})
    count = int(np.nan_to_num(float(found["count"])))
    says = f"{at_last(neuron_clusters)} no group stands out: the neurons are one cloud." if count <= 1 else (
        f"{at_last(neuron_clusters)} there are {count} groups; they agree at {float(found['stability']):.2f} over samples of the neurons (1: the same, 0: chance), "
        f"and {'no' if float(found['p']) <= 0.05 else 'some'} cloud without groups falls into as tight parts (p = {float(found['p']):.2g})."
    )  # fmt: skip
    return Drawn(fig, says=says)

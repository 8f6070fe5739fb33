"""The step from which every input stays right, over the grid of inputs."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.panels import colour_axis, panels
from ontogeny.views.theme import ORDERED, colourbar, title_of


@view(reads=("one:lens:prediction_trace",), title="Order of learning")
def prediction_trace_grid(prediction_trace: xr.Dataset) -> Drawn:
    """In which order are the inputs learned, those trained on and those held out?

    A cell is an input; its colour is the step from which the answer stays right, on a scale of each panel's own. White cells
    belong to the other panel, or are wrong at the end. Structure along a + b, or in bands, says that inputs are learned by
    rule; noise says one by one.
    """
    data = prediction_trace
    trained = data["trained_on"].astype(bool)
    a, b = (str(axis) for axis in trained.dims)
    step = data["learned_step"].transpose(a, b)
    fig = panels(2, height=520, bars=True, square=True)
    for panel, (part, mask) in enumerate({"trained on": trained, "held out": ~trained}.items()):
        shown = step.where(mask)
        low, high = (float(shown.min()), float(shown.max())) if shown.notnull().any() else (0.0, 1.0)
        axis = colour_axis(
            fig, panel, colourbar(f"{part}: {title_of(step)}"), colorscale=ORDERED, cmin=low, cmax=high
        )
        fig.add_trace(
            go.Heatmap(
                z=light(shown),
                x=step[b].values if b in step.coords else None,
                coloraxis=axis,
                hovertemplate=f"{a} = %{{y}}, {b} = %{{x}}<br>right from step <b>%{{z:,}}</b><extra></extra>",
            ),
            row=1,
            col=panel + 1,
        )
    fig.update_xaxes(title_text=b, showgrid=False)
    fig.update_yaxes(title_text=a, showgrid=False)
    parts = [
        f"{part}: {float(data['learned'].sel(split=part)):.1%} stay right, from step "
        f"{float(data['median_step'].sel(split=part)):,.0f} in the median "
        f"(5 % to 95 %: {float(data['spread'].sel(split=part)):,.0f} steps)"
        for part in data["split"].values
    ]
    return Drawn(fig, says="; ".join(parts) + f". Cells: {int(np.prod(step.shape))}.")

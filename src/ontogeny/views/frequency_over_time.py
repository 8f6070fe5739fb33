"""How many neurons each frequency has, over training."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.panels import colour_axis, panels
from ontogeny.views.theme import SEQUENTIAL, colourbar, name_of, title_of


@view(reads=("one:lens:neuron_commitment(layer={layer})@steps",), title="Frequencies over training")
def frequency_over_time(neuron_commitment: xr.Dataset, *, layer: int = -1) -> Drawn:
    """Which frequencies win neurons over training, and which are tried and given up?

    A row is a frequency, dark where many neurons have it as their dominant one; steps are equally wide, whatever lies between
    them. A row that darkens and pales again is a transient frequency; those that pass the rule are marked at the right.
    """
    data = neuron_commitment
    share = data["occupancy"].transpose("frequency", "step")
    steps = [f"{step:,}" for step in data["step"].values]
    fig = panels(1, height=520, bars=True)
    axis = colour_axis(
        fig, 0, colourbar(title_of(share)), colorscale=SEQUENTIAL, cmin=0, cmax=float(np.nanmax(share))
    )
    fig.add_trace(
        go.Heatmap(
            z=light(share),
            x=steps,
            y=share["frequency"].values,
            coloraxis=axis,
            hovertemplate="frequency %{y}, step %{x}<br><b>%{z:.1%}</b> of neurons<extra></extra>",
        )
    )
    transient = data["frequency"].values[data["transient"].values.astype(bool)]
    for k in transient:
        fig.add_annotation(
            text="transient", x=1, xref="x domain", xanchor="right", y=int(k), yref="y", showarrow=False
        )
    fig.update_xaxes(title_text=name_of("step"), type="category", showgrid=False, nticks=8)
    fig.update_yaxes(title_text=name_of("frequency"), showgrid=False)
    largest = share[:, -1].values.argsort()[::-1][:5]
    winners = ", ".join(f"{share['frequency'].values[k]} ({float(share[k, -1]):.0%})" for k in largest)
    median = float(data["commitment_step"].median())
    says = (
        f"Most neurons at the last step: frequencies {winners}. Transient: {', '.join(map(str, transient)) or 'none'}. "
        f"The median neuron keeps its frequency from step {median:,.0f}."
    )
    return Drawn(fig, says=says)

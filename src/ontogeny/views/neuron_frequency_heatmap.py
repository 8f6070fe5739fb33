"""Every neuron's energy by frequency."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Drawn, view
from ontogeny.views.bindings import bind
from ontogeny.views.light import light
from ontogeny.views.moments import at_last, step_ticks
from ontogeny.views.panels import colour_axis, panels
from ontogeny.views.theme import SEQUENTIAL, colourbar, name_of, title_of


@view(
    reads=("one:lens:neuron_fourier(layer={layer})@cursor", "one:lens:neuron_order(layer={layer})"),
    title="Neurons by frequency",
)
def neuron_frequency_heatmap(
    neuron_fourier: xr.Dataset, neuron_order: xr.Dataset, *, layer: int = -1
) -> Drawn:
    """With which frequency does each neuron compute, and when did it take it up?

    A column is a neuron, dark where its energy is. Neurons are sorted by what they are at the last step (frequency, then
    share), the same order at all steps, so a step structure that appears along the slider is neurons settling. An empty column
    is a dead neuron.
    """
    data = neuron_fourier
    order = neuron_order["order"].values
    share = data["share"].isel(neuron=order).transpose("step", "frequency", "neuron")
    fig = panels(1, height=520, bars=True)
    axis = colour_axis(fig, 0, colourbar(title_of(share)), colorscale=SEQUENTIAL, cmin=0, cmax=1)
    fig.add_trace(
        go.Heatmap(
            z=light(share[-1]),
            y=share["frequency"].values,
            customdata=np.broadcast_to(order, share.shape[1:]),
            coloraxis=axis,
            hovertemplate="neuron %{customdata}, frequency %{y}<br><b>%{z:.1%}</b><extra></extra>",
        )
    )
    fig.update_xaxes(title_text="neuron, sorted by its frequency at the end", showgrid=False)
    fig.update_yaxes(title_text=name_of("frequency"), showgrid=False)
    ticks = step_ticks(data)
    threshold = data["specialised"].attrs.get("threshold", 0.85)
    first = f", {float(data['specialised'][0]):.0%} at the first" if data.sizes["step"] > 1 else ""
    says = (
        f"{at_last(data)}, {float(data['specialised'][-1]):.0%} of {len(order)} neurons have at least "
        f"{threshold:g} of their variance at "
        f"one frequency{first}; the largest share of a random map "
        f"is {float(data['control_max'][-1]):.2g}."
    )
    return Drawn(fig, [bind(0, "z", share.round(3), "step", ticks)], says=says)

"""W_L with its neurons in the order of their correlation with the sum."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Bind, Drawn, view
from ontogeny.views.light import light
from ontogeny.views.moments import last_of, places, step_ticks
from ontogeny.views.panels import colour_axis, panels
from ontogeny.views.theme import DIVERGING, colourbar, title_of


@view(
    reads=("one:lens:readout@cursor", "one:lens:neuron_correlation@cursor"),
    title="Read-out of every neuron",
    frames=1,
)
def readout_heatmap(readout: xr.Dataset, neuron_correlation: xr.Dataset) -> Drawn:
    """What does every neuron write to every output, and does that go with what it follows?

    A row is an output, a column a neuron; neurons are sorted by their correlation with a + b after the nonlinearity, from −1 to
    1; neurons that never vary stand last. Blue lowers the logit, red raises it. The colour scale ends at the 99th percentile of
    |W_L|.
    """
    W_L = last_of(readout)["W_L"]
    r = last_of(neuron_correlation)["r"].sel(stage="post", variable="a + b").values
    order = np.argsort(r, kind="stable")  # NaN last
    shown = W_L.transpose("output", "neuron").isel(neuron=order)
    most = float(np.quantile(np.abs(shown), 0.99)) or 1.0
    fig = panels(1, height=480, bars=True)
    axis = colour_axis(fig, 0, colourbar(title_of(W_L)), colorscale=DIVERGING, cmin=-most, cmax=most)
    fig.add_trace(
        go.Heatmap(
            z=light(shown),
            customdata=np.broadcast_to(np.stack([order, r[order]], -1), (*shown.shape, 2)),
            coloraxis=axis,
            hovertemplate="neuron %{customdata[0]} (r = %{customdata[1]:.2f}) → output %{y}<br><b>%{z:.3g}</b><extra></extra>",
        )
    )
    fig.update_xaxes(title_text="neuron, by correlation with a + b", showgrid=False)
    fig.update_yaxes(title_text="output", showgrid=False)
    says = f"{int((r < 0).sum())} neurons fall with a + b, {int((r > 0).sum())} rise, {int(np.isnan(r).sum())} never vary."
    if "step" not in readout.dims:
        return Drawn(fig, says=says)
    bindings = [Bind(0, "z", "step", light(shown)[None], step_ticks(readout), places(readout))]
    return Drawn(fig, bindings, says=says)

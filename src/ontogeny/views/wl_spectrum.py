"""Fourier amplitudes of what every neuron writes to the outputs."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Drawn, view
from ontogeny.views.bindings import bind
from ontogeny.views.light import light
from ontogeny.views.moments import at_last, step_ticks
from ontogeny.views.panels import colour_axis, panels
from ontogeny.views.theme import SEQUENTIAL, colourbar, title_of


@view(reads=("one:lens:readout_spectrum@cursor", "one:lens:readout_order"), title="Spectrum of the read-out")
def wl_spectrum(readout_spectrum: xr.Dataset, readout_order: xr.Dataset) -> Drawn:
    """Which frequencies over the outputs does each neuron write?

    A column is a neuron's row of W_L, dark where its amplitude is; neurons are sorted by their strongest frequency at the last
    step, then by its amplitude, in the same order at all steps. The constant (frequency 0) moves no prediction.
    """
    data = readout_spectrum
    amplitude = data["amplitude"].transpose("step", "frequency", "neuron")
    order = readout_order["order"].values
    shown = amplitude.isel(neuron=order)
    ticks = step_ticks(data)
    fig = panels(1, height=440, bars=True)
    most = float(np.nanmax(amplitude)) or 1.0
    axis = colour_axis(fig, 0, colourbar(title_of(amplitude)), colorscale=SEQUENTIAL, cmin=0, cmax=most)
    fig.add_trace(
        go.Heatmap(
            z=light(shown[-1]),
            y=shown["frequency"].values,
            customdata=np.broadcast_to(order, shown.shape[1:]),
            coloraxis=axis,
            hovertemplate="neuron %{customdata}, frequency %{y}<br><b>%{z:.3g}</b><extra></extra>",
        )
    )
    fig.update_xaxes(title_text="neuron, sorted by its strongest frequency at the end", showgrid=False)
    fig.update_yaxes(title_text="frequency (cycles over the outputs)", showgrid=False)
    share = data["share"].transpose("step", "frequency").values[-1]
    first = np.argsort(-share)[:3]
    says = f"{at_last(data)}, strongest frequencies of W_L: " + ", ".join(
        f"{k} ({share[k]:.0%})" for k in first
    )
    return Drawn(
        fig, [bind(0, "z", shown, "step", ticks)], says=says + " of the energy without the constant."
    )

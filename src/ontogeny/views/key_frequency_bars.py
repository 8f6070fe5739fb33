"""Energy by frequency, the key ones marked."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Bind, Drawn, view
from ontogeny.views.light import light
from ontogeny.views.moments import at_last, places, step_ticks
from ontogeny.views.panels import panels
from ontogeny.views.theme import PALETTE, RULE, name_of


@view(reads=("one:lens:key_frequencies@cursor",), title="Key frequencies")
def key_frequency_bars(key_frequencies: xr.Dataset) -> Drawn:
    """Which frequencies does the network answer with at each step?

    A bar is a frequency's share of the energy, the constant left out; coloured bars are above the rule's threshold. A few tall
    bars are a Fourier circuit; many short ones are what an untrained network has. The slider walks through training.
    """
    data = key_frequencies
    share = data["share"].transpose("step", "frequency")
    colours = np.where(data["is_key"].transpose("step", "frequency").values.astype(bool), PALETTE[1], RULE)
    ticks, at = step_ticks(data), places(data)
    fig = panels(1, height=400)
    fig.add_trace(
        go.Bar(
            x=share["frequency"].values,
            y=light(share[-1]),
            marker={"color": colours[-1].tolist(), "line": {"width": 0}},
            hovertemplate="frequency %{x}<br><b>%{y:.1%}</b><extra></extra>",
        )
    )
    fig.update_xaxes(title_text=name_of("frequency"), showgrid=False)
    fig.update_yaxes(
        title_text=share.attrs.get("long_name", "share"),
        range=[0, 1.05 * float(np.nanmax(share))],
        tickformat=".0%",
    )
    bindings = [
        Bind(0, "y", "step", light(share), ticks, at),
        Bind(0, "marker.color", "step", colours.tolist(), ticks, at),
    ]
    key = data["frequency"].values[data["is_key"].values[-1].astype(bool)]
    says = (
        f"{at_last(data)} the key frequencies are {', '.join(map(str, key)) or 'none'}, "
        f"with {float(data['share_explained'][-1]):.1%} of the energy."
    )
    return Drawn(fig, bindings, says=says)

"""Loops in the planes of an embedding, by frequency."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Bind, Drawn, view
from ontogeny.views.light import light
from ontogeny.views.moments import at_last, places, step_ticks
from ontogeny.views.panels import panels
from ontogeny.views.theme import PALETTE, RULE, name_of


@view(reads=("one:lens:circles@cursor",), title="Circles in the embedding")
def embedding_loops(circles: xr.Dataset) -> Drawn:
    """In which planes of its embedding do the numbers lie on a circle?

    Bars are the longest loop in the plane of a frequency, 1 for a dense perfect circle; the dot is the second longest. One tall bar with a low
    dot is a circle. Random planes have loops of .1 to .3. Only the planes with the most energy are looked at. The slider walks through training.
    """
    data = circles
    longest, second = (data[name].transpose("step", "frequency") for name in ("longest", "second"))
    one = (data["loops"].transpose("step", "frequency") == 1).values
    colours, ticks, at = np.where(one, PALETTE[1], RULE), step_ticks(data), places(data)
    fig = panels(1, height=400)
    x = longest["frequency"].values
    fig.add_trace(
        go.Bar(
            x=x,
            y=light(longest[-1]),
            name="longest loop",
            marker={"color": colours[-1].tolist(), "line": {"width": 0}},
            hovertemplate="frequency %{x}<br>longest loop <b>%{y:.2f}</b><extra></extra>",
        )
    )
    fig.add_trace(
        go.Scatter(
            x=x,
            y=light(second[-1]),
            name="second longest",
            mode="markers",
            marker={"color": PALETTE[0], "size": 7},
            hovertemplate="frequency %{x}<br>second longest <b>%{y:.2f}</b><extra></extra>",
        )
    )
    fig.update_xaxes(title_text=name_of("frequency"), showgrid=False)
    fig.update_yaxes(title_text="loop, beside that of a perfect circle", range=[0, 1.05])
    bindings = [
        Bind(0, "y", "step", light(longest), ticks, at),
        Bind(0, "marker.color", "step", colours.tolist(), ticks, at),
        Bind(1, "y", "step", light(second), ticks, at),
    ]
    key = x[one[-1]]
    says = f"{at_last(data)} the numbers lie on a circle in the planes of frequency {', '.join(map(str, key)) or '– none'}."
    return Drawn(fig, bindings, says=says)

"""The centres of the answers in their plane, growing."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Bind, Drawn, view
from ontogeny.views.light import light
from ontogeny.views.moments import at_last, places, step_ticks
from ontogeny.views.panels import panels
from ontogeny.views.theme import RULE

#: A scale that ends where it begins, as answers do.
AROUND = "HSV"


@view(reads=('one:lens:class_geometry(tap="{tap}")@cursor',), title="The circle of the answers")
def class_circle(class_geometry: xr.Dataset, *, tap: str = "neurons[-1]") -> Drawn:
    """Where do the centres of the answers lie, and does a circle grow?

    Every dot is the mean of what the network holds of all inputs with one answer, in the plane in which these means vary most; the same scale at every
    step of the slider. Lines join, and colours run through, the answers in the order in which a circle of the angles' own frequency passes them: where that is
    what has grown, colours run around the ring once.
    """
    data = class_geometry
    place, ticks, at = data["place"].transpose("step", "output", "component"), step_ticks(data), places(data)
    p = place.sizes["output"]
    frequency = data["alignment_frequency"].values.astype(int)
    order = np.stack([_round(k, p) for k in frequency])
    turned = np.take_along_axis(place.values, order[:, :, None], 1)
    closed = np.concatenate([turned, turned[:, :1]], 1)
    answers = np.concatenate([order, order[:, :1]], 1)
    fig = panels(1, height=560)
    fig.add_trace(
        go.Scatter(
            x=light(closed[-1, :, 0]),
            y=light(closed[-1, :, 1]),
            text=answers[-1].tolist(),
            mode="lines+markers",
            line={"color": RULE, "width": 1},
            marker={"color": list(range(p + 1)), "colorscale": AROUND, "cmin": 0, "cmax": p, "size": 9},
            hovertemplate="answer %{text}<extra></extra>",
            showlegend=False,
        )
    )  # fmt: skip
    extent = 1.08 * float(np.nanmax(np.abs(place.values)) or 1)
    fig.update_xaxes(title_text="first component of the centres", range=[-extent, extent])
    fig.update_yaxes(
        title_text="second component of the centres", range=[-extent, extent], scaleanchor="x", scaleratio=1
    )
    bindings = [
        Bind(0, "x", "step", light(closed[:, :, 0]), ticks, at),
        Bind(0, "y", "step", light(closed[:, :, 1]), ticks, at),
        Bind(0, "text", "step", answers.tolist(), ticks, at),
    ]
    last = data.isel(step=-1)
    says = (
        f"{at_last(data)} the plane holds {float(last['plane_share']):.0%} of the variance of the centres; circularity {float(last['circularity']):.2f}, "
        f"angles of frequency {int(last['alignment_frequency'])} at {float(last['alignment']):.2f} (chance {float(last['alignment_chance']):.2f}); "
        f"spread² over radius² is {float(last['signal_to_noise']):.2f}."
    )
    return Drawn(fig, bindings, says=says)


def _round(k: int, p: int) -> np.ndarray:
    """All answers in the order in which a circle of this frequency passes them; as they are where it does not pass all."""
    if k == 0 or np.gcd(k, p) > 1:
        return np.arange(p)
    return np.arange(p) * pow(int(k), -1, p) % p

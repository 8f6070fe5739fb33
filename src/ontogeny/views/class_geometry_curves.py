"""The geometry of the answers over training."""

from __future__ import annotations

import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.panels import panels
from ontogeny.views.theme import PALETTE, name_of

SHARES = {
    "plane_share": "centres in their plane",
    "circularity": "circularity",
    "alignment": "angles of one frequency",
    "alignment_chance": "random angles",
}
RATIOS = {"signal_to_noise": "spread² over radius²", "nearest": "nearest two answers (Fisher)"}


@view(reads=('one:lens:class_geometry(tap="{tap}")@steps',), title="Geometry of the answers over training")
def class_geometry_curves(class_geometry: xr.Dataset, *, tap: str = "neurons[-1]") -> Drawn:
    """When do inputs with the same answer come to lie together, and their centres on a circle?

    Left: shares and circularity, 1 at most; dotted, what random angles give. Right, on a logarithmic scale: how far the centres stand apart, beside how large
    the clouds are; above 1 the clouds are told apart by their centres, and the nearest two answers are the last to part.
    """
    data = class_geometry
    fig = panels(2, titles=("a circle", "clouds apart"), height=440)
    for column, curves in ((1, SHARES), (2, RATIOS)):
        for i, (name, words) in enumerate(curves.items()):
            fig.add_trace(
                go.Scatter(
                    x=data["step"].values,
                    y=light(data[name]),
                    name=words,
                    mode="lines",
                    line={
                        "color": PALETTE[(i + 4 * (column - 1)) % len(PALETTE)],
                        "dash": "dot" if name == "alignment_chance" else "solid",
                    },
                    hovertemplate=f"{words}, step %{{x:,}}<br><b>%{{y:.3g}}</b><extra></extra>",
                ),
                row=1,
                col=column,
            )
        fig.update_xaxes(title_text=name_of("step"), row=1, col=column)
    fig.update_layout(legend={"y": 1.16}, margin={"t": 80})
    fig.update_yaxes(title_text="share, or circularity", range=[0, 1.02], row=1, col=1)
    fig.update_yaxes(title_text="ratio", type="log", row=1, col=2)
    first, last = data.isel(step=0), data.isel(step=-1)
    says = (
        f"Spread² over radius² goes from {float(first['signal_to_noise']):.2g} at the first step to {float(last['signal_to_noise']):.2g} at the last; "
        f"the clouds use {float(last['dimension'].mean()):.1f} directions each, their centres {float(last['centre_dimension']):.1f}."
    )
    return Drawn(fig, says=says)

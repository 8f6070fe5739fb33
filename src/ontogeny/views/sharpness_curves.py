"""How sharply the loss curves, over training."""

from __future__ import annotations

import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.panels import panels
from ontogeny.views.theme import PALETTE


@view(reads=("one:lens:sharpness@steps",), title="Sharpness")
def sharpness_curves(sharpness: xr.Dataset) -> Drawn:
    """How sharply does the loss curve at every kept step, upwards and downwards?

    Left: the largest eigenvalue of the Hessian, by part of the data. Right: the smallest; below 0 there is a way down that the
    gradient does not show.
    """
    parts = [str(part) for part in sharpness["split"].values if part != "all"] or ["all"]
    names = ("largest", "smallest")
    fig = panels(2, titles=[f"{name} eigenvalue" for name in names], height=420)
    for panel, name in enumerate(names):
        first = sharpness[name].isel(rank=0).transpose("split", "step")
        for part, colour in zip(parts, PALETTE, strict=False):
            fig.add_trace(
                go.Scatter(
                    x=sharpness["step"].values,
                    y=light(first.sel(split=part)),
                    name=part,
                    legendgroup=part,
                    showlegend=panel == 0,
                    mode="lines+markers",
                    line={"color": colour},
                    hovertemplate=f"{part}, step %{{x:,}}<br><b>%{{y:.3g}}</b><extra></extra>",
                ),
                row=1,
                col=panel + 1,
            )
        fig.update_xaxes(title_text="optimiser updates", row=1, col=panel + 1)
        fig.update_yaxes(title_text="loss per squared weight", row=1, col=panel + 1)
    fig.update_layout(legend={"y": 1.1}, margin={"t": 70})
    last = sharpness.isel(step=-1, rank=0)
    at_end = ", ".join(f"{float(last['largest'].sel(split=part)):.3g} ({part})" for part in parts)
    says = f"At the last step the largest eigenvalue is {at_end}; the residual is at most {float(sharpness['residual'].max()):.2g}."
    return Drawn(fig, says=says)

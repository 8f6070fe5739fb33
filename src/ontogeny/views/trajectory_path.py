"""The path of the weights on its first two principal components, and its speed."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.panels import panels
from ontogeny.views.theme import INK, MUTED, ORDERED, PALETTE


@view(reads=("one:lens:trajectory@steps",), title="Path of the weights")
def trajectory_path(trajectory: xr.Dataset, *, group: str = "all") -> Drawn:
    """Which way did the weights go, and when did they move fast?

    Left: every kept step at its scores on the path's first two principal components, from dark to pale. Right: velocity between
    neighbouring steps, by group of weights, on a log axis. Any smooth path looks simple on its own components; a turn that the
    velocity shows too is more than that.
    """
    data = trajectory
    scores = data["scores"].sel(group=group).transpose("step", "component")
    step = data["step"].values
    fig = panels(2, titles=(f"path ({group})", "velocity"), height=440)
    fig.add_trace(
        go.Scatter(
            x=light(scores[:, 0]),
            y=light(scores[:, 1]),
            customdata=step,
            mode="lines+markers",
            line={"color": MUTED, "width": 1},
            marker={"color": np.arange(len(step)), "colorscale": ORDERED, "size": 6},
            showlegend=False,
            hovertemplate="step %{customdata:,}<extra></extra>",
        ),
        row=1,
        col=1,
    )
    groups = [str(name) for name in data["group"].values]
    for name, colour in zip(groups, (INK, *PALETTE * len(groups)), strict=False):
        fig.add_trace(
            go.Scatter(
                x=step,
                y=light(data["velocity"].sel(group=name)),
                name=name,
                mode="lines",
                line={"color": colour},
                hovertemplate=f"{name}, step %{{x:,}}<br><b>%{{y:.3g}}</b><extra></extra>",
            ),
            row=1,
            col=2,
        )
    share = data["explained"].sel(group=group).values
    fig.update_xaxes(title_text=f"PC1 ({share[0]:.0%})", row=1, col=1)
    fig.update_yaxes(title_text=f"PC2 ({share[1]:.0%})", row=1, col=1)
    fig.update_xaxes(title_text="optimiser updates", row=1, col=2)
    fig.update_layout(legend={"y": 1.1}, margin={"t": 70})
    fig.update_yaxes(title_text="velocity (norm of weights per step)", type="log", row=1, col=2)
    whole = data["from_init"].sel(group=group).values[-1]
    says = f"The weights ({group}) end at distance {whole:.3g} from where they began; two components hold {share[:2].sum():.0%} of the path."
    return Drawn(fig, says=says)

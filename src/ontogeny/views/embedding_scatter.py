"""Number embeddings on their first two principal components, with the scree."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Drawn, view
from ontogeny.views.bindings import bind
from ontogeny.views.light import light
from ontogeny.views.moments import at_last, step_ticks
from ontogeny.views.panels import panels
from ontogeny.views.theme import INK, MUTED, ORDERED, PALETTE, RULE


@view(reads=("one:lens:embedding_geometry@cursor",), title="Geometry of the embedding")
def embedding_scatter(embedding_geometry: xr.Dataset) -> Drawn:
    """Do the numbers lie on a line, a parabola or a circle, and how many directions do they need?

    Left: every number at its first two principal-component scores, joined in order, coloured by size. Right: share of variance by
    component, cumulative, and of a Gaussian matrix of the same shape; lines at 90 % and 95 %. A parabola is what PCA makes of
    any smooth curve; the scree says how little else there is.
    """
    data = embedding_geometry
    ticks = step_ticks(data)
    scores, last = data["scores"], data.isel(step=-1)
    token, component = data["token"].values, data["component"].values
    fig = panels(2, titles=("numbers", "components"), height=460)
    x, y = (scores.isel(component=i) for i in (0, 1))
    fig.add_trace(
        go.Scatter(
            x=light(x[-1]),
            y=light(y[-1]),
            text=[str(t) for t in token],
            mode="lines+markers+text" if len(token) <= 20 else "lines+markers",
            textposition="top center",
            line={"color": RULE, "width": 1},
            marker={"color": token, "colorscale": ORDERED, "size": 9},
            showlegend=False,
            hovertemplate="number %{text}<br>PC1 %{x:.3g}, PC2 %{y:.3g}<extra></extra>",
        ),
        row=1,
        col=1,
    )
    lines = (
        ("explained", "share", PALETTE[0]),
        ("cumulative", "cumulative", INK),
        ("explained_gaussian", "Gaussian matrix", MUTED),
    )
    for name, label, colour in lines:
        dash = "dot" if name == "explained_gaussian" else "solid"
        fig.add_trace(
            go.Scatter(
                x=component,
                y=light(last[name]),
                name=label,
                mode="lines+markers",
                line={"color": colour, "dash": dash},
                hovertemplate=f"component %{{x}}, {label} <b>%{{y:.1%}}</b><extra></extra>",
            ),
            row=1,
            col=2,
        )
    for level in (0.9, 0.95):
        fig.add_hline(y=level, line={"color": RULE, "width": 1, "dash": "dash"}, row=1, col=2)
    fig.update_layout(legend={"y": 1.1}, margin={"t": 70})
    share = last["explained"].values
    for panel, i in ((1, 0), (1, 1)):
        extent = 1.12 * float(np.nanmax(np.abs(scores.isel(component=i))))
        update = fig.update_xaxes if i == 0 else fig.update_yaxes
        update(title_text=f"PC{i + 1} score", range=[-extent, extent], row=1, col=panel)
    fig.update_xaxes(title_text="component", row=1, col=2)
    fig.update_yaxes(title_text="share of variance", range=[0, 1.02], tickformat=".0%", row=1, col=2)
    bindings = [
        bind(0, "x", x, "step", ticks),
        bind(0, "y", y, "step", ticks),
        *(bind(i + 1, "y", data[name], "step", ticks) for i, (name, _, _) in enumerate(lines)),
    ]
    r = last["correlation"].values
    says = (
        f"{at_last(data)} PC1 and PC2 hold {share[0]:.1%} and {share[1]:.1%} of the variance; PC1 correlates at {r[0, 0]:.3f} "
        f"with the number, PC2 at {r[1, 1]:.3f} with (number − mean)²."
    )
    return Drawn(fig, bindings, says=says)

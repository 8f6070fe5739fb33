"""The path of the weights over the loss on its own plane."""

from __future__ import annotations

import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.loss_around import add_plane, logarithm, scale
from ontogeny.views.panels import colour_axis, panels
from ontogeny.views.theme import INK, colourbar


@view(reads=("one:lens:path_landscape@steps",), title="Path over the loss")
def loss_along_path(path_landscape: xr.Dataset) -> Drawn:
    """Over which ground did the weights go?

    The plane of the path's first two principal components; a cell is the loss there, by part of the data. The line is where the kept
    steps project to: a ring where it begins, a dot where it ends. The loss under it is that of the projection, not of the step: hover says how
    far from the plane each step is.
    """
    data = path_landscape
    logs = logarithm(data["loss"]).transpose("split", "across", "along")
    parts = [str(part) for part in logs["split"].values if part != "all"] or ["all"]
    share = data["explained"].values
    scores = data["scores"].transpose("step", "component")
    away = data["off_plane"].values
    ends = ["circle-open", *["circle"] * (len(away) - 1)]
    fig = panels(len(parts), height=520, bars=True)
    for panel, part in enumerate(parts):
        each = logs.sel(split=part)
        axis = colour_axis(fig, panel, colourbar(f"log₁₀ {part} loss"), **scale(each))
        add_plane(fig, panel, each, axis, f"PC2 ({share[1]:.0%})", f"PC1 ({share[0]:.0%})")
        fig.add_trace(
            go.Scatter(
                x=light(scores[:, 0]),
                y=light(scores[:, 1]),
                customdata=list(zip(data["step"].values.tolist(), away.tolist(), strict=True)),
                mode="lines+markers",
                line={"color": INK, "width": 1.5},
                marker={"color": INK, "symbol": ends, "size": [10, *[3] * (len(away) - 2), 9]},
                showlegend=False,
                hovertemplate="step %{customdata[0]:,}<br>%{customdata[1]:.3g} off the plane<extra></extra>",
            ),
            row=1,
            col=panel + 1,
        )
    says = (
        f"The plane holds {share[:2].sum():.0%} of the path; steps are up to {away.max():.3g} away from it, "
        f"the last {away[-1]:.3g}."
    )
    return Drawn(fig, says=says)

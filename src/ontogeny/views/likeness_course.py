"""How alike runs are while they train: the mean over pairs, within all pairs."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Drawn
from ontogeny.views.light import light
from ontogeny.views.panels import panels
from ontogeny.views.theme import INK, name_of, title_of

FAINT = 200  # pairs up to which each has a line


def likeness_course(data: xr.Dataset) -> Drawn:
    """Do runs become alike while they train?

    ``data``: ``value`` over (step, run, run_other). The dark line is the mean over pairs of different runs, faint ones are single pairs (left out where there are more
    than 200). The first point is untrained networks, which are alike through what their inputs share: a fall says that runs go ways of their own. Pairs that share a
    run move together, so many faint lines are not as many witnesses.
    """
    array = data["value"].transpose("step", "run", "run_other")
    steps, table = array["step"].values, array.to_numpy().astype(float)
    pairs = table[:, *np.triu_indices(table.shape[1], 1)]  # (step, pair)
    mean = np.nanmean(pairs, 1)
    fig = panels(1, height=420)
    if pairs.shape[1] <= FAINT:
        gap = np.full((1, pairs.shape[1]), np.nan)
        fig.add_trace(
            go.Scatter(
                x=np.tile(np.append(steps.astype(float), np.nan), pairs.shape[1]),
                y=light(np.concatenate([pairs, gap]).T.ravel()),
                mode="lines",
                line={"width": 1, "color": INK},
                opacity=0.2,
                hoverinfo="skip",
                showlegend=False,
            )
        )
    fig.add_trace(
        go.Scatter(
            x=steps,
            y=light(mean),
            mode="lines+markers",
            line={"width": 3, "color": INK},
            hovertemplate="<b>%{y:.3g}</b> on average<br>step %{x:,}<extra></extra>",
            showlegend=False,
        )
    )
    title = title_of(array)
    fig.update_yaxes(title_text=title[:1].upper() + title[1:])
    fig.update_xaxes(title_text=str(array["step"].attrs.get("long_name") or name_of("step")))
    said = f"The mean over {pairs.shape[1]} pairs goes from {mean[0]:.3g} at step {steps[0]:,} to {mean[-1]:.3g} at step {steps[-1]:,}."
    return Drawn(fig, says=said)

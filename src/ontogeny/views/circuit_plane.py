"""Which circuit for modular addition runs come to, on the plane of the two numbers that tell them apart."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Bind, Drawn, view
from ontogeny.views.light import light
from ontogeny.views.moments import places, step_ticks
from ontogeny.views.one_run import one_run
from ontogeny.views.order import labels
from ontogeny.views.panels import panels
from ontogeny.views.theme import MUTED, PALETTE, faint

CORNERS = {
    "clock: each operand by itself": (0.01, 0.99, "left", "top"),
    "pizza: their mean": (0.99, 0.01, "right", "bottom"),
}


@view(
    reads=("lens:gradient_symmetricity@steps", "lens:distance_irrelevance@steps"),
    title="Clock or pizza?",
)
def circuit_plane(
    gradient_symmetricity: xr.Dataset, distance_irrelevance: xr.Dataset, *, by: str = "", run: str = ""
) -> Drawn:
    """Which way of adding modulo p do runs come to, and by which path?

    Across: gradient symmetricity, whether both operands pull on an output in one direction (the bar is two standard errors of
    its sample). Up: distance irrelevance, how little the right answer's logit depends on how far apart the operands are. A dot
    is a run at the slider's step, a line its way there. Pizzas, which average the operands, stand at the lower right, clocks,
    which multiply them, at the upper left.

    How it misleads: untrained networks stand somewhere too, so look at the end of runs that have learned the task. Networks
    that are built symmetric stand at the right edge whatever they do.
    """
    both = xr.merge([gradient_symmetricity, distance_irrelevance], compat="override")
    if run:
        both = both.sel(run=[one_run(both, run)["run"].item()]).dropna("step", how="all")
    both = both.transpose("run", "step", ...)
    ticks, at = step_ticks(both), places(both)
    x, y, error = (both[name] for name in ("symmetricity", "irrelevance", "standard_error"))
    names = labels(both, by) if by in both.coords else tuple(map(str, both["run"].values))
    fig = panels(1, height=520)
    bindings = []
    for i, name in enumerate(names):
        colour = PALETTE[i % len(PALETTE)]
        there = x[i].notnull() & y[i].notnull()
        fig.add_trace(
            go.Scatter(
                x=light(x[i][there]),
                y=light(y[i][there]),
                mode="lines",
                line={"color": faint(colour, 0.35), "width": 1},
                legendgroup=name,
                showlegend=False,
                hoverinfo="skip",
            )
        )
        place = {
            "x": light(_last_known(x[i])),
            "y": light(_last_known(y[i])),
            "error_x.array": light(2 * _last_known(error[i])),
        }
        fig.add_trace(
            go.Scatter(
                x=place["x"][-1],
                y=place["y"][-1],
                error_x={"array": place["error_x.array"][-1], "thickness": 1, "width": 0},
                mode="markers",
                marker={"size": 10, "color": colour},
                name=name,
                legendgroup=name,
                hovertemplate=f"{name}<br>symmetricity <b>%{{x:.2f}}</b><br>irrelevance <b>%{{y:.2f}}</b><extra></extra>",
            )
        )
        bindings += [Bind(2 * i + 1, key, "step", values, ticks, at) for key, values in place.items()]
    for words, (at_x, at_y, xanchor, yanchor) in CORNERS.items():
        fig.add_annotation(
            text=words,
            x=at_x,
            y=at_y,
            xref="x domain",
            yref="y domain",
            xanchor=xanchor,
            yanchor=yanchor,
            showarrow=False,
            font={"size": 12, "color": MUTED},
        )
    low = min(0.0, float(np.nanmin(x)))
    fig.update_xaxes(title_text="gradient symmetricity", range=[low - 0.04, 1.04])
    fig.update_yaxes(title_text="distance irrelevance", range=[-0.04, 1.04])
    told = [
        f"{name}: {_last_known(x[i])[-1, 0]:.2f} and {_last_known(y[i])[-1, 0]:.2f}"
        for i, name in enumerate(names)
    ]
    return Drawn(
        fig,
        bindings,
        says=f"Gradient symmetricity and distance irrelevance at the last step: {'; '.join(told)}.",
    )


def _last_known(values: xr.DataArray) -> np.ndarray:
    """A run's values (step,), each missing one as the last before it, so that a run that ended stays where it was: (tick, 1)."""
    return values.to_series().ffill().to_numpy()[:, None]

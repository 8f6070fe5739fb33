"""Two polynomial fits of every neuron against each other."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.errors import UnknownName
from ontogeny.views.base import Drawn, view
from ontogeny.views.bindings import bind
from ontogeny.views.moments import at_last, step_ticks
from ontogeny.views.panels import panels
from ontogeny.views.theme import PALETTE, RULE, faint


@view(reads=("one:lens:polynomial_fit@cursor",), title="Neurons as polynomials")
def polynomial_scatter(polynomial_fit: xr.Dataset, *, x: str = "linear", y: str = "quadratic") -> Drawn:
    """How much better does one polynomial of the embedding's components fit each neuron than another?

    A dot is a neuron: R² of one fit against R² of the other, before (left) and after (right) the nonlinearity. On the diagonal
    the larger fit adds nothing. Neurons that never vary have no R² and no dot.
    """
    data = polynomial_fit
    known = [str(name) for name in data["fit"].values]
    for name in (x, y):
        if name not in known:
            raise UnknownName("fit", name, known)
    ticks = step_ticks(data)
    r2 = data["r2"].transpose("step", "stage", "fit", "neuron")
    fig = panels(2, titles=("before the nonlinearity", "after the nonlinearity"), height=440)
    bindings, means = [], []
    for i in range(2):
        pair = {"x": r2.sel(fit=x)[:, i], "y": r2.sel(fit=y)[:, i]}
        fig.add_trace(
            go.Scattergl(
                x=pair["x"].values[-1],
                y=pair["y"].values[-1],
                customdata=np.arange(r2.sizes["neuron"]),
                mode="markers",
                marker={"size": 5, "color": faint(PALETTE[i], 0.6)},
                showlegend=False,
                hovertemplate=f"neuron %{{customdata}}<br>{x} %{{x:.3f}}, {y} <b>%{{y:.3f}}</b><extra></extra>",
            ),
            row=1,
            col=i + 1,
        )
        fig.add_shape(
            type="line",
            x0=0,
            y0=0,
            x1=1,
            y1=1,
            line={"color": RULE, "dash": "dash", "width": 1},
            row=1,
            col=i + 1,
        )
        bindings += [bind(i, name, values, "step", ticks) for name, values in pair.items()]
        means.append({name: float(values[-1].mean()) for name, values in pair.items()})
    fig.update_xaxes(title_text=f"R², {x}", range=[-0.02, 1.02])
    fig.update_yaxes(title_text=f"R², {y}", range=[-0.02, 1.02])
    says = (
        f"{at_last(data)}, mean R² before the nonlinearity: {means[0]['x']:.3f} ({x}) and {means[0]['y']:.3f} ({y}); after it: "
        f"{means[1]['x']:.3f} and {means[1]['y']:.3f}."
    )
    return Drawn(fig, bindings, says=says)

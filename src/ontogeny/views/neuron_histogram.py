"""How many neurons correlate how strongly with a variable."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.errors import UnknownName
from ontogeny.views.base import Bind, Drawn, view
from ontogeny.views.moments import at_last, places, step_ticks
from ontogeny.views.panels import panels
from ontogeny.views.theme import PALETTE, RULE

EDGES = np.linspace(-1, 1, 41)
STAGES = {"pre": "before the nonlinearity", "post": "after the nonlinearity"}


@view(reads=("one:lens:neuron_correlation@cursor",), title="Neurons and the sum")
def neuron_histogram(neuron_correlation: xr.Dataset, *, variable: str = "a + b") -> Drawn:
    """Do neurons follow the sum (or an operand, or a component) linearly, before and after the nonlinearity?

    Histogram of the neurons' Pearson correlation with the variable; dashed lines at ±.9. A ReLU lowers |r| by itself. Neurons
    that never vary have no correlation: they are counted in the panel's title and are in no bar.
    """
    data = neuron_correlation
    known = [str(v) for v in data["variable"].values]
    if variable not in known:
        raise UnknownName("variable", variable, known)
    r = data["r"].sel(variable=variable).transpose("step", "stage", "neuron").values
    counts = np.array([[np.histogram(s[~np.isnan(s)], EDGES)[0] for s in step] for step in r])
    never = np.isnan(r[-1]).sum(-1)
    ticks, at = step_ticks(data), places(data)
    titles = [
        STAGES[str(s)] + (f" ({n} constant)" if n else "")
        for s, n in zip(data["stage"].values, never, strict=True)
    ]
    fig = panels(2, titles=titles, height=400)
    for i in range(2):
        fig.add_trace(
            go.Bar(
                x=(EDGES[1:] + EDGES[:-1]) / 2,
                y=counts[-1, i],
                marker={"color": PALETTE[i], "line": {"width": 0}},
                showlegend=False,
                hovertemplate="r ≈ %{x:.2f}<br><b>%{y}</b> neurons<extra></extra>",
            ),
            row=1,
            col=i + 1,
        )
        for edge in (-0.9, 0.9):
            fig.add_vline(x=edge, line={"color": RULE, "width": 1, "dash": "dash"}, row=1, col=i + 1)
    fig.update_layout(bargap=0)
    fig.update_xaxes(title_text=f"correlation with {variable}", range=[-1, 1])
    fig.update_yaxes(title_text="neurons", range=[0, 1.05 * max(1, int(counts.max()))])
    strong = (np.abs(np.nan_to_num(r[-1])) > 0.9).sum(-1)
    says = (
        f"{at_last(data)} {strong[0]} of {r.shape[-1]} neurons have |r| > .9 with {variable} before the nonlinearity and "
        f"{strong[1]} after it."
    )
    return Drawn(fig, [Bind(i, "y", "step", counts[:, i], ticks, at) for i in range(2)], says=says)

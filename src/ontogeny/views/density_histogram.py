"""How often atoms are active."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Bind, Drawn, view
from ontogeny.views.one_run import one_run
from ontogeny.views.panels import panels
from ontogeny.views.theme import PALETTE, title_of


@view(reads=("lens:sae_codes@steps",), title="Densities of the atoms")
def density_histogram(sae_codes: xr.Dataset, *, run: str = "") -> Drawn:
    """How often are the atoms of a dictionary active, and how many never?

    Share of atoms by the logarithm of the share of inputs on which they are active. Atoms that are never active on the probe stand in no
    bar; the sentence counts them. Two humps are common: one of atoms for features, one of atoms that are hardly ever used.
    """
    data = one_run(sae_codes, run)
    shares = data["histogram"].transpose("step", "bin")
    ticks = tuple(f"step {step:,}" for step in data["step"].values)
    fig = panels(1, height=400)
    fig.add_trace(
        go.Bar(
            x=[f"{d:.2g}" for d in data["bin"].values],
            y=shares.values[-1],
            marker={"color": PALETTE[0], "line": {"width": 0}},
            showlegend=False,
            hovertemplate="active on %{x} of the inputs<br><b>%{y:.3g}</b> of the atoms<extra></extra>",
        )
    )
    fig.update_layout(bargap=0.05)
    fig.update_xaxes(title_text="share of inputs on which the atom is active", type="category", nticks=8)
    fig.update_yaxes(title_text=title_of(shares), range=[0, 1.05 * max(1e-3, float(np.nanmax(shares)))])
    dead, l0 = float(data["dead"].values[-1]), float(data["l0"].values[-1])
    says = f"At the last step {100 * dead:.3g} % of the atoms are never active on the probe; an input uses {l0:.3g}."
    return Drawn(fig, [Bind(0, "y", "step", shares.values, ticks)], says=says)

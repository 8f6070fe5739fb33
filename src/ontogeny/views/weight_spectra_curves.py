"""How many directions every weight matrix uses, over training."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.errors import UnknownName
from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.panels import panels
from ontogeny.views.theme import PALETTE, name_of, title_of

DASHES = ("solid", "dot", "dash", "longdash", "dashdot")
COUNTS = ("participation_ratio", "entropy_rank", "norm")


@view(reads=("one:lens:weight_spectra@steps",), title="Directions of the weights")
def weight_spectra_curves(weight_spectra: xr.Dataset, *, quantity: str = "participation_ratio") -> Drawn:
    """Does training narrow each weight matrix to a few directions, and when?

    One curve a matrix (a head, where there are heads). ``quantity``: participation_ratio, entropy_rank or norm. Random matrices
    start high; 1 is a single direction. A count says nothing of which direction.
    """
    if quantity not in COUNTS:
        raise UnknownName("quantity of weight_spectra", quantity, COUNTS)
    data = weight_spectra
    curves = data[quantity].transpose("matrix", "step")
    fig = panels(1, height=520)
    for i, matrix in enumerate(curves["matrix"].values):
        fig.add_trace(
            go.Scatter(
                x=curves["step"].values,
                y=light(curves[i]),
                name=str(matrix),
                mode="lines",
                line={"color": PALETTE[i % len(PALETTE)], "dash": DASHES[i // len(PALETTE) % len(DASHES)]},
                hovertemplate=f"{matrix}, step %{{x:,}}<br><b>%{{y:.4g}}</b><extra></extra>",
            )
        )
    fig.update_xaxes(title_text=name_of("step"))
    fig.update_yaxes(title_text=title_of(curves), rangemode="tozero")
    last = curves.values[:, -1]
    low, high = np.nanargmin(last), np.nanargmax(last)
    names = curves["matrix"].values
    says = (
        f"{curves.attrs.get('long_name', quantity)} at the last step: from {float(last[low]):.3g} ({names[low]}) "
        f"to {float(last[high]):.3g} ({names[high]})."
    )
    return Drawn(fig, says=says)

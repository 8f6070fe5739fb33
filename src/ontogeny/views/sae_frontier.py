"""What sparsity costs: variance explained against active atoms, run by run."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.errors import UnknownName
from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.panels import panels
from ontogeny.views.theme import PALETTE, name_of, sign_of, title_of


@view(reads=("lens:sae_codes", "lens:sae_reconstruction"), title="What sparsity costs")
def sae_frontier(
    sae_codes: xr.Dataset, sae_reconstruction: xr.Dataset, *, by: str = "", quantity: str = "explained"
) -> Drawn:
    """How much do the dictionaries explain at which sparsity?

    One dot a run, one colour for each value of ``by``: variance explained (or another ``quantity`` of sae_reconstruction) against active
    atoms of an input, on a logarithmic axis. Up and to the left is better; runs may be compared at equal sparsity only.
    """
    if quantity not in sae_reconstruction:
        raise UnknownName("quantity of sae_reconstruction", quantity, list(map(str, sae_reconstruction)))
    y, l0, dead = sae_reconstruction[quantity], sae_codes["l0"], sae_codes["dead"]
    values = y[by].values if by in y.coords else y["run"].values
    fig = panels(1, height=460)
    for i, value in enumerate(dict.fromkeys(values.tolist())):
        mine = values == value
        fig.add_trace(
            go.Scatter(
                x=light(l0.values[mine]),
                y=light(y.values[mine]),
                customdata=light(dead.values[mine]),
                text=[str(run) for run in y["run"].values[mine]],
                mode="markers",
                name=f"{sign_of(by)} = {value}" if by in y.coords else str(value),
                marker={
                    "size": 8,
                    "color": PALETTE[i % len(PALETTE)],
                    "line": {"width": 0.8, "color": "white"},
                },
                hovertemplate="<b>%{text}</b><br>%{x:.3g} active atoms<br>%{y:.4g}<br>dead: %{customdata:.3g}<extra></extra>",
            )
        )
    fig.update_xaxes(title_text=title_of(l0), type="log")
    fig.update_yaxes(title_text=title_of(y))
    fig.update_layout(legend={"title": {"text": name_of(by)}})
    says = (
        f"{len(y)} dictionaries use {float(np.nanmin(l0)):.3g} to {float(np.nanmax(l0)):.3g} atoms an input; {y.attrs.get('long_name', quantity)}: "
        f"{float(np.nanmin(y)):.3g} to {float(np.nanmax(y)):.3g}."
    )
    return Drawn(fig, says=says)

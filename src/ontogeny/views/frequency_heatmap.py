"""Which frequency serves which output, one run at a time."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Drawn, view
from ontogeny.views.bindings import bind
from ontogeny.views.light import light
from ontogeny.views.order import labels, one_each
from ontogeny.views.panels import colour_axis, panels
from ontogeny.views.theme import SEQUENTIAL, colourbar, name_of, title_of


@view(reads=("lens:frequency_distribution@final",), title="Frequencies of every output")
def frequency_heatmap(frequency_distribution: xr.Dataset, *, by: str = "", side: str = "a") -> Drawn:
    """Which frequencies does one model use for each output class? The slider walks through the widths.

    A row is one output's distribution over frequencies and sums to 1; dark is much. A dark column is a frequency that all
    outputs share, as a circuit on few frequencies gives; a row that is evenly pale uses none in particular. Where a width was
    trained with several seeds, the lowest is shown.
    """
    data = one_each(frequency_distribution, by)
    p = _of_side(data["p"], side)
    ticks = labels(data, by)
    fig = panels(1, height=520, bars=True)
    axis = colour_axis(
        fig, 0, colourbar(title_of(p)), colorscale=SEQUENTIAL, cmin=0, cmax=float(np.nanquantile(p, 0.999))
    )
    last = p.isel(run=-1).transpose("output", "frequency")
    fig.add_trace(
        go.Heatmap(
            z=light(last),
            x=p["frequency"].values,
            y=p["output"].values,
            coloraxis=axis,
            hovertemplate="frequency %{x}, output %{y}<br><b>%{z:.3g}</b><extra></extra>",
        )
    )
    fig.update_xaxes(title_text=name_of("frequency"), showgrid=False)
    fig.update_yaxes(title_text=name_of("output"), showgrid=False, autorange="reversed")
    p = p.transpose("run", "output", "frequency")
    strongest = np.argmax(p.mean("output").values, axis=1)
    share = p.mean("output").max("frequency").values
    says = "; ".join(
        f"{ticks[i]}: strongest is frequency {p['frequency'].values[strongest[i]]} with {share[i]:.0%} of the energy"
        for i in dict.fromkeys((0, len(ticks) // 2, len(ticks) - 1))
    )
    return Drawn(fig, [bind(0, "z", p, "run", ticks)], says=f"Mean over outputs, {says}.")


def _of_side(p: xr.DataArray, side: str) -> xr.DataArray:
    """One operand's half; a lens that has no sides is taken as it is."""
    return p.sel(side=side) if "side" in p.dims else p

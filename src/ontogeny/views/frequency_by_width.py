"""Frequencies and their concentration against what varied."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.order import in_order
from ontogeny.views.panels import add_narrow, colour_axis, panels
from ontogeny.views.theme import PALETTE, SEQUENTIAL, colourbar, faint, name_of, sign_of, title_of

RANKS = ("first", "second", "third", "fourth")


@view(reads=("lens:frequency_distribution@final",), title="Frequencies by width")
def frequency_by_width(frequency_distribution: xr.Dataset, *, by: str = "") -> Drawn:
    """Which frequencies do models of each width use, and is the energy in few or in many?

    Left: the distribution over frequencies, averaged over operands, outputs and seeds. Right: the share of each output's
    strongest frequency but the constant, its second, and so on, averaged likewise; small dots are single runs. A high first
    share is one circuit for all; the dotted line is what an even spread would give each. Averaging hides seeds that chose
    differently.
    """
    data = in_order(frequency_distribution, by)
    p = data["p"].mean("side", keep_attrs=True).transpose("run", "output", "frequency")
    widths = data[by].values
    unique = np.unique(widths)
    fig = panels(2, height=460, bars=True)
    title = f"mean over outputs of the {title_of(p)}"
    spread = p.mean("output").groupby(by).mean().transpose("frequency", by)
    axis = colour_axis(fig, 0, colourbar(title), colorscale=SEQUENTIAL, cmin=0, cmax=float(spread.max()))
    fig.add_trace(
        go.Heatmap(
            z=light(spread),
            x=unique,
            y=p["frequency"].values,
            coloraxis=axis,
            hovertemplate=f"{sign_of(by)} = %{{x}}, frequency %{{y}}<br><b>%{{z:.3g}}</b><extra></extra>",
        ),
        row=1,
        col=1,
    )
    ranked = data["ranked"].mean(["side", "output"]).transpose("run", "rank").to_numpy()
    for rank, name in enumerate(RANKS[: ranked.shape[1]]):
        one = xr.DataArray(ranked[:, rank], dims="run", coords={by: ("run", widths)})
        mean, colour = one.groupby(by).mean(), PALETTE[rank]
        if len(unique) < len(widths):
            fig.add_scatter(
                x=widths,
                y=light(one),
                mode="markers",
                marker={"size": 3.5, "color": faint(colour, 0.4)},
                showlegend=False,
                hoverinfo="skip",
                row=1,
                col=2,
            )
        fig.add_scatter(
            x=unique,
            y=light(mean),
            mode="lines",
            name=name,
            line={"color": colour},
            hovertemplate=f"{sign_of(by)} = %{{x}}<br>{name} %{{y:.3g}}<extra></extra>",
            row=1,
            col=2,
        )
    even = 1 / data.sizes["rank"]
    fig.add_hline(y=even, line={"dash": "dot", "color": faint("#59636e", 0.8), "width": 1}, row=1, col=2)
    fig.update_xaxes(title_text=name_of(by))
    fig.update_xaxes(showgrid=False, row=1, col=1)
    fig.update_yaxes(title_text=name_of("frequency"), showgrid=False, row=1, col=1)
    fig.update_yaxes(
        title_text="share of an output's energy", range=[0, 1.35 * float(ranked.max())], row=1, col=2
    )
    fig.update_layout(legend={"x": 1, "xanchor": "right", "y": 1, "yanchor": "top", "orientation": "v"})
    add_narrow(fig, {"legend.y": fig.layout.meta["narrow"]["yaxis2.domain"][1]})
    first = [ranked[widths == w, 0].mean() for w in (unique[0], unique[-1])]
    top = p["frequency"].values[int(np.argmax(spread.mean(by).values))]
    says = (
        f"The strongest frequency of an output holds {first[0]:.0%} of its energy at {sign_of(by)} = {unique[0]} and "
        f"{first[1]:.0%} at {unique[-1]} (even spread: {even:.0%}); over all widths, frequency {top} holds most."
    )
    return Drawn(fig, says=says)

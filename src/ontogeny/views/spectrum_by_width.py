"""Eigenvalues of the interaction matrices, and how many of them matter."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from ontogeny.views.base import Drawn, view
from ontogeny.views.bindings import bind
from ontogeny.views.light import light
from ontogeny.views.order import in_order, labels, one_each
from ontogeny.views.panels import add_narrow, panels
from ontogeny.views.theme import PALETTE, faint, log_ticks, name_of, sign_of, title_of

RANKS = ("entropy_rank", "ratio_rank", "n_99")


@view(
    reads=("lens:eigenspectrum@final", "lens:effective_rank@final"),
    title="Spectrum and effective rank by width",
)
def spectrum_by_width(eigenspectrum: xr.Dataset, effective_rank: xr.Dataset, *, by: str = "") -> Drawn:
    """How many directions does an output's interaction matrix use, and how does that grow with the width?

    Left: eigenvalue magnitudes of the width on the slider, largest first; the line is the median over outputs, the band reaches
    from the lowest tenth to the highest. One frequency makes steps of four. Right: three counts of effective rank, averaged
    over outputs and seeds. No count can exceed 2d, so a line that rises with slope two says nothing about learning.
    """
    data = one_each(eigenspectrum, by)
    size = abs(data["eigenvalues"]).transpose("run", "output", "component")
    size = size.where(size > 1e-6 * float(size.max()))  # beyond the rank there is only rounding
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # components that no output has stay missing
        low, middle, high = (size.quantile(q, "output", skipna=True) for q in (0.1, 0.5, 0.9))
    ticks, last = labels(data, by), {"run": -1}
    fig = panels(2, titles=["eigenvalues of one width", "effective rank"], height=420)
    number = np.arange(1, size.sizes["component"] + 1)
    band = faint(PALETTE[0], 0.18)
    for array, more in (
        (low, {"line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}),
        (
            high,
            {
                "line": {"width": 0},
                "hoverinfo": "skip",
                "showlegend": False,
                "fill": "tonexty",
                "fillcolor": band,
            },
        ),
        (
            middle,
            {
                "line": {"color": PALETTE[0]},
                "showlegend": False,
                "hovertemplate": "number %{x}<br>|λ| %{y:.3g}<extra></extra>",
            },
        ),
    ):
        fig.add_scatter(x=number, y=light(array.isel(last)), mode="lines", row=1, col=1, **more)
    bindings = [bind(i, "y", array, "run", ticks) for i, array in enumerate((low, high, middle))]
    ranks = in_order(effective_rank, by)
    ends, highest = [], 1.0
    for colour, name in zip(PALETTE, [n for n in RANKS if n in ranks], strict=False):
        one = ranks[name].mean("output")
        mean = one.groupby(by).mean()
        highest = max(highest, float(mean.max()))
        label = ranks[name].attrs.get("long_name", name.replace("_", " "))
        fig.add_scatter(
            x=mean[by].values,
            y=light(mean),
            mode="lines",
            name=label,
            line={"color": colour},
            hovertemplate=f"{sign_of(by)} = %{{x}}<br>{label} %{{y:.3g}}<extra></extra>",
            row=1,
            col=2,
        )
        ends.append(
            f"{label} {float(mean[0]):.3g} at {sign_of(by)} = {mean[by].values[0]} and "
            f"{float(mean[-1]):.3g} at {mean[by].values[-1]}"
        )
    top, bottom = float(high.max()), float(low.min())
    fig.update_xaxes(title_text=name_of("component"), row=1, col=1)
    fig.update_yaxes(
        title_text=title_of(data["eigenvalues"].assign_attrs(long_name="|λ|")),
        range=[np.log10(bottom) - 0.1, np.log10(top) + 0.1],
        **log_ticks(bottom, top, most=8),
        row=1,
        col=1,
    )
    fig.update_xaxes(title_text=name_of(by), row=1, col=2)
    fig.update_yaxes(title_text="number of eigenvectors", range=[0, 1.4 * highest], row=1, col=2)
    place = {"y": 1, "yanchor": "top", "xanchor": "left", "orientation": "v"}
    fig.update_layout(legend=place | {"x": fig.layout.xaxis2.domain[0] + 0.01})
    add_narrow(fig, {"legend.x": 0.02, "legend.y": fig.layout.meta["narrow"]["yaxis2.domain"][1]})
    return Drawn(fig, bindings, says="Averaged over outputs: " + "; ".join(ends) + ".")

"""The scale of maps over training, beside the same numbers under other labels."""

from __future__ import annotations

import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.panels import panels
from ontogeny.views.theme import PALETTE, name_of

CURVES = {
    "low_share": "at low frequencies",
    "low_share_relabelled": "at low frequencies, relabelled",
    "coarseness": "at the coarsest frequencies",
    "coarseness_relabelled": "at the coarsest frequencies, relabelled",
    "kept_14": "kept at 14 × 14",
    "moire_28": "alias at 28 × 28, plainly sampled",
}
DASHES = {"low_share_relabelled": "dot", "coarseness_relabelled": "dot"}


@view(reads=('one:lens:map_scale(tap="{tap}")@steps',), title="Scale of the maps over training")
def map_scale_curves(map_scale: xr.Dataset, *, tap: str = "neurons[-1]") -> Drawn:
    """Are a network's maps over (a, b) coarse or fine, from initialisation on?

    Means over maps. Dotted lines are the same numbers after the elements of the group were given other names, which changes no
    function: what a solid line has beyond its dotted one is due to these labels. Alias is what a small map that was sampled without
    antialiasing shows although it is not there.
    """
    data = map_scale
    fig = panels(1, height=480)
    for i, (name, words) in enumerate(CURVES.items()):
        one = data[name]
        curve = one.mean([dim for dim in one.dims if dim != "step"])
        fig.add_trace(
            go.Scatter(
                x=data["step"].values,
                y=light(curve),
                name=words,
                mode="lines",
                line={"color": PALETTE[i % len(PALETTE)], "dash": DASHES.get(name, "solid")},
                hovertemplate=f"{words}, step %{{x:,}}<br><b>%{{y:.1%}}</b><extra></extra>",
            )
        )
    fig.update_xaxes(title_text=name_of("step"))
    fig.update_yaxes(title_text="share of variance, mean over maps", tickformat=".0%")
    says = (
        f"At the first and the last step {float(data['low_share'][0].mean()):.1%} and {float(data['low_share'][-1].mean()):.1%} of "
        f"the variance lie at low frequencies; under other labels {float(data['low_share_relabelled'][0].mean()):.1%} and "
        f"{float(data['low_share_relabelled'][-1].mean()):.1%}."
    )
    return Drawn(fig, says=says)

"""What each head does, in words, and what the model loses without it over training."""

from __future__ import annotations

import plotly.graph_objects as go
import xarray as xr

from ontogeny.badges import badges
from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.panels import panels
from ontogeny.views.theme import colours, name_of

CURVES = {
    "loss_without": "rise of the loss without it (nats)",
    "spread": "spread of its attention over inputs",
}


@view(reads=("one:lens:head_roles(layer={layer})@steps",), title="What each head does")
def head_roles_curves(head_roles: xr.Dataset, *, layer: int = -1) -> Drawn:
    """What does each attention head do at the end, and when did the model begin to need it?

    Left: how much the loss of all inputs rises when what the head adds is set to its mean; right: how much its attention varies with
    the input. The legend says in words what the head does at the last step, by the rules of the lens ``head_roles``.

    How it misleads: heads that do the same are each unneeded alone; before the model has learned anything nothing is needed.
    """
    data, last = head_roles, head_roles.isel(step=-1)
    positions = int(data.attrs.get("positions", 0))
    words = {
        int(head): badges({str(k): float(v) for k, v in last.sel(head=head).data_vars.items()}, positions)
        for head in data["head"].values
    }
    fig = panels(len(CURVES), titles=tuple(CURVES.values()), height=440)
    for column, name in enumerate(CURVES, 1):
        for (head, said), colour in zip(words.items(), colours("head", len(words)), strict=True):
            fig.add_trace(
                go.Scatter(
                    x=data["step"].values,
                    y=light(data[name].sel(head=head)),
                    name=f"head {head}: {', '.join(said)}",
                    legendgroup=f"{head}",
                    showlegend=column == 1,
                    mode="lines",
                    line={"color": colour},
                    hovertemplate=f"head {head}, step %{{x:,}}<br><b>%{{y:.3g}}</b><extra></extra>",
                ),
                row=1,
                col=column,
            )
        fig.update_xaxes(title_text=name_of("step"), row=1, col=column)
    fig.update_layout(
        legend={"orientation": "v", "y": -0.2, "yanchor": "top"}, margin={"b": 60 + 22 * len(words)}
    )
    says = "; ".join(f"head {head}: {', '.join(said)}" for head, said in words.items())
    return Drawn(fig, says=f"At the last step, {says}.")

"""Mean attention from the last position, by head."""

from __future__ import annotations

import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Drawn, view
from ontogeny.views.bindings import bind
from ontogeny.views.light import light
from ontogeny.views.moments import at_last, step_ticks
from ontogeny.views.panels import panels
from ontogeny.views.theme import PALETTE


@view(reads=("one:lens:attention(layer={layer})@cursor",), title="Attention of the last position")
def attention_bars(attention: xr.Dataset, *, layer: int = -1) -> Drawn:
    """How much does each head attend to each position, on average over the inputs?

    Bars are means over all inputs, whiskers ± one standard deviation over them (not an uncertainty): a long whisker says that
    the head's weights depend on the tokens.
    """
    data = attention
    mean, std = (data[name].transpose("step", "key", "head") for name in ("mean", "std"))
    keys, heads = mean.sizes["key"], [f"head {i}" for i in range(mean.sizes["head"])]
    names = ["a", "b", "="] if keys == 3 else [f"position {i}" for i in range(keys)]
    ticks = step_ticks(data)
    fig, bindings = panels(1, height=400), []
    for i, name in enumerate(names):
        fig.add_trace(
            go.Bar(
                x=heads,
                y=light(mean[-1, i]),
                name=f"to {name}",
                error_y={"array": light(std[-1, i]), "thickness": 1, "width": 3},
                marker={"color": PALETTE[i % len(PALETTE)], "line": {"width": 0}},
                hovertemplate=f"%{{x}} to {name}<br><b>%{{y:.1%}}</b><extra></extra>",
            )
        )
        bindings += [
            bind(i, "y", mean[:, i], "step", ticks),
            bind(i, "error_y.array", std[:, i], "step", ticks),
        ]
    fig.update_layout(barmode="group")
    fig.update_yaxes(title_text="attention", range=[0, 1.02], tickformat=".0%")
    own = ", ".join(f"{float(v):.1%}" for v in mean[-1, -1])
    return Drawn(fig, bindings, says=f"{at_last(data)} the heads attend to {names[-1]} at {own} on average.")

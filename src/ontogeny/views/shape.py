"""The shape of a cloud: its bars, its points by their angle around a loop, and the graph of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from ontogeny.views.panels import panels
from ontogeny.views.theme import INK, MUTED, PALETTE, RULE

Array = NDArray[np.float64]
#: A scale that ends where it begins, for angles.
AROUND = "Twilight"


def shape(
    bars: Sequence[Array],
    places: Array,
    colour: Array | None,
    nodes: Array,
    sizes: Array,
    edges: Sequence[tuple[int, int]],
    what: str,
) -> go.Figure:
    """``bars``: births and deaths of pieces and of loops, (n, 2) each; ``places`` (sample, 2); ``colour`` of each; nodes (node, 2) and their edges.

    Left: what lives long stands far above the diagonal. Middle: samples on their two largest principal components, coloured by ``what``. Right: a
    Mapper graph, nodes at the mean of their samples; its rings are loops, but they come and go with its settings.
    """
    fig = panels(
        3, titles=["when pieces and loops live", "the samples", "their parts"], height=400, square=True
    )
    ends = np.concatenate([b[np.isfinite(b).all(-1)] for b in bars if len(b)] or [np.zeros((1, 2))])
    top = 1.06 * float(ends.max(initial=1e-12))
    fig.add_trace(
        go.Scatter(x=[0, top], y=[0, top], mode="lines", line={"color": RULE}, hoverinfo="skip", showlegend=False),
        row=1, col=1,
    )  # fmt: skip
    for name, of, dark in (("piece", bars[0], MUTED), ("loop", bars[1], PALETTE[1])):
        fig.add_trace(
            go.Scatter(
                x=of[:, 0], y=np.minimum(of[:, 1], top), name=f"{name}s", mode="markers", marker={"color": dark, "size": 7},
                hovertemplate=f"{name}, from %{{x:.3g}} to %{{y:.3g}}<extra></extra>",
            ),
            row=1, col=1,
        )  # fmt: skip
    paint: dict[str, Any] = (
        {"color": PALETTE[0]}
        if colour is None
        else {"color": colour, "colorscale": AROUND, "cmin": 0, "cmax": 2 * np.pi}
    )
    hover = (
        "sample %{customdata}"
        if colour is None
        else f"sample %{{customdata}}<br>{what} %{{marker.color:.2f}}"
    )
    fig.add_trace(
        go.Scatter(
            x=places[:, 0], y=places[:, 1], mode="markers", showlegend=False, customdata=np.arange(len(places)),
            marker={**paint, "size": 6, "line": {"width": 0}}, hovertemplate=f"{hover}<extra></extra>",
        ),
        row=1, col=2,
    )  # fmt: skip
    x, y = ([v for i, j in edges for v in (nodes[i, c], nodes[j, c], None)] for c in (0, 1))
    fig.add_trace(
        go.Scatter(x=x, y=y, mode="lines", line={"color": RULE}, hoverinfo="skip", showlegend=False),
        row=1,
        col=3,
    )
    fig.add_trace(
        go.Scatter(
            x=nodes[:, 0], y=nodes[:, 1], mode="markers", showlegend=False, customdata=sizes,
            marker={"size": 5 + 2 * np.sqrt(sizes), "color": PALETTE[2], "line": {"color": INK, "width": 0.5}},
            hovertemplate="%{customdata} samples<extra></extra>",
        ),
        row=1, col=3,
    )  # fmt: skip
    fig.update_xaxes(title_text="birth (distance)", row=1, col=1)
    fig.update_yaxes(title_text="death (distance)", row=1, col=1)
    for column in (2, 3):
        fig.update_xaxes(title_text="first component", row=1, col=column)
        fig.update_yaxes(title_text="second component", row=1, col=column)
    fig.update_yaxes(autorange=True)  # upwards, as points are read, and not as tables are
    fig.update_layout(legend={"orientation": "h", "y": 1.12, "x": 0})
    return fig

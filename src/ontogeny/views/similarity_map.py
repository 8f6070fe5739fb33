"""Runs as places on a map: near where a measure says that they are alike."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.errors import UnknownName, UserError
from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.order import labels
from ontogeny.views.panels import panels
from ontogeny.views.theme import PALETTE, UNORDERED, colours, name_of, title_of

LABELLED = 30  # runs up to which each has its name beside it
IN_WORDS = {"mds": "least squares (MDS)", "umap": "neighbourhoods (UMAP)"}


@view(reads=("measure:*",), title="A map of the runs", arranged="on")
def similarity_map(*, by: str = "", on: str = "mds", **measure: xr.Dataset) -> Drawn:
    """Which runs lie together by one measure, and does what varied decide where?

    ``on``: "mds" keeps distances as well as a plane can, and its stress says how well that is (0: exactly; above .2: hardly); "umap" keeps
    neighbourhoods alone, so distances between groups and the size of groups mean nothing. Axes have no meaning of their own, and a map may be
    turned or mirrored. A similarity s counts as the distance √(2(1 − s)).
    """
    if len(measure) != 1:
        raise UserError(f"This map is of one measure; it was handed {', '.join(measure) or 'none'}.")
    (data,) = measure.values()
    if "places" not in data:
        raise UserError(
            "A map shows runs that have places: ontogeny.comparing.arranged.arranged(data, 'mds')."
        )
    if by not in data.coords:
        raise UnknownName("setting", by, [str(n) for n, tick in data.coords.items() if tick.dims == ("run",)])
    x, y = data["places"].to_numpy().T
    names = np.array(labels(data, by))
    settings = data[by].values
    kinds = list(np.unique(settings))
    fig = panels(1, height=560)
    for kind, colour in zip(kinds, _colours(by, len(kinds), len(names)), strict=True):
        chosen = settings == kind
        fig.add_trace(
            go.Scatter(
                x=light(x[chosen]),
                y=light(y[chosen]),
                mode="markers+text" if len(names) <= LABELLED else "markers",
                text=names[chosen],
                textposition="top center",
                textfont={"size": 11},
                cliponaxis=False,
                name=str(kind),
                marker={"size": 11, "color": colour, "line": {"color": "white", "width": 1}},
                hovertemplate="<b>%{text}</b><extra></extra>",
                showlegend=1 < len(kinds) <= 12 and len(kinds) < len(names),
            )
        )
    fig.update_xaxes(showticklabels=False, ticks="", title_text="", zeroline=False)
    fig.update_yaxes(showticklabels=False, ticks="", title_text="", scaleanchor="x", zeroline=False)
    fig.update_layout(legend={"title": {"text": name_of(by)}})
    left = int(data.attrs.get("left_out", 0))
    without = f" {left} that cannot be compared are left out." if left else ""
    return Drawn(
        fig,
        says=f"{len(names)} runs by {title_of(data['value'])}, {IN_WORDS.get(on, on)}; stress {float(data.attrs['stress']):.2f}.{without}",
    )


def _colours(by: str, count: int, runs: int) -> list[str]:
    """Of two settings two colours; where every run is a setting of its own without order, one."""
    if count == runs and by in UNORDERED:
        return [PALETTE[0]] * count
    return list(PALETTE[:count]) if count <= 2 else colours(by, count)

"""A map over (a, b) in one panel: its numbers are written in when there are few."""

from __future__ import annotations

import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.light import light

LEGIBLE = 12  # rows above which numbers are not written in


def add_grid(
    fig: go.Figure, panel: int, values: xr.DataArray, axis: str, what: str, number: str = ".3g"
) -> None:
    """Add the map (a, b), a downwards, to panel number ``panel`` (from 0), coloured by ``axis``."""
    a, b = (str(name) for name in values.dims)
    small = max(values.shape) <= LEGIBLE
    fig.add_trace(
        go.Heatmap(
            z=light(values),
            texttemplate=f"%{{z:{number}}}" if small else None,
            textfont={"size": 11},
            coloraxis=axis,
            hovertemplate=f"{a} = %{{y}}, {b} = %{{x}}<br>{what} <b>%{{z:{number}}}</b><extra></extra>",
        ),
        row=1,
        col=panel + 1,
    )
    end = "" if panel == 0 else str(panel + 1)
    fig.layout[f"xaxis{end}"].update(title={"text": b}, showgrid=False)
    fig.layout[f"yaxis{end}"].update(title={"text": a}, showgrid=False)

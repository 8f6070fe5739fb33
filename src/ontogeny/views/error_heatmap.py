"""Errors over the grid of operands."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ontogeny.views.base import Drawn, view
from ontogeny.views.bindings import bind
from ontogeny.views.grid_panel import add_grid
from ontogeny.views.moments import at_last, step_ticks
from ontogeny.views.panels import colour_axis, panels
from ontogeny.views.theme import DIVERGING, colourbar, title_of


@view(reads=("one:lens:error_grid@cursor",), title="Errors over (a, b)")
def error_heatmap(error_grid: xr.Dataset) -> Drawn:
    """Where over (a, b) is the model wrong, and by how much?

    A cell is an input, a downwards; white is right, red too large, blue too small. Errors that depend on a + b alone make
    diagonals.
    """
    data = error_grid
    error = data["error"].transpose("step", ...)
    ticks = step_ticks(data)
    most = max(3.0, float(np.abs(error[-1]).max()))  # of the last step; early ones saturate
    fig = panels(1, height=560, bars=True, square=True)
    axis = colour_axis(fig, 0, colourbar(title_of(error)), colorscale=DIVERGING, cmin=-most, cmax=most)
    add_grid(fig, 0, error[-1], axis, "error", "d")
    wrong = int(data["errors"][-1])
    says = (
        f"{at_last(data)} {wrong} of {error[-1].size} inputs are predicted wrongly"
        + (f", by up to {int(data['largest_error'][-1])}" if wrong else "")
        + "."
    )
    return Drawn(fig, [bind(0, "z", error, "step", ticks)], says=says)

"""Any unit's map over the grid of operands."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ontogeny.errors import UserError
from ontogeny.views.base import Bind, Drawn, view
from ontogeny.views.grid_panel import add_grid
from ontogeny.views.light import light
from ontogeny.views.moments import last_of
from ontogeny.views.panels import colour_axis, panels
from ontogeny.views.theme import DIVERGING, SEQUENTIAL, colourbar, title_of


@view(reads=('one:lens:grid_activations(tap="{tap}")@cursor',), title="A unit over (a, b)", frames=1)
def grid_heatmap(grid_activations: xr.Dataset, *, tap: str = "outputs") -> Drawn:
    """What does one unit of a tap say at every (a, b)?

    A cell is an input, a downwards; numbers are written in on small grids. The slider walks through the units of ``tap`` (or
    the outputs). One colour scale serves all units: a pale map is a unit that says little.

    Raises UserError if the lens was asked for a tap without units.
    """
    values = last_of(grid_activations)["activation"]
    if values.ndim < 3:
        raise UserError(
            f"The map has the axes {', '.join(map(str, values.dims))}; (a, b) and one of units are needed."
        )
    own = values.dims[2:]
    sizes = [values.sizes[axis] for axis in own]
    maps = np.moveaxis(values.values.reshape(*values.shape[:2], -1), -1, 0)
    ticks = tuple(
        ", ".join(f"{axis} {i}" for axis, i in zip(own, index, strict=True)) for index in np.ndindex(*sizes)
    )
    low, high = float(np.nanmin(maps)), float(np.nanmax(maps))
    scale = {"colorscale": SEQUENTIAL, "cmin": low, "cmax": high}
    if low < 0 < high:
        scale = {"colorscale": DIVERGING, "cmin": -max(-low, high), "cmax": max(-low, high)}
    fig = panels(1, height=560, bars=True, square=True)
    axis = colour_axis(fig, 0, colourbar(title_of(values)), **scale)
    first = values.isel(dict.fromkeys(own, 0))
    add_grid(fig, 0, first, axis, "value", ".3g")
    says = f"{len(ticks)} maps, from {low:.3g} to {high:.3g}; {int((np.ptp(maps, (1, 2)) == 0).sum())} of them constant."
    return Drawn(fig, [Bind(0, "z", str(own[0]), light(maps), ticks)], says=says, start=0)

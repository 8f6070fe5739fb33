"""Errors over the grid when the embedding keeps its first principal components."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ontogeny.views.base import Drawn, view
from ontogeny.views.bindings import bind
from ontogeny.views.grid_panel import add_grid
from ontogeny.views.moments import at_last, step_ticks
from ontogeny.views.panels import colour_axis, panels
from ontogeny.views.theme import DIVERGING, colourbar


@view(reads=("one:lens:embedding_ablation@cursor",), title="Errors without components of the embedding")
def ablation_heatmap(embedding_ablation: xr.Dataset) -> Drawn:
    """What does the model get wrong when the numbers' embedding keeps its first one or two principal components?

    Left: the first component alone; right: the first two. A cell is an input, white is right, red too large, blue too small.
    """
    data = embedding_ablation
    ticks = step_ticks(data)
    error = data["error"].transpose("step", "condition", ...).isel(condition=slice(1, None))
    most = max(3.0, float(np.abs(error[-1]).max()))  # of the last step; early ones saturate
    names = [str(name) for name in error["condition"].values]
    fig = panels(2, height=560, bars=True, square=True)
    bindings = []
    for i in range(2):
        bar = colourbar(f"prediction − truth, {names[i]} kept")
        axis = colour_axis(fig, i, bar, colorscale=DIVERGING, cmin=-most, cmax=most)
        add_grid(fig, i, error[-1, i], axis, "error", "d")
        bindings.append(bind(i, "z", error[:, i], "step", ticks))
    accuracy = data["accuracy"].sel(split="all").isel(step=-1)
    says = f"{at_last(data)}, accuracy: " + ", ".join(
        f"{float(value):.0%} ({name!s})"
        for name, value in zip(accuracy["condition"].values, accuracy, strict=True)
    )
    return Drawn(fig, bindings, says=says + ".")

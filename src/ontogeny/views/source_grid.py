"""A number over initialisations and splits: is it the rows that differ, or the columns?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ontogeny.errors import UserError
from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.panels import colour_axis, panels
from ontogeny.views.theme import SEQUENTIAL, colourbar


@view(reads=("findings:variance_by_source",), title="Initialisation against split")
def source_grid(variance_by_source: pd.DataFrame, *, number: str = "", log: bool = False) -> Drawn:
    """Does a number go with the initialisation, with the split, or with the pair of them?

    One cell a run: its initialisation's seed from left to right, its split's from top to bottom, sorted by their means over the runs that
    are there. Columns of one colour: the initialisation decides. Rows of one colour: the split does. Neither: their
    combination. White cells were not trained, or have no such number. ``number`` names the claim's quantity, the first unless
    given; ``log`` colours by the logarithm.

    How it misleads: sorting makes even noise rise from corner to corner. The shares, with their intervals, are in the findings.
    """
    known = list(dict.fromkeys(variance_by_source["of"]))
    if number and number not in known:
        raise UserError(f"No claim takes '{number}' apart by source; there are: {', '.join(known)}.")
    number = number or known[0]
    table = variance_by_source[variance_by_source["of"] == number].dropna(subset=["init", "split"])
    crossed = table[table.duplicated("init", keep=False) | table.duplicated("split", keep=False)]
    grid = crossed.pivot(index="split", columns="init", values="value")
    grid = grid.loc[grid.mean(axis=1).sort_values().index, grid.mean(axis=0).sort_values().index]
    values = np.log10(grid.to_numpy(dtype=float)) if log else grid.to_numpy(dtype=float)
    fig = panels(bars=True, square=True)
    axis = colour_axis(
        fig, 0, colourbar(f"{number}{' (power of ten)' if log else ''}"), colorscale=SEQUENTIAL
    )
    fig.add_heatmap(
        z=light(values),
        x=[f"{int(seed)}" for seed in grid.columns],
        y=[f"{int(seed)}" for seed in grid.index],
        customdata=light(grid.to_numpy(dtype=float)),
        coloraxis=axis,
        xgap=1,
        ygap=1,
        hovertemplate="initialisation %{x}, split %{y}<br>%{customdata:.4g}<extra></extra>",
    )
    fig.update_xaxes(title_text="seed of the initialisation", type="category")
    fig.update_yaxes(title_text="seed of the split", type="category")
    means = [float(f"{np.ptp(grid.mean(axis=axis).to_numpy()):.3g}") for axis in (0, 1)]
    return Drawn(
        fig,
        says=f"{number}: means over splits differ by up to {means[0]:,g} between initialisations, means over initialisations by up to "
        f"{means[1]:,g} between splits.",
    )

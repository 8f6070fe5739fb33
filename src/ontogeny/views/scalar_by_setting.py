"""Any number of any lens against any setting, over seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import xarray as xr

from ontogeny.errors import UnknownName, UserError
from ontogeny.views.base import Drawn, view
from ontogeny.views.panels import panels
from ontogeny.views.theme import PALETTE, log_ticks, name_of, share_of, title_of


@view(reads=("lens:{lens}",), title="A number against a setting, over seeds")
def scalar_by_setting(
    *,
    lens: str = "performance",
    scalar: str = "accuracy",
    by: str = "",
    where: Mapping[str, Any] = {},
    log: bool = False,
    **data: xr.Dataset,
) -> Drawn:
    """How does one number of a lens depend on what was varied?

    A dot a run, the line through the medians over seeds. ``lens`` and ``scalar`` name the number, ``where`` the ticks at which
    it is taken (``{split = "test"}``), ``by`` the setting. Runs in which the number is missing (an event that never came) have
    no dot and are counted in the sentence below: the medians are of the others, so they flatter settings in which much is
    missing.
    """
    (said,) = data.values()
    if scalar not in said.data_vars:
        raise UnknownName(f"variable of the lens '{lens}'", scalar, map(str, said.data_vars))
    for axis in where:
        if axis not in said[scalar].dims:
            raise UnknownName(f"axis of '{scalar}'", axis, map(str, said[scalar].dims))
    values = said[scalar].sel(dict(where))
    if rest := [str(axis) for axis in values.dims if axis != "run"]:
        raise UserError(
            f"'{scalar}' is not one number a run: it has {', '.join(rest)}; say which with where = {{{rest[0]} = …}}."
        )
    if by not in said.coords:
        raise UnknownName("setting", by, [str(n) for n, tick in said.coords.items() if tick.dims == ("run",)])
    table = pd.DataFrame(
        {"run": said["run"].values, by: said[by].values, scalar: values.values.astype(float)}
    )
    there = table[np.isfinite(table[scalar])].sort_values(by)
    medians = there.groupby(by)[scalar].median()
    fig = panels(1, height=420)
    hover = f"<b>%{{text}}</b><br>{by} %{{x}}<br>{scalar} %{{y:.4g}}<extra></extra>"
    fig.add_trace(
        go.Scatter(
            x=there[by],
            y=there[scalar],
            text=there["run"],
            mode="markers",
            name="one run",
            marker={"color": PALETTE[0], "opacity": 0.6},
            hovertemplate=hover,
        )
    )
    fig.add_trace(
        go.Scatter(x=medians.index, y=medians, mode="lines", name="median", line={"color": PALETTE[1]})
    )
    fig.update_xaxes(title_text=name_of(by))
    fig.update_yaxes(title_text=title_of(said[scalar]))
    if log and len(there) and (there[scalar] > 0).all():
        fig.update_yaxes(**log_ticks(there[scalar].min(), there[scalar].max()))
    missing = len(table) - len(there)
    spread = f"medians from {medians.min():.4g} to {medians.max():.4g}" if len(medians) else "no run has it"
    return Drawn(fig, says=f"{spread}; missing in {share_of(missing, len(table), 'runs')}.")

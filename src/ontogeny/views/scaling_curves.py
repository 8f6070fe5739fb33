"""A law and what it is a law of: one panel a setting, on two logarithmic axes."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from ontogeny.errors import UserError
from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.panels import panels
from ontogeny.views.theme import PALETTE, faint, log_ticks, name_of


@view(reads=("findings:scaling_law",), title="A power law, setting by setting")
def scaling_curves(scaling_law: pd.DataFrame, *, of: str = "") -> Drawn:
    """Do times (or numbers) follow a power of each setting, and where do they leave it?

    A panel a setting, the others at their middle. Small dots: one seed at one value, no law assumed of this setting; bars:
    mean over seeds with its 95 % interval; line and band: the power law of all settings and its 95 % interval. Both axes
    are logarithmic, so a power law is a straight line. ``of``: which law, the first unless given.

    How it misleads: what is drawn at a value is an estimate from all runs there, the censored among them, not a run; a value at
    which nothing happened has no dot.
    """
    known = list(dict.fromkeys(scaling_law["of"]))
    if of and of not in known:
        raise UserError(f"No claim gives a law of '{of}'; there are: {', '.join(known)}.")
    table = scaling_law[scaling_law["of"] == (of or known[0])]
    settings = list(dict.fromkeys(table["setting"]))
    fig = panels(len(settings), titles=[name_of(one) for one in settings], height=420)
    shown = table["mean"].replace([np.inf, -np.inf], np.nan).dropna()
    reach = [float(np.log10(shown.min())) - 0.08, float(np.log10(shown.max())) + 0.08]
    said = []
    for k, setting in enumerate(settings, 1):
        here = table[table["setting"] == setting]
        law, level, seed = (here[here["row"] == row].sort_values("x") for row in ("law", "level", "seed"))
        at = {"row": 1, "col": k}
        fig.add_scatter(
            x=[*law["x"], *law["x"][::-1]],
            y=light([*law["high"], *law["low"][::-1]]),
            mode="lines",
            fill="toself",
            fillcolor=faint(PALETTE[0], 0.15),
            line={"width": 0},
            hoverinfo="skip",
            name="95 % of the law",
            showlegend=k == 1,
            **at,
        )
        fig.add_scatter(
            x=law["x"],
            y=light(law["mean"]),
            mode="lines",
            line={"color": PALETTE[0], "width": 2},
            name="power law",
            showlegend=k == 1,
            hovertemplate="the law says %{y:,.3~g}<extra></extra>",
            **at,
        )
        fig.add_scatter(
            x=seed["x"],
            y=light(seed["mean"]),
            mode="markers",
            marker={"color": faint(PALETTE[1], 0.45), "size": 5},
            name="a seed",
            showlegend=k == 1,
            hovertemplate="one seed: %{y:,.3~g}<extra></extra>",
            **at,
        )
        fig.add_scatter(
            x=level["x"],
            y=light(level["mean"]),
            mode="markers",
            marker={"color": PALETTE[1], "size": 9, "symbol": "diamond"},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": light(level["high"] - level["mean"]),
                "arrayminus": light(level["mean"] - level["low"]),
            },
            name="mean over seeds",
            showlegend=k == 1,
            hovertemplate=f"{name_of(setting)} %{{x:.3g}}<br>%{{y:,.3~g}}<extra></extra>",
            **at,
        )
        fig.update_xaxes(
            type="log", tickvals=level["x"].tolist(), ticktext=[f"{x:g}" for x in level["x"]], **at
        )
        fig.update_yaxes(
            **log_ticks(max(shown.min(), 1e-9), shown.max(), most=7),
            title_text=(of or known[0]) if k == 1 else "",
            range=reach,
            **at,
        )
        ends = law["mean"].to_numpy(), law["x"].to_numpy()
        power = math.log(ends[0][-1] / ends[0][0]) / math.log(ends[1][-1] / ends[1][0])
        said.append(f"{name_of(setting)} to the power {power:.2g}")
    fig.update_layout(legend={"y": 1.16}, margin={"t": 84})
    what = of or known[0]
    return Drawn(fig, says=f"{what[:1].upper()}{what[1:]} goes with {', '.join(said)}.")

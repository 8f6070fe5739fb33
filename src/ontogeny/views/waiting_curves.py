"""What share of runs had an event by when: Kaplan and Meier's staircases."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.order import column
from ontogeny.views.panels import panels
from ontogeny.views.theme import log_ticks, name_of, ordered_colour
from ontogeny.views.waiting_by_setting import faint_of, only


@view(reads=("findings:time_to_event",), title="Share of runs that got there, by when")
def waiting_curves(
    time_to_event: pd.DataFrame,
    *,
    by: str = "",
    beside: str = "",
    event: str = "",
    clock: str = "updates",
    band: bool = True,
) -> Drawn:
    """By when have how many runs of a setting got there?

    One staircase for every value of ``by``, a panel for every value of ``beside``: 1 − S(t), S by Kaplan and Meier, with its
    pointwise 95 % ``band``. A staircase that ends below 1 is a setting of which some runs never got there within their budget.

    How it misleads: each step is one run, and bands of few seeds are wide; two that overlap may still differ.
    """
    table = only(time_to_event, event)
    values = sorted(column(table, by).dropna().unique())
    shown = [(None, table)] if not beside else list(table.groupby(column(table, beside), sort=True))
    titles = [] if not beside else [f"{name_of(beside)} {value:g}" for value, _ in shown]
    fig = panels(len(shown), titles=titles, height=420)
    end = table.loc[table["row"] == "run", "time"].max()
    said = []
    for panel, (_, here) in enumerate(shown, start=1):
        for i, value in enumerate(values):
            one = here[(here[by] == value) & (here["row"] == "curve")].sort_values("time")
            if one.empty:
                continue
            colour = ordered_colour(i / max(len(values) - 1, 1))
            name = f"{name_of(by)} {value:g}"
            time = light(np.append(one["time"], end))
            rise = {
                key: light(1 - np.append(one[key], one[key].iloc[-1])) for key in ("share", "low", "high")
            }
            if band:
                fig.add_scatter(
                    x=np.concatenate([time, time[::-1]]),
                    y=np.concatenate([rise["high"], rise["low"][::-1]]),
                    line={"width": 0, "shape": "hv"},
                    fill="toself",
                    fillcolor=faint_of(colour).replace("0.45", "0.10"),
                    hoverinfo="skip",
                    showlegend=False,
                    legendgroup=name,
                    mode="lines",
                    row=1,
                    col=panel,
                )
            fig.add_scatter(
                x=time,
                y=rise["share"],
                mode="lines",
                name=name,
                legendgroup=name,
                showlegend=panel == 1,
                line={"color": colour, "width": 2, "shape": "hv"},
                hovertemplate=f"{name}<br>%{{y:.0%}} by %{{x:,.0f}} {clock}<extra></extra>",
                row=1,
                col=panel,
            )
    drawn = table.loc[table["row"] == "curve", "time"]
    first = drawn[drawn > 0].min() if (drawn > 0).any() else 1.0
    fig.update_xaxes(title_text=clock, **log_ticks(first * 0.8, end, most=6))
    fig.update_yaxes(range=[-0.03, 1.03], tickformat=".0%")
    fig.update_yaxes(title_text=f"share of runs: {event or table['event'].iloc[0]}", row=1, col=1)
    settings = table[table["row"] == "setting"]
    whole = settings[settings["events"] == settings["n"]]
    said.append(f"In {len(whole)} of {len(settings)} settings every run got there within its budget.")
    return Drawn(fig, says=" ".join(said))

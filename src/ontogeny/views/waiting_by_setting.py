"""How long runs wait for an event against a setting, those that never get there among them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ontogeny.errors import UserError
from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.order import column
from ontogeny.views.panels import panels
from ontogeny.views.theme import faint, log_ticks, name_of, ordered_colour, share_of

SPREAD = 0.05  # of a decade: how far the runs of one setting are set apart


@view(reads=("findings:time_to_event",), title="Time to the event, by setting")
def waiting_by_setting(
    time_to_event: pd.DataFrame, *, by: str = "", lines: str = "", event: str = "", clock: str = "updates"
) -> Drawn:
    """How long does it take in every setting, and how much does that differ between seeds?

    A filled dot is a run that got there, an open triangle one that did not within its budget: it takes longer, or for ever. Lines
    join the medians of settings that differ in ``by`` alone, one line for every value of ``lines``; bars are 95 % intervals of
    the median (Kaplan and Meier's). A setting of which half never got there has no median, and its line is broken there.
    ``event`` names the claim whose times are drawn, the first unless given.

    How it misleads: medians of few seeds have wide intervals; a bar that reaches up to the budget has no upper end.
    """
    table = only(time_to_event, event)
    column(table, by)
    groups = list(table.groupby(column(table, lines), sort=True)) if lines else [(None, table)]
    positive = table[by][table[by] > 0]
    # Nothing has no logarithm: it stands one step to the left of the smallest.
    zero = (
        float(positive.min()) ** 2 / float(np.sort(positive.unique())[1]) if positive.nunique() > 1 else 0.1
    )
    fig = panels(1, height=460)
    times = table.loc[table["row"] == "run", "time"]
    middle = (len(groups) - 1) / 2
    said = []
    for i, (value, group) in enumerate(groups):
        colour = ordered_colour(i / max(len(groups) - 1, 1))
        shift = 10 ** (SPREAD * (i - middle) * 2)
        name = "" if value is None else f"{name_of(lines)} {value:g}"
        one = group[group["row"] == "setting"].sort_values(by)
        median = one["median"].replace(np.inf, np.nan)
        fig.add_scatter(
            x=_place(one[by], zero) * shift,
            y=light(median),
            mode="lines+markers",
            name=name or "median",
            legendgroup=name,
            line={"color": colour, "width": 2},
            marker={"size": 9, "symbol": "line-ew", "line": {"width": 2.5, "color": colour}},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": light(one["high"].clip(upper=times.max()) - median),
                "arrayminus": light(median - one["low"].clip(upper=times.max())),
                "color": faint_of(colour),
                "thickness": 1.5,
                "width": 0,
            },
            connectgaps=False,
            customdata=one[["events", "n"]].to_numpy(),
            hovertemplate=f"{name}<br>{name_of(by)} %{{x:.3g}}<br>median %{{y:,.0f}} {clock}<br>"
            "%{customdata[0]} of %{customdata[1]} runs<extra></extra>",
        )
        runs = group[group["row"] == "run"]
        apart = 10 ** (SPREAD * np.linspace(-1, 1, 9)[np.arange(len(runs)) % 9])
        came = runs["happened"].astype(bool).to_numpy()
        fig.add_scatter(
            x=_place(runs[by], zero) * shift * apart,
            y=light(runs["time"]),
            mode="markers",
            name=name,
            legendgroup=name,
            showlegend=False,
            opacity=0.75,
            marker={
                "size": 6,
                "color": colour,
                "symbol": np.where(came, "circle", "triangle-up-open").tolist(),
            },
            text=[
                f"{run}: {'there' if yes else 'not yet'}" for run, yes in zip(runs["run"], came, strict=True)
            ],
            hovertemplate="%{text}<br>%{y:,.0f} " + clock + "<extra></extra>",
        )
        said.append(_says(name, one, by))
    ticks = sorted(table[by].dropna().unique())
    fig.update_xaxes(
        type="log",
        title_text=name_of(by),
        tickvals=[float(v) if v > 0 else zero for v in ticks],
        ticktext=[f"{v:g}" for v in ticks],
    )
    fig.update_yaxes(
        title_text=f"{event or table['event'].iloc[0]}, {clock}",
        **log_ticks(max(times[times > 0].min(), 1.0), times.max(), most=7),
    )
    return Drawn(fig, says="; ".join(said) + ".")


def only(table: pd.DataFrame, event: str) -> pd.DataFrame:
    """The rows of one claim: the first unless named."""
    known = list(dict.fromkeys(table["event"]))
    if event and event not in known:
        raise UserError(f"No claim gives times of '{event}'; there are: {', '.join(known)}.")
    return table[table["event"] == (event or known[0])]


def faint_of(colour: str) -> str:
    """A colour of the ordered scale, ``rgb(…)``, made transparent."""
    return (
        colour.replace("rgb(", "rgba(").replace(")", ", 0.45)")
        if colour.startswith("rgb(")
        else faint(colour, 0.45)
    )


def _place(values: pd.Series, zero: float) -> np.ndarray:
    given = values.to_numpy(dtype=float)
    return np.where(given > 0, given, zero)


def _says(name: str, one: pd.DataFrame, by: str) -> str:
    runs, came = int(one["n"].sum()), int(one["events"].sum())
    known = one[np.isfinite(one["median"])]
    text = f"{name + ': ' if name else ''}{share_of(came, runs, 'runs')} got there"
    if known.empty:
        return f"{text}, half of them in no setting"
    best = known.loc[known["median"].idxmin()]
    return f"{text}, soonest at {name_of(by)} {best[by]:g} (median {best['median']:,.0f})"

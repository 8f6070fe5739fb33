"""Units that were matched: how well they correlate where they were matched, and where they were not."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.views.base import Drawn
from ontogeny.views.light import light
from ontogeny.views.panels import panels
from ontogeny.views.theme import INK, MUTED, PALETTE, RULE, faint

BINS = 40


def matched_units(units: xr.Dataset) -> Drawn:
    """Does every unit have a partner, and is it one on samples that did not choose it?

    ``units``: a row a pair (``score`` on the samples that matched, ``held_out`` on the others, ``margin``), ``all`` pairs of units on the
    others as counts over ``bin``, ``shuffled``: held-out scores after matching shuffled samples. Left: density of each. Right: a dot a
    pair; on the line the score holds, below it part of it was luck. Hollow dots share a partner with another pair: one unit
    that answers for many is no correspondence. Matching alone makes scores on the samples that matched high.
    """
    score, held = units["score"].to_numpy(), units["held_out"].to_numpy()
    half = str(units.attrs.get("fit_on", "half")) == "half"
    by = str(units.attrs.get("by", "correlation"))
    fig = panels(2, height=420)
    edges = np.linspace(-1, 1, BINS + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    shuffled = np.histogram(units["shuffled"].to_numpy(), edges)[0]
    counts = {
        "all pairs of units": (units["all"].to_numpy(), MUTED, "dot"),
        "matched, samples shuffled": (shuffled, PALETTE[1], "dash"),
        "matched": (np.histogram(held, edges)[0], PALETTE[0], "solid"),
    }
    for name, (count, colour, dash) in counts.items():
        density = count / max(count.sum(), 1) / (edges[1] - edges[0])
        fig.add_trace(
            go.Scatter(
                x=light(middle),
                y=light(density),
                name=name,
                line={"color": colour, "dash": dash, "shape": "hvh", "width": 2},
                fill="tozeroy" if name == "matched" else None,
                fillcolor=faint(colour, 0.2) if colour.startswith("#") else None,
                hovertemplate=f"{name}<br>{by} %{{x:.2f}}: density %{{y:.2g}}<extra></extra>",
            ),
            row=1,
            col=1,
        )
    repeated = _repeated(units["left"].to_numpy()) | _repeated(units["right"].to_numpy())
    for several, symbol, name in ((False, "circle", "a pair"), (True, "circle-open", "shares a partner")):
        chosen = repeated == several
        if not chosen.any():
            continue
        some = units.isel(pair=chosen)
        fig.add_trace(
            go.Scatter(
                x=light(score[chosen]),
                y=light(held[chosen]),
                mode="markers",
                name=name,
                marker={"symbol": symbol, "color": PALETTE[0], "size": 6, "opacity": 0.75},
                customdata=np.stack([some["left"], some["right"], light(some["margin"])], -1),
                hovertemplate="unit %{customdata[0]:.0f} with %{customdata[1]:.0f}<br>%{x:.3f} where matched, <b>%{y:.3f}</b> elsewhere<br>"
                "margin to the second best %{customdata[2]:.3f}<extra></extra>",
            ),
            row=1,
            col=2,
        )
    low = float(np.nanmin([score.min(), held.min(), 0]))
    fig.add_trace(
        go.Scatter(
            x=[low, 1], y=[low, 1], mode="lines", line={"color": RULE, "width": 1}, hoverinfo="skip", showlegend=False
        ),
        row=1,
        col=2,
    )  # fmt: skip
    fig.add_hline(y=0, line={"color": INK, "width": 0.6}, row=1, col=2)
    elsewhere = "on the other half" if half else "on the same samples"
    fig.update_xaxes(title_text=f"{by}, {elsewhere}", range=[-1, 1], row=1, col=1)
    fig.update_yaxes(title_text="density", rangemode="tozero", row=1, col=1)
    fig.update_xaxes(title_text=f"{by} on the samples that matched", row=1, col=2)
    fig.update_yaxes(title_text=f"{by} {elsewhere}", row=1, col=2)
    return Drawn(fig, says=_says(units, repeated, elsewhere))


def _repeated(partners: np.ndarray) -> np.ndarray:
    _, back, count = np.unique(partners, return_inverse=True, return_counts=True)
    return np.asarray(count[back] > 1)


def _says(units: xr.Dataset, repeated: np.ndarray, elsewhere: str) -> str:
    n = units.sizes["pair"]
    others = [len(np.unique(units[side])) for side in ("left", "right")]
    return (
        f"{n} pairs ({units.attrs.get('how', 'matched')}): {others[0]} of {units.attrs['units'][0]} units with {others[1]} of "
        f"{units.attrs['units'][1]}; median {float(units['score'].median()):z.3f} where they were matched, "
        f"{float(units['held_out'].median()):z.3f} {elsewhere}, {float(units['shuffled'].median()):z.3f} after shuffling."
    )

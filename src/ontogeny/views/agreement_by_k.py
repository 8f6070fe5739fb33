"""Agreement of two notions of nearness, against the size of the neighbourhood."""

from __future__ import annotations

import pandas as pd

from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.panels import add_narrow, panels
from ontogeny.views.theme import MUTED, PALETTE, name_of

QUANTITIES = {
    "knn_overlap": "kNN overlap",
    "jaccard": "Jaccard",
    "trustworthiness": "trustworthiness",
    "continuity": "continuity",
}


@view(reads=("findings:agreement",), title="Do two measures name the same neighbours?")
def agreement_by_k(agreement: pd.DataFrame) -> Drawn:
    """Do two measures call the same runs neighbours, and does it depend on how many neighbours one looks at?

    One line a pair of measures; the dotted line is what shuffled runs give. 1 is the same neighbours, and every quantity grows
    towards 1 as k nears the number of runs, so only the distance to the dotted line means anything. Trustworthiness and
    continuity are missing where k is half the runs or more.

    Columns: ``pair``, ``k``, any of ``knn_overlap``, ``jaccard``, ``trustworthiness``, ``continuity``, and for each of them
    optionally ``chance_…``.
    """
    shown = [q for q in QUANTITIES if q in agreement and agreement[q].notna().any()]
    fig = panels(len(shown), titles=[QUANTITIES[q] for q in shown], height=380)
    pairs = list(agreement.groupby("pair", sort=False))
    for panel, quantity in enumerate(shown, start=1):
        for i, (pair, one) in enumerate(pairs):
            one = one.sort_values("k")
            fig.add_scatter(
                x=one["k"].to_numpy(),
                y=light(one[quantity]),
                name=str(pair),
                legendgroup=str(pair),
                showlegend=panel == 1,
                mode="lines+markers",
                line={"color": PALETTE[i % len(PALETTE)], "width": 1.8},
                marker={"size": 5},
                hovertemplate=f"k = %{{x}}<br>{QUANTITIES[quantity]} %{{y:.3g}}<extra>{pair}</extra>",
                row=1,
                col=panel,
            )
        chance = f"chance_{quantity}"
        if chance in agreement:
            mean = agreement.groupby("k")[chance].mean()
            fig.add_scatter(
                x=mean.index.to_numpy(),
                y=light(mean),
                name="chance",
                legendgroup="chance",
                showlegend=panel == 1,
                mode="lines",
                line={"color": MUTED, "width": 1.5, "dash": "dot"},
                hovertemplate="k = %{x}<br>chance %{y:.3g}<extra></extra>",
                row=1,
                col=panel,
            )
    ks = sorted(agreement["k"].unique())
    ticks = [k for k in ks if k in (1, 2, 5, 10, 30)] or ks
    fig.update_xaxes(type="log", tickvals=ticks, ticktext=[str(k) for k in ticks], title_text=name_of("k"))
    fig.update_yaxes(range=[-0.03, 1.03])
    fig.update_layout(legend={"y": 1.0, "yref": "container", "yanchor": "top"}, margin={"t": 84})
    add_narrow(fig, {"margin.t": 48 + 22 * (len(pairs) + 1)})  # a legend entry a line
    return Drawn(fig, says=_says(pairs, shown[0]) if shown else "")


def _says(pairs: list, quantity: str) -> str:
    parts = []
    for pair, one in pairs:
        row = one.dropna(subset=[quantity]).sort_values("k")
        row = row.iloc[(row["k"] - 5).abs().argmin()]
        chance = f" (chance {row[f'chance_{quantity}']:.2f})" if f"chance_{quantity}" in row else ""
        parts.append(f"{pair}: {row[quantity]:.2f} at k = {row['k']}{chance}")
    return f"{QUANTITIES[quantity]} of " + "; ".join(parts) + "."

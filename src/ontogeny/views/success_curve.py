"""The probability of reaching 100 % against width."""

from __future__ import annotations

import math

import pandas as pd

from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.panels import panels
from ontogeny.views.theme import PALETTE, faint, name_of, sign_of


@view(reads=("findings:success_by", "published"), title="Chance of reaching 100 %")
def success_curve(success_by: pd.DataFrame, published: pd.DataFrame | None = None, *, by: str = "") -> Drawn:
    """With what probability does a width reach 100 % within the budget?

    Dots are the share of seeds that did, bars its 95 % interval (n seeds a width), lines the fitted curve, one colour a budget; a
    diamond marks where it passes one half.
    Ticks along the bottom and the top are the published single runs: a tick at the top reached 100 %. One run at one width says
    little about the width: the interval of a single success reaches from 0.2 to 1.
    """
    findings = success_by
    fig = panels(1, height=420)
    sentences = []
    budgets = list(findings.groupby("budget")) if "budget" in findings else [(None, findings)]
    for colour, (budget, one) in zip(PALETTE * (1 + len(budgets) // len(PALETTE)), budgets, strict=False):
        one = one.sort_values(by)
        share = one["reached"] / one["n"]
        name = (
            "share of seeds"
            if budget is None
            else f"{budget:g} epochs"
            if isinstance(budget, int | float)
            else str(budget)
        )
        fig.add_scatter(
            x=one[by].to_numpy(),
            y=light(share),
            mode="markers",
            name=name,
            legendgroup=name,
            marker={"color": colour, "size": 6},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": light(one["high"] - share),
                "arrayminus": light(share - one["low"]),
                "color": faint(colour, 0.35),
                "thickness": 1,
                "width": 0,
            },
            customdata=one[["reached", "n"]].to_numpy(),
            hovertemplate=f"{sign_of(by)} = %{{x}}<br>%{{customdata[0]}} of %{{customdata[1]}} seeds<extra>{name}</extra>",
        )
        if "fitted" in one and one["fitted"].notna().any():
            curve = _with_half(one, by)
            fig.add_scatter(
                x=curve[by].to_numpy(),
                y=light(curve["fitted"]),
                mode="lines",
                name=f"{name}, fitted",
                legendgroup=name,
                showlegend=False,
                line={"color": colour, "width": 2.5},
                hovertemplate=f"{sign_of(by)} = %{{x}}<br>fitted %{{y:.3g}}<extra>{name}</extra>",
            )
            if len(curve) > len(one):
                fig.add_scatter(
                    x=[float(one["d50"].iloc[0])],
                    y=[0.5],
                    mode="markers",
                    legendgroup=name,
                    showlegend=False,
                    marker={"symbol": "diamond", "size": 9, "color": colour},
                    hovertemplate=f"half of the runs at {sign_of(by)} = %{{x:.3g}}<extra>{name}</extra>",
                )
        sentences.append(_says(one, by, name if budget is not None else "the budget"))
    if published is not None:
        reached = published["validation_accuracy"] >= 1.0
        fig.add_scatter(
            x=published[by].to_numpy(),
            y=reached.map({True: 1.05, False: -0.05}).to_numpy(),
            mode="markers",
            name="published (one seed)",
            marker={"symbol": "line-ns-open", "size": 9, "color": PALETTE[6], "line": {"width": 1.4}},
            text=["reached" if r else "not reached" for r in reached],
            hovertemplate=f"published, {sign_of(by)} = %{{x}}: %{{text}}<extra></extra>",
        )
    fig.update_yaxes(title_text="P(reach 100 %)", range=[-0.1, 1.1], tickvals=[0, 0.25, 0.5, 0.75, 1])
    fig.update_xaxes(title_text=name_of(by))
    return Drawn(fig, says=" ".join(sentences))


def _with_half(one: pd.DataFrame, by: str) -> pd.DataFrame:
    """The fitted curve with its passage of one half put in, if that lies among the widths."""
    d50 = float(one["d50"].iloc[0]) if "d50" in one else math.nan
    if not one[by].min() <= d50 <= one[by].max():  # also for NaN
        return one
    return pd.concat([one, pd.DataFrame({by: [d50], "fitted": [0.5]})]).sort_values(by)


def _says(one: pd.DataFrame, by: str, budget: str) -> str:
    runs, reached = int(one["n"].sum()), int(one["reached"].sum())
    text = f"Within {budget}, {reached} of {runs} runs over {len(one)} widths reached 100 %"
    if "d50" not in one:
        return f"{text}."
    d50 = float(one["d50"].iloc[0])
    if one[by].min() <= d50 <= one[by].max():
        return f"{text}; the fitted curve passes one half at {sign_of(by)} = {d50:.3g}."
    return f"{text}; the fitted curve stays {'below' if d50 > one[by].max() else 'above'} one half."

"""The training loss and the norm of the weights over training, as they were logged."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from ontogeny.errors import UserError
from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.panels import panels
from ontogeny.views.theme import colours, log_ticks, name_of, share_of, sign_of

LEAST = 1e-16  # nats; below it a loss is rounding
RING, DOT = "circle-open", "circle"


@view(
    reads=("all:metrics", "all:metrics:events"),
    title="Bursts of the training loss, and the norm of the weights",
)
def slingshot_curves(metrics: pd.DataFrame, events: pd.DataFrame, *, by: str = "", most: int = 4) -> Drawn:
    """Does the training loss burst after it was low, and how does the norm of the weights move meanwhile?

    Every logged step of the first ``most`` runs of each value of ``by`` (left empty: of what varies first), coloured by it. On the norm a ring is the step at which the training
    inputs are known, a dot that from which held-out inputs stay right. A burst that is shorter than the distance of logged steps is not seen.
    """
    if "train_loss" not in metrics:
        raise UserError(f"No training loss was logged; there is {', '.join(map(str, metrics.columns))}.")
    by = by or next(iter(metrics.attrs.get("varied", ())), "run")
    if by not in metrics:
        raise UserError(f"Nothing called '{by}' varies; there is {', '.join(map(str, metrics.columns))}.")
    normed = "weight_norm" in metrics and bool(metrics["weight_norm"].notna().any())
    fig = panels(1 + normed, titles=("training loss", "norm of all weights")[: 1 + normed], height=430)
    values = sorted(metrics[by].dropna().unique(), key=str)
    happened = events.set_index("run")
    for value, colour in zip(values, colours(by, len(values)), strict=True):
        runs = metrics[metrics[by] == value].groupby("run", sort=False)
        for i, (run, table) in enumerate(list(runs)[:most]):
            name = f"{sign_of(by)} = {value:g}" if isinstance(value, float) else f"{sign_of(by)} = {value}"
            drawn = {
                "legendgroup": name,
                "mode": "lines",
                "line": {"width": 1, "color": colour},
                "opacity": 0.8,
            }
            hover = f"{name}, step %{{x:,}}<br><b>%{{y:.3g}}</b><extra></extra>"
            x = table["step"].to_numpy(dtype="float32")
            loss = light(table["train_loss"].clip(lower=LEAST).to_numpy())
            fig.add_trace(
                go.Scatter(x=x, y=loss, name=name, showlegend=i == 0, hovertemplate=hover, **drawn),
                row=1,
                col=1,
            )
            if not normed:
                continue
            fig.add_trace(
                go.Scatter(
                    x=x,
                    y=light(table["weight_norm"].to_numpy()),
                    showlegend=False,
                    hovertemplate=hover,
                    **drawn,
                ),
                row=1,
                col=2,
            )
            one = happened.loc[run]
            marks = [
                (one[at], one[f"norm_{at}"], sign) for at, sign in (("memorised", RING), ("grokked", DOT))
            ]
            marks = [mark for mark in marks if pd.notna(mark[0])]
            fig.add_trace(
                go.Scatter(
                    x=[step for step, _, _ in marks],
                    y=[norm for _, norm, _ in marks],
                    mode="markers",
                    marker={"symbol": [sign for *_, sign in marks], "size": 8, "color": colour},
                    legendgroup=name,
                    showlegend=False,
                    hovertemplate=hover,
                ),
                row=1,
                col=2,
            )
    low = float(metrics["train_loss"].clip(lower=LEAST).min())
    fig.update_xaxes(title_text=name_of("step"))
    fig.update_yaxes(
        title_text="nats", **log_ticks(low, float(metrics["train_loss"].max()), most=7), row=1, col=1
    )
    told = []
    for value in values:
        there = events[(events[by] == value) & events["slingshots"].notna()]
        told.append(
            f"{sign_of(by)} = {value}: {share_of(int((there['slingshots'] > 0).sum()), len(there), 'runs')}"
        )
    return Drawn(fig, says=f"Runs whose training loss burst after it was low: {'; '.join(told)}.")

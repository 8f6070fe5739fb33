"""Train and held-out on one axis: the classic picture of grokking."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from ontogeny.errors import UserError
from ontogeny.thinning import log_thinned
from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.loss_curves import held_out
from ontogeny.views.panels import panels
from ontogeny.views.theme import PALETTE, log_ticks, name_of, share_of

MOST_RUNS = 24  # more lines than this tell nobody anything


@view(reads=("metrics",), title="Train and held-out, side by side in time")
def train_and_test(metrics: pd.DataFrame, *, quantity: str = "loss", points: int = 200) -> Drawn:
    """When does each run learn what it was shown, and when what it was not?

    One colour a run: the dashed line is what was trained on, the full line what was held out, both axes logarithmic for losses.
    A gap between the two in time is a delay of generalisation; a full line that never falls is a run that remembers only, or
    that was stopped too early. Step 0 is not on a logarithmic axis. Of many runs the first are drawn, in the order of the
    table.
    """
    parts = ("train", held_out(metrics))
    columns = [f"{part}_{quantity}" for part in parts]
    if missing := [name for name in columns if name not in metrics]:
        raise UserError(
            f"There is no {' and no '.join(missing)} among what was logged: {', '.join(map(str, metrics.columns))}."
        )
    fig = panels(1, height=430)
    logged = metrics[metrics["step"] > 0]
    runs = list(logged.groupby("run", sort=False))
    varied = metrics.attrs.get("varied") or []
    for i, (run, one) in enumerate(runs[:MOST_RUNS]):
        name = ", ".join(f"{what}={one[what].iloc[0]}" for what in varied if what in one) or str(run)
        few = one.sort_values("step").iloc[log_thinned(len(one), points)]
        for column, dash in zip(columns, ("dash", "solid"), strict=True):
            fig.add_trace(
                go.Scatter(
                    x=few["step"],
                    y=light(few[column].to_numpy()),
                    mode="lines",
                    name=name,
                    legendgroup=name,
                    showlegend=dash == "solid",
                    line={"color": PALETTE[i % len(PALETTE)], "dash": dash, "width": 1.5},
                    hovertemplate=f"<b>{name}</b><br>step %{{x:,}}<br>{column} %{{y:.4g}}<extra></extra>",
                )
            )
    steps, values = logged["step"], logged[columns].to_numpy()
    if len(logged):
        fig.update_xaxes(title_text=name_of("step"), **log_ticks(steps.min(), steps.max(), most=7))
    positive = values[values > 0]
    if quantity == "loss" and positive.size:
        fig.update_yaxes(**log_ticks(float(positive.min()), float(positive.max()), most=7))
    fig.update_yaxes(title_text=f"{quantity}: {parts[0]} dashed, {parts[1]} full")
    return Drawn(fig, says=f"{share_of(min(len(runs), MOST_RUNS), len(runs), 'runs')} drawn.")

"""Learning curves of several runs, laid over one another at the step at which each groks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import xarray as xr

from ontogeny.errors import UnknownName, UserError
from ontogeny.thinning import evenly_thinned
from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.loss_curves import held_out
from ontogeny.views.order import labels
from ontogeny.views.panels import panels
from ontogeny.views.theme import MUTED, PALETTE, log_ticks

POINTS = 400  # of a curve


@view(
    reads=("metrics", "lens:learning_events", "lens:progress_measures@steps?"),
    title="Learning curves, aligned at an event",
)
def aligned_curves(
    metrics: pd.DataFrame,
    learning_events: xr.Dataset,
    progress_measures: xr.Dataset | None = None,
    *,
    event: str = "grokked",
    part: str = "",
    by: str = "",
) -> Drawn:
    """Do runs take the same course before and after they grok, whenever that is?

    One line a run; steps are counted from the run's own ``event`` (a result of the lens ``learning_events``), so 0 is that step
    in every run. Runs in which it did not happen have no place here and are named below. Left the held-out loss; then
    restricted loss where it was measured (if it falls at the same distance in every run, so does what happens out of sight);
    right the accuracy.

    How it misleads: curves that are laid over one another at a threshold agree there by construction. Only what
    happens far from 0 is evidence.
    """
    if event not in learning_events:
        raise UnknownName("learning event", event, map(str, learning_events.data_vars))
    part = part or held_out(metrics)
    when = learning_events[event].to_series()
    there = when.dropna()
    if there.empty:
        raise UserError(
            f"None of {len(when)} runs has '{event}' within its budget, so there is nothing to align."
        )
    names = dict(zip(learning_events["run"].values, labels(learning_events, by), strict=True))
    quantities = {f"{part}_loss": f"{part} loss (nats)", f"{part}_accuracy": f"{part} accuracy"}
    curves = {
        words: {run: _logged(metrics, run, column) for run in there.index}
        for column, words in quantities.items()
        if column in metrics
    }
    if progress_measures is not None and part in progress_measures["split"].values:
        restricted = progress_measures["restricted_loss"].sel(split=part)
        kept = {run: restricted.sel(run=run).dropna("step") for run in there.index}
        middle = {
            f"restricted {part} loss (nats)": {r: (c["step"].values, c.values) for r, c in kept.items()}
        }
        curves = dict([*list(curves.items())[:1], *middle.items(), *list(curves.items())[1:]])
    fig = panels(len(curves), height=420)
    for panel, (words, by_run) in enumerate(curves.items(), start=1):
        for i, (run, (steps, values)) in enumerate(by_run.items()):
            chosen = evenly_thinned(len(steps), POINTS)
            fig.add_trace(
                go.Scatter(
                    x=(steps[chosen] - there[run]).astype(np.float32),
                    y=light(values[chosen]),
                    name=names[run],
                    legendgroup=run,
                    showlegend=panel == 1,
                    mode="lines",
                    line={"color": PALETTE[i % len(PALETTE)], "width": 1.4},
                    hovertemplate=f"{names[run]}<br>%{{x:+,}} steps<br><b>%{{y:.4g}}</b><extra></extra>",
                ),
                row=1,
                col=panel,
            )
        if "loss" in words:
            every = np.concatenate([v for _, v in by_run.values()])
            every = every[np.isfinite(every) & (every > 0)]
            fig.update_yaxes(**log_ticks(every.min(), every.max(), most=7), row=1, col=panel)
        fig.update_yaxes(title_text=words, row=1, col=panel)
        fig.update_xaxes(title_text=f"updates since {event}", row=1, col=panel)
    fig.add_vline(x=0, line={"dash": "dot", "color": MUTED, "width": 1})
    absent = [names[run] for run in when.index if run not in there.index]
    says = f"{event} at step " + ", ".join(f"{step:,.0f} ({names[run]})" for run, step in there.items())
    without = f" Without it within their budget, and not drawn: {', '.join(absent)}." if absent else ""
    return Drawn(fig, says=f"{says[:1].upper()}{says[1:]}.{without}")


def _logged(metrics: pd.DataFrame, run: str, column: str) -> tuple[np.ndarray, np.ndarray]:
    """(steps, values) that one run logged."""
    mine = metrics[metrics["run"] == run].sort_values("step")
    return mine["step"].to_numpy(), mine[column].to_numpy()

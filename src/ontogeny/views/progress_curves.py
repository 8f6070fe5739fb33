"""Training, held-out, restricted and excluded loss in one figure."""

from __future__ import annotations

import math

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from ontogeny.errors import UnknownName
from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.panels import panels
from ontogeny.views.theme import MUTED, PALETTE, faint, log_ticks, name_of

PHASES = ("memorisation", "circuit formation", "clean-up")
BORDERS = ("memorisation_ends", "cleanup_starts", "cleanup_ends")
#: Rules by which the lens sets borders, and what it appends to the names of their results.
RULES = {"nats": "_nats", "accuracy": "_accuracy", "log-fall": ""}


@view(
    reads=("one:lens:performance@steps", "one:lens:progress_measures@steps", "one:lens:learning_phases"),
    title="Progress measures over training",
)
def progress_curves(
    performance: xr.Dataset,
    progress_measures: xr.Dataset,
    learning_phases: xr.Dataset,
    *,
    rule: str = "nats",
) -> Drawn:
    """Does the circuit form before the held-out loss falls?

    Restricted loss (held-out part, key frequencies of the final step alone) falling while the held-out loss stands still is a
    circuit that forms out of sight; excluded loss (training part, those frequencies removed) rising says that training inputs
    come to lean on it. Both axes are logarithmic, so step 0 is not shown. Shades are the phases by ``rule``: "nats" (losses
    against fixed values), "accuracy" (shares that are right) or "log-fall" (shares of the way to where each loss ends, however
    low); the sentence below has all three. What moves with the rule is a matter of the rule.
    """
    if rule not in RULES:
        raise UnknownName("rule for phases", rule, RULES)
    losses, measures, phases = performance, progress_measures, learning_phases
    train, held_out = (str(s) for s in losses["split"].values[:2])
    curves = {
        f"{train} loss": losses["loss"].sel(split=train),
        f"{held_out} loss": losses["loss"].sel(split=held_out),
        f"restricted loss, {held_out}": measures["restricted_loss"].sel(split=held_out),
        f"excluded loss, {train}": measures["excluded_loss"].sel(split=train),
    }
    fig = panels(1, height=460)
    for colour, (name, curve) in zip(PALETTE, curves.items(), strict=False):
        curve = curve.where(curve["step"] > 0, drop=True)
        fig.add_trace(
            go.Scatter(
                x=curve["step"].values,
                y=light(curve),
                name=name,
                mode="lines",
                line={"color": colour},
                hovertemplate=f"{name}<br>step %{{x:,}}<br><b>%{{y:.3g}} nats</b><extra></extra>",
            )
        )
    steps = losses["step"].values
    after = steps[steps > 0]
    values = np.concatenate([c.values for c in curves.values()])
    values = values[np.isfinite(values) & (values > 0)]
    fig.update_xaxes(title_text=name_of("step"), **log_ticks(after.min(), after.max(), most=6))
    fig.update_yaxes(title_text="loss (nats)", **log_ticks(values.min(), values.max(), most=7))
    borders = {by: [float(phases[name + end]) for name in BORDERS] for by, end in RULES.items()}
    _shade(fig, [float(after.min()), *borders[rule]])
    return Drawn(fig, says=_says(borders, curves))


def _shade(fig: go.Figure, borders: list[float]) -> None:
    """A shade a phase, where both its borders are known and in order."""
    for i, (name, start, end) in enumerate(zip(PHASES, borders, borders[1:], strict=False)):
        if start < end:
            fig.add_vrect(
                x0=start, x1=end, fillcolor=faint(PALETTE[i + 1], 0.08), line_width=0, layer="below"
            )
            fig.add_annotation(
                text=name,
                x=(math.log10(start) + math.log10(end)) / 2,  # decades, on a logarithmic axis
                xref="x",
                y=0.01,
                yref="y domain",
                yanchor="bottom",
                showarrow=False,
                font={"size": 11, "color": MUTED},
            )


def _says(borders: dict[str, list[float]], curves: dict[str, xr.DataArray]) -> str:
    def when(place: int) -> str:
        steps = {by: of[place] for by, of in borders.items()}
        return ", ".join(
            f"{'not reached' if math.isnan(step) else f'step {step:,.0f}'} by {by}"
            for by, step in steps.items()
        )

    last = ", ".join(f"{name} {float(curve[-1]):.3g}" for name, curve in curves.items())
    return (
        f"Memorisation ends: {when(0)}. Clean-up starts: {when(1)}; it ends: {when(2)}. "
        f"At the last step, in nats: {last}."
    )

"""Loss and accuracy of every run over training."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ontogeny.errors import UserError
from ontogeny.thinning import log_thinned
from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.panels import colour_axis, panels
from ontogeny.views.theme import (
    MUTED,
    ORDERED,
    apart,
    colourbar,
    colours,
    log_ticks,
    name_of,
    ordered_colour,
    share_of,
    sign_of,
)


@view(reads=("metrics",), title="Loss and accuracy over training")
def loss_curves(metrics: pd.DataFrame, *, by: str = "", part: str = "", points: int = 40) -> Drawn:
    """How do loss and accuracy of every run move over training?

    One line a run, coloured by what varied (seeds, which have no order, each by its own); the step axis is logarithmic, so the initialisation (step 0) is not on it. At most
    ``points`` logged steps a run are drawn (fewer for hundreds of runs), evenly spaced in the logarithm. The dotted line is the loss of a uniform guess,
    ln(outputs): a run above it is worse than knowing nothing. A line that ends early is a run that stopped by rule. ``part`` names the
    examples; left empty, those held out, or all where nothing was held out.
    """
    part = part or held_out(metrics)
    drawn = [quantity for quantity in ("loss", "accuracy") if f"{part}_{quantity}" in metrics]
    if not drawn:
        raise UserError(
            f"Nothing was logged of '{part}': there is no {part}_loss among {', '.join(map(str, metrics.columns))}."
        )
    logged = metrics[metrics["step"] > 0].sort_values([by, "run", "step"])
    values = sorted(logged[by].unique(), key=str)
    named = apart(by, len(values))
    fig = panels(len(drawn), height=430, bars=len(values) > 1 and not named)
    places = {value: i for i, value in enumerate(values)}
    numeric = pd.api.types.is_numeric_dtype(logged[by])
    logged = logged.assign(
        place=logged[by] if numeric else logged[by].map(places)
    )  # words stand in their order
    points = min(points, max(12, 6000 // logged["run"].nunique()))
    low, high = float(logged["place"].min()), float(logged["place"].max())
    # Colour by place between the ends, one trace a value: hundreds of traces would be slow to draw.
    for at, same in logged.groupby("place"):
        value = same[by].iloc[0]
        runs = [one.iloc[log_thinned(len(one), points)] for _, one in same.groupby("run", sort=False)]
        place = (float(str(at)) - low) / (high - low) if high > low else 0.5
        colour = colours(by, len(values))[places[value]] if named else ordered_colour(place)
        for panel, quantity in enumerate(drawn, start=1):
            name = f"{sign_of(by)} = {value}"
            fig.add_trace(
                go.Scatter(
                    x=_joined([one["step"].to_numpy() for one in runs]).astype(np.float32),
                    y=light(_joined([one[f"{part}_{quantity}"].to_numpy() for one in runs])),
                    text=_hover_names(runs) if len(runs) > 1 else None,
                    name=name,
                    mode="lines",
                    connectgaps=False,
                    line={"width": 1.2, "color": colour},
                    opacity=0.85,
                    legendgroup=name,
                    showlegend=named and panel == 1,
                    hovertemplate=f"<b>{'%{text}' if len(runs) > 1 else name}</b><br>"
                    f"step %{{x:,}}<br>{quantity} %{{y:.4g}}<extra></extra>",
                ),
                row=1,
                col=panel,
            )
    if high > low and not named:
        bar = colourbar(name_of(by).capitalize())
        axis = colour_axis(fig, 0, bar, colorscale=ORDERED, cmin=low, cmax=high, showscale=True)
        fig.add_trace(_scale_bearer(axis, low, high), row=1, col=1)
    steps, losses = logged["step"], logged[f"{part}_loss"]
    losses = losses[losses > 0]
    fig.update_xaxes(title_text=name_of("step"), **log_ticks(steps.min(), steps.max(), most=7))
    fig.update_yaxes(
        title_text=f"{part} loss (nats)", **log_ticks(losses.min(), losses.max(), most=7), row=1, col=1
    )
    if "accuracy" in drawn:
        fig.update_yaxes(title_text=f"{part} accuracy", range=[-0.03, 1.03], row=1, col=2)
    outputs = metrics.attrs.get("outputs")
    uniform = metrics.attrs.get("uniform_loss", math.log(outputs) if outputs else None)
    if uniform:
        fig.add_hline(
            y=uniform,
            line={"dash": "dot", "color": MUTED, "width": 1},
            row=1,
            col=1,
        )
        fig.add_annotation(
            text=f"uniform guess, {uniform:.2f}",
            x=0.01,
            xref="x domain",
            y=math.log10(uniform),  # an annotation, unlike a line, counts in decades on a logarithmic axis
            yref="y",
            xanchor="left",
            yanchor="top",
            showarrow=False,
            font={"size": 11, "color": MUTED},
            bgcolor="rgba(255,255,255,0.7)",
        )
    return Drawn(fig, says=_says(logged, by, part))


def held_out(metrics: pd.DataFrame) -> str:
    """The part that was held out, by the names of the columns; "all" where there is none."""
    parts = [name.removesuffix("_loss") for name in metrics.columns if name.endswith("_loss")]
    return next((part for part in parts if part not in ("train", "all")), "all")


def _says(logged: pd.DataFrame, by: str, part: str) -> str:
    last = logged.groupby("run", sort=False).tail(1)
    if len(last) == 1:
        (only,) = last.to_dict("records")
        ended = [
            f"{part} {q} {only[f'{part}_{q}']:.3g}" for q in ("loss", "accuracy") if f"{part}_{q}" in only
        ]
        return f"At the last step, {int(only['step']):,}: {', '.join(ended)}."
    perfect = ""
    if f"{part}_accuracy" in last:
        there = int((last[f"{part}_accuracy"] >= 1.0).sum())
        perfect = f"{share_of(there, len(last), 'runs')} ended at a {part} accuracy of 1; "
    finite = last[np.isfinite(last[f"{part}_loss"])].sort_values(f"{part}_loss", kind="stable")
    if finite.empty:
        return f"{perfect}no run has a finite {part} loss at its last step."
    sign, (best, *_, worst) = sign_of(by), finite.iloc[[0, -1]].to_dict("records")
    lost = "" if len(finite) == len(last) else f"; it is not finite in {len(last) - len(finite)}"
    return (
        f"{perfect}the last {part} loss runs from {best[f'{part}_loss']:.3g} nats ({sign} = {best[by]}) "
        f"to {worst[f'{part}_loss']:.3g} ({sign} = {worst[by]}){lost}."
    )


def _joined(pieces: list[np.ndarray]) -> np.ndarray:
    """Several lines in one trace, a gap between each and the next."""
    gapped = [np.append(piece.astype(float), np.nan) for piece in pieces]
    return np.concatenate(gapped)[:-1]


def _hover_names(runs: list[pd.DataFrame]) -> list[str]:
    """The run's name at every point, and nothing at the gaps."""
    names: list[str] = []
    for one in runs:
        names += [str(name) for name in one["run"]] + [""]
    return names[:-1]


def _scale_bearer(axis: str, low: float, high: float) -> go.Scatter:
    """Plotly shows a colour bar only for a trace that uses it; this one has no visible point."""
    return go.Scatter(
        x=[None],
        y=[None],
        mode="markers",
        showlegend=False,
        hoverinfo="skip",
        marker={"coloraxis": axis, "color": [low]},
    )

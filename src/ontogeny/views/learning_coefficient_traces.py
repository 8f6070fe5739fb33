"""The local learning coefficient beside what makes it believable."""

from __future__ import annotations

import xarray as xr

from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.panels import panels
from ontogeny.views.theme import ordered_colour


@view(
    reads=('one:lens:learning_coefficient(split="{split}")@cursor',),
    title="How degenerate is the loss here?",
)
def learning_coefficient_traces(learning_coefficient: xr.Dataset, *, split: str = "train") -> Drawn:
    """What is the local learning coefficient of this model, and is the number to be believed?

    Left: the coefficient of every walk, against the step size; where dots of a column lie apart, or columns do, there is no number
    yet. Right: the loss along the walks of each step size; a trace that still rises has not arrived. Believe what does not depend on
    step size or walk.
    """
    data = learning_coefficient.isel(step=0) if "step" in learning_coefficient.dims else learning_coefficient
    steps = data["step_size"].values
    fig = panels(2, titles=("coefficient", "rise of the loss on the walk"), height=420)
    for i, step in enumerate(steps):
        colour = ordered_colour(i / max(len(steps) - 1, 1))
        one = data.isel(step_size=i)
        fig.add_scatter(
            x=[float(step)] * one.sizes["chain"],
            y=light(one["coefficient"]),
            mode="markers",
            marker={"color": colour, "size": 9},
            name=f"step {step:g}",
            legendgroup=f"{i}",
            hovertemplate=f"step {step:g}<br><b>%{{y:.4~g}}</b><extra></extra>",
            row=1,
            col=1,
        )
        for chain in range(one.sizes["chain"]):
            fig.add_scatter(
                x=data["draw"].values,
                y=light(one["trace"].isel(chain=chain)),
                mode="lines",
                line={"color": colour, "width": 1},
                name=f"step {step:g}",
                legendgroup=f"{i}",
                showlegend=False,
                hovertemplate=f"step {step:g}, walk {chain}<br>%{{y:.3~g}}<extra></extra>",
                row=1,
                col=2,
            )
    fig.update_xaxes(type="log", title_text="step size", row=1, col=1)
    fig.update_xaxes(title_text="updates of the walk", row=1, col=2)
    fig.update_yaxes(title_text="coefficient", row=1, col=1)
    mean = data["coefficient"].mean("chain").values
    worst = float(data["forgotten"].max())
    doubt = (
        "walks agree"
        if worst < 1.1
        else "walks have not forgotten where they began, so none of these is a number yet"
    )
    said = ", ".join(f"{value:.3g} at step size {step:g}" for value, step in zip(mean, steps, strict=True))
    return Drawn(fig, says=f"The coefficient is {said}; {doubt} (R̂ at most {worst:.2f}).")

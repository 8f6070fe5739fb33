"""The interaction matrix behind one output, from wide to narrow."""

from __future__ import annotations

import plotly.graph_objects as go
import xarray as xr

from ontogeny.errors import UserError
from ontogeny.thinning import evenly_thinned
from ontogeny.views.base import Bind, Drawn, view
from ontogeny.views.bindings import bind
from ontogeny.views.light import light
from ontogeny.views.order import labels, one_each
from ontogeny.views.panels import colour_axis, panels
from ontogeny.views.theme import DIVERGING, RULE, colourbar


@view(reads=("lens:interaction_matrices@final",), title="Interaction matrix of one output")
def interaction_heatmap(
    interaction_matrices: xr.Dataset, *, by: str = "", output: int = 0, widths: int = 12
) -> Drawn:
    """What does the matrix of one output look like, and when does its pattern fade as the model narrows?

    The logit of the output is xᵀ B x, with x two one-hot vectors, so B(a, b) is what the pair (a, b) contributes. Each
    matrix is divided by its largest magnitude, which the hover gives: shades compare within one matrix, not across
    widths. Stripes along a + b constant are the rule of addition. Only the off-diagonal quarters and the diagonal are ever seen
    by an input. At most ``widths`` widths, evenly spaced, are shown, the widest first.
    """
    data = one_each(interaction_matrices, by)
    data = data.isel(run=evenly_thinned(data.sizes["run"], widths)[::-1])
    array = next(iter(data.data_vars.values()))
    if "output" in array.dims:
        if output not in array["output"].values:
            raise UserError(
                f"There is no output {output} in these matrices; they hold {', '.join(map(str, array['output'].values))}."
            )
        array = array.sel(output=output)
    array = array.transpose("run", "input", "input_other")
    largest = abs(array).max(["input", "input_other"])
    scaled = (array / largest.where(largest > 0, 1)).round(2)
    ticks = labels(data, by)
    hover = tuple(
        f"input %{{y}} × input %{{x}}<br><b>%{{z:.2f}} × {float(m):.3g}</b><extra>{name}</extra>"
        for name, m in zip(ticks, largest, strict=True)
    )
    fig = panels(1, height=640, bars=True, square=True)
    axis = colour_axis(
        fig,
        0,
        colourbar(f"B of output {output}, over its largest magnitude"),
        colorscale=DIVERGING,
        cmin=-1,
        cmax=1,
    )
    fig.add_trace(
        go.Heatmap(
            z=light(scaled[0]),
            coloraxis=axis,
            hovertemplate=hover[0],
        )
    )
    period = array.sizes["input"] / 2
    for add in (fig.add_hline, fig.add_vline):
        add(period - 0.5, line={"color": RULE, "width": 1})
    places, text = [0, period / 2, period, 1.5 * period], ["0", f"{period / 2:g}", "0", f"{period / 2:g}"]
    fig.update_xaxes(
        tickvals=places, ticktext=text, title_text="first operand a | second operand b", showgrid=False
    )
    fig.update_yaxes(
        tickvals=places, ticktext=text, title_text="first operand a | second operand b", showgrid=False
    )
    bindings = [bind(0, "z", scaled, "run", ticks), Bind(0, "hovertemplate", "run", hover, ticks)]
    says = (
        f"The largest entry of B for output {output} is {float(largest[0]):.3g} at {ticks[0]} "
        f"and {float(largest[-1]):.3g} at {ticks[-1]}."
    )
    return Drawn(fig, bindings, says=says, start=0)

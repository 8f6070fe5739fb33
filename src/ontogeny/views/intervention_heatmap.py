"""What an intervention does, input by input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from ontogeny.errors import UserError
from ontogeny.views.base import Drawn, view
from ontogeny.views.grid_panel import add_grid
from ontogeny.views.panels import colour_axis, panels
from ontogeny.views.theme import DIVERGING, colourbar, title_of


@view(
    reads=("one:lens:intervention_effect(intervention={intervention})@final",),
    title="What the intervention does",
)
def intervention_heatmap(
    intervention_effect: xr.Dataset,
    *,
    intervention: Sequence[Mapping[str, Any]] = (),
) -> Drawn:
    """Which inputs fail when the model is intervened upon, and which lose their logit?

    Left: prediction − truth under the intervention; a cell is an input, a downwards, white is right. Right: how much the
    logit of the right answer changed, red up, blue down. A logit that falls while the prediction stays right had room to fall.

    How it misleads: a model was never trained without what is taken away; compare with a random edit of the same size.
    """
    data = intervention_effect
    if len(data["error"].dims) != 2:
        raise UserError("This view shows tasks of two numbers; the inputs of this one are not a grid (a, b).")
    fig = panels(2, height=560, bars=True, square=True)
    for i, name in enumerate(("error", "logit_of_label")):
        values = data[name]
        most = float(np.abs(values).max()) or 1.0
        axis = colour_axis(fig, i, colourbar(title_of(values)), colorscale=DIVERGING, cmin=-most, cmax=most)
        add_grid(fig, i, values, axis, values.attrs["long_name"], "d" if name == "error" else ".3g")
    told = [
        f"{split}: accuracy {float(of.sel(condition='full')):.1%} → {float(of.sel(condition='intervened')):.1%}, "
        f"loss {float(loss.sel(condition='full')):.3g} → {float(loss.sel(condition='intervened')):.3g} nats"
        for split in data["split"].values
        for of, loss in [(data["accuracy"].sel(split=split), data["loss"].sel(split=split))]
    ]
    done = ", then ".join(str(one.get("kind", one)).replace("_", " ") for one in intervention)
    return Drawn(fig, says=f"Under {done}: {'; '.join(told)}.")

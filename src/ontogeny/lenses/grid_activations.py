"""Any tap, or the outputs, laid out over the grid of operands."""

from __future__ import annotations

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.subject import Subject


@lens(
    reads=("tap:{tap}", "grid"),
    gives={"activation": gives("grid", "…", long_name="{what}")},
    keep=False,
    cost="moderate",
)
def grid_activations(model: Subject, *, tap: str = "outputs") -> Found:
    """What does every unit of a tap, or every logit, say at each (a, b)?

    ``tap``: ``outputs``; a site of the model, as ``neurons`` or ``attention[0]``; or any tap by its own name, as
    ``last:blocks.0.mlp.hook_post``.
    Nothing is computed but the forward pass; the result is (a, b, the tap's own axes…) and large, so it is not stored.

    A down-sampled drawing of a map aliases: a fine wave reappears as a coarse one. Logits are defined up to a constant of each cell:
    compare within cells, or centre first.
    """
    value, axes = model.tap(tap), model.axes_of(tap)[1:]
    what = "logit" if tap == "outputs" else f"activation at {tap}"
    of = {"activation": {"axes": axes, "units": "logit" if tap == "outputs" else "1"}}
    return Found(
        activation=model.on_grid(value, example_axis=len(model.lead)), attrs={"tap": tap, "what": what}, of=of
    )

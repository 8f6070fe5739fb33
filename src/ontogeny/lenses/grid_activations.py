"""Any tap, or the outputs, laid out over the grid of operands."""

from __future__ import annotations

from ontogeny.axes import Labelled, array
from ontogeny.errors import UnknownName
from ontogeny.lenses.base import lens
from ontogeny.subject import Subject


@lens(reads=("grid",), keep=False, cost="moderate")
def grid_activations(model: Subject, *, tap: str = "outputs") -> dict[str, Labelled]:
    """What does every unit of a tap, or every logit, say at each (a, b)?

    ``tap``: a tap of the model, as ``last:blocks.0.mlp.hook_post`` or ``last:blocks.0.attn.hook_pattern``, or ``outputs``.
    Nothing is computed but the forward pass; the result is (a, b, the tap's own axes…) and large, so it is not stored.

    Raises UnknownName for a tap that the model does not have.
    """
    own: tuple[str, ...]
    known = model.architecture.taps
    if tap == "outputs":
        values, own = model.outputs, ("output",)
        if values.ndim - len(model.lead) == 3:
            own = ("position", "output")
    elif tap in known:
        values, own = model.tap(tap), known[tap][1:]
    else:
        raise UnknownName("tap", tap, [*known, "outputs"])
    grid = model.on_grid(values, example_axis=len(model.lead))
    return {
        "activation": array(
            grid,
            *model.grid,
            *own,
            long_name="logit" if tap == "outputs" else f"activation at {tap}",
            tap=tap,
        )
    }

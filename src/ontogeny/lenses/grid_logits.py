"""Logits of every cell of the grid of operands."""

from __future__ import annotations

from ontogeny.axes import Labelled, array
from ontogeny.lenses.base import lens
from ontogeny.subject import Subject


@lens(reads=("outputs", "grid"), keep=False)
def grid_logits(model: Subject) -> dict[str, Labelled]:
    """What does the model say, for every output, of every pair of operands?

    Equation: the logits of the forward pass on all inputs, unfolded into the grid. Computed when asked for and not stored.

    Shapes: logits (a, b, output) — one axis for each axis of the probe's grid. Units: logit.
    A high logit is evidence for that output relative to the others of the same cell: a constant added to all outputs of a cell changes
    no answer, so compare within cells, or centre first.
    """
    grid = model.probe.grid
    return {
        "logits": array(
            model.on_grid(model.outputs, example_axis=-2),
            *grid,
            "output",
            long_name="logit",
            units="logit",
            coords={
                **{axis: range(size) for axis, size in grid.items()},
                "output": range(model.outputs.shape[-1]),
            },
        )
    }

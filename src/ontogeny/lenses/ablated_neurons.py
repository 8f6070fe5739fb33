"""Neurons before and after the embedding loses all but its first principal component."""

from __future__ import annotations

import torch

from ontogeny.interventions.base import intervene
from ontogeny.interventions.components import KeepComponents
from ontogeny.interventions.embedding import number_rows
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.operands import operand_scores, operands
from ontogeny.numerics.regression import least_squares
from ontogeny.subject import Subject


@lens(
    reads=(
        "site:lookup",
        "site:embedded",
        "site:neurons[{layer}].pre",
        "site:neurons[{layer}]",
        "grid",
    ),
    gives={
        "r2_change": gives("stage", "neuron", long_name="R² of the change on PC2(a), PC2(b)"),
        "r2_sum": gives("condition", "stage", "neuron", long_name="R² of the activation on a + b"),
    },
)
def ablated_neurons(model: Subject, *, layer: int = -1, components: int = 1) -> Found:
    """Does each neuron change linearly in the second principal component that was removed, and does it follow the sum with and without it?

    Equation: the embedding of the numbers keeps its first ``components``. ``r2_change``: least squares of the change (ablated − full), before and
    after the nonlinearity, on PC2(a), PC2(b). ``r2_sum``: of the activation on a + b, full and ablated.

    R² near 1 before and low after the nonlinearity is what a ReLU does to a linear change. The change before it is exactly linear only as
    far as attention does not move. NaN: a neuron that never varies, or never changes.
    """
    inputs, axis = model.probe.inputs, len(model.lead)
    without = intervene(model, KeepComponents(tuple(range(components))))
    stages = [f"neurons[{layer}].pre", f"neurons[{layer}]"]
    for one in (model, without):
        one.read(*map(one.where, stages))
    full, ablated = (torch.stack([one.site(stage) for stage in stages], axis) for one in (model, without))
    pc2 = operand_scores(number_rows(model), inputs)[..., 1].unsqueeze(axis)
    on_sum = least_squares(operands(inputs)[:, 2:].to(full.device), torch.stack([full, ablated], axis))
    return Found(
        r2_change=least_squares(pc2, ablated - full).r2,
        r2_sum=on_sum.r2,
        ticks={"stage": ["pre", "post"], "condition": ["full", f"first {components} kept"]},
    )

"""Neurons before and after the embedding loses all but its first principal component."""

from __future__ import annotations

from dataclasses import replace

import torch

from ontogeny.axes import Labelled, array
from ontogeny.lenses.base import lens
from ontogeny.numerics.operands import keep_embedding, operand_scores, operands
from ontogeny.numerics.regression import least_squares
from ontogeny.subject import Subject


@lens(
    reads=(
        "weights:embed.W_E",
        "tap:last:blocks.0.mlp.hook_pre",
        "tap:last:blocks.0.mlp.hook_post",
        "grid",
    )
)
def ablated_neurons(model: Subject, *, layer: int = 0, components: int = 1) -> dict[str, Labelled]:
    """Does each neuron change linearly in the second principal component that was removed, and does it follow the sum with and without it?

    Equation: the embedding of the numbers keeps its first ``components``. ``r2_change``: least squares of the change (ablated − full), before and
    after the nonlinearity, on PC2(a), PC2(b). ``r2_sum``: of the activation on a + b, full and ablated.

    R² near 1 before and low after the nonlinearity is what a ReLU does to a linear change. The change before it is exactly linear only as
    far as attention does not move. NaN: a neuron that never varies, or never changes.
    """
    n, inputs = max(model.probe.grid.values()), model.probe.inputs
    W_E, axis = model.weights["embed.W_E"], len(model.lead)
    without = replace(
        model, weights={**model.weights, "embed.W_E": keep_embedding(W_E, n, components)}, _taps={}
    )
    taps = [f"last:blocks.{layer}.mlp.hook_{stage}" for stage in ("pre", "post")]
    for one in (model, without):
        one.read(*taps)
    full, ablated = (torch.stack([one.tap(tap) for tap in taps], axis) for one in (model, without))
    pc2 = operand_scores(W_E, inputs, n)[..., 1].unsqueeze(axis)
    on_sum = least_squares(operands(inputs)[:, 2:].to(W_E.device), torch.stack([full, ablated], axis))
    ticks = {"stage": ["pre", "post"], "condition": ["full", f"first {components} kept"]}
    return {
        "r2_change": array(
            least_squares(pc2, ablated - full).r2,
            "stage",
            "neuron",
            long_name="R² of the change on PC2(a), PC2(b)",
            coords=ticks,
        ),
        "r2_sum": array(on_sum.r2, "condition", "stage", "neuron", long_name="R² of the activation on a + b"),
    }

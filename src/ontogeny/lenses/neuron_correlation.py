"""Correlation of MLP neurons with the operands, and the read-out of the correlated ones."""

from __future__ import annotations

import torch

from ontogeny.axes import Labelled, array
from ontogeny.lenses.base import lens
from ontogeny.numerics.correlation import pearson
from ontogeny.numerics.operands import GROUPS, groups, operand_scores, operands
from ontogeny.subject import Subject

VARIABLES = ("a", "b", "a + b", "PC1(a)", "PC1(b)", "PC2(a)", "PC2(b)")
NEAR_ZERO = 0.01  # of the largest |W_L| of the chosen neurons


@lens(
    reads=(
        "weights:embed.W_E",
        "weights:unembed.W_U",
        "tap:last:blocks.0.mlp.hook_pre",
        "tap:last:blocks.0.mlp.hook_post",
        "grid",
    )
)
def neuron_correlation(
    model: Subject, *, layer: int = 0, threshold: float = 0.9, top: int = 100
) -> dict[str, Labelled]:
    """Which neurons follow the sum, or one operand, linearly, and what do the most correlated ones write to each output?

    Equation: Pearson r over all inputs of each neuron, before and after the nonlinearity, with a, b, a + b and the first two
    principal-component scores of each operand's embedding. W_L = W_out W_U (neuron, output) over the ``top`` neurons by |r| with a + b
    after the nonlinearity: share of positive weights, share below 1 % of the largest, mean and standard deviation, per output.

    |r| near 1 means linear; a neuron that is zero on half of the inputs cannot reach it, so r falls at the ReLU by itself. A neuron
    that is constant has no correlation: NaN, counted nowhere.
    """
    n = max(model.probe.grid.values())
    taps = [f"last:blocks.{layer}.mlp.hook_{stage}" for stage in ("pre", "post")]
    model.read(*taps)
    activations = torch.stack([model.tap(tap) for tap in taps], -3)
    inputs = model.probe.inputs
    scores = operand_scores(model.weights["embed.W_E"], inputs, n).mT.flatten(-2).double()
    plain = operands(inputs).to(scores.device).expand(*model.lead, -1, -1)
    r = pearson(activations, torch.cat([plain, scores], -1).unsqueeze(-3))

    with_sum = r[..., 1, :, VARIABLES.index("a + b")]
    order = with_sum.abs().nan_to_num(-1).argsort(dim=-1, descending=True, stable=True)[..., :top]
    W_L = model.weights[f"blocks.{layer}.mlp.W_out"] @ model.weights["unembed.W_U"]
    chosen = W_L.gather(-2, order.unsqueeze(-1).expand(*order.shape, W_L.shape[-1]))
    largest = chosen.abs().amax((-2, -1), keepdim=True)
    ticks = {"variable": list(VARIABLES), "stage": ["pre", "post"]}
    by_output = f"over the {order.shape[-1]} neurons most correlated with a + b"
    return {
        "r": array(r, "stage", "neuron", "variable", long_name="Pearson correlation", coords=ticks),
        "above": array(
            (r > threshold).sum(-2),
            "stage",
            "variable",
            long_name=f"neurons with r > {threshold}",
            units="neurons",
        ),
        "above_absolute": array(
            (r.abs() > threshold).sum(-2),
            "stage",
            "variable",
            long_name=f"neurons with |r| > {threshold}",
            units="neurons",
        ),
        "constant": array(
            r[..., 0].isnan().sum(-1), "stage", long_name="neurons that never vary", units="neurons"
        ),
        "group_size": array(
            groups(r[..., VARIABLES.index("a + b")]).sum(-1),
            "stage",
            "group",
            long_name="neurons by correlation with a + b",
            units="neurons",
            coords={"group": list(GROUPS)},
        ),
        "top_neuron": array(order, "rank", long_name="neuron, by |r| with a + b after the nonlinearity"),
        "share_positive": array(
            (chosen > 0).double().mean(-2), "output", long_name=f"share of positive W_L {by_output}"
        ),
        "share_near_zero": array(
            (chosen.abs() < NEAR_ZERO * largest).double().mean(-2),
            "output",
            long_name=f"share of |W_L| below {NEAR_ZERO:.0%} of the largest {by_output}",
        ),
        "mean": array(chosen.mean(-2), "output", long_name=f"mean W_L {by_output}", units="logit/activation"),
        "std": array(
            chosen.std(-2, correction=0),
            "output",
            long_name=f"standard deviation of W_L {by_output}",
            units="logit/activation",
        ),
    }

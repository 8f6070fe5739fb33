"""Correlation of MLP neurons with the operands, and the read-out of the correlated ones."""

from __future__ import annotations

import torch

from ontogeny.interventions.embedding import number_rows
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.correlation import pearson
from ontogeny.numerics.operands import GROUPS, groups, operand_scores, operands
from ontogeny.subject import Subject

VARIABLES = ("a", "b", "a + b", "PC1(a)", "PC1(b)", "PC2(a)", "PC2(b)")
NEAR_ZERO = 0.01  # of the largest |W_L| of the chosen neurons


@lens(
    reads=(
        "site:lookup",
        "site:neurons[{layer}]",
        "site:neurons[{layer}].pre",
        "site:readout[{layer}]",
        "grid",
    ),
    gives={
        "r": gives("stage", "neuron", "variable", long_name="Pearson correlation"),
        "above": gives("stage", "variable", long_name="neurons with r > {threshold}", units="neurons"),
        "above_absolute": gives(
            "stage", "variable", long_name="neurons with |r| > {threshold}", units="neurons"
        ),
        "constant": gives("stage", long_name="neurons that never vary", units="neurons"),
        "group_size": gives("stage", "group", long_name="neurons by correlation with a + b", units="neurons"),
        "top_neuron": gives("rank", long_name="neuron, by |r| with a + b after the nonlinearity"),
        "share_positive": gives("output", long_name="share of positive W_L {over}"),
        "share_near_zero": gives(
            "output", long_name=f"share of |W_L| below {NEAR_ZERO:.0%} of the largest {{over}}"
        ),
        "mean": gives("output", long_name="mean W_L {over}", units="logit/activation"),
        "std": gives("output", long_name="standard deviation of W_L {over}", units="logit/activation"),
    },
)
def neuron_correlation(model: Subject, *, layer: int = -1, threshold: float = 0.9, top: int = 100) -> Found:
    """Which neurons follow the sum, or one operand, linearly, and what do the most correlated ones write to each output?

    Equation: Pearson r over all inputs of each neuron, before and after the nonlinearity, with a, b, a + b and the first two
    principal-component scores of each operand's embedding. W_L, the read-out (neuron, output), over the ``top`` neurons by |r| with a + b
    after the nonlinearity: share of positive weights, share below 1 % of the largest, mean and standard deviation, per output.

    |r| near 1 means linear; a neuron that is zero on half of the inputs cannot reach it, so r falls at the ReLU by itself. A neuron
    that is constant has no correlation: NaN, counted nowhere.
    """
    stages = [f"neurons[{layer}].pre", f"neurons[{layer}]"]
    model.read(*map(model.where, stages))
    activations = torch.stack([model.site(stage) for stage in stages], -3)
    inputs = model.probe.inputs
    scores = operand_scores(number_rows(model), inputs).mT.flatten(-2).double()
    plain = operands(inputs).to(scores.device).expand(*model.lead, -1, -1)
    r = pearson(activations, torch.cat([plain, scores], -1).unsqueeze(-3))

    with_sum = r[..., 1, :, VARIABLES.index("a + b")]
    order = with_sum.abs().nan_to_num(-1).argsort(dim=-1, descending=True, stable=True)[..., :top]
    W_L = model.site(f"readout[{layer}]")
    chosen = W_L.gather(-2, order.unsqueeze(-1).expand(*order.shape, W_L.shape[-1]))
    largest = chosen.abs().amax((-2, -1), keepdim=True)
    return Found(
        r=r,
        above=(r > threshold).sum(-2),
        above_absolute=(r.abs() > threshold).sum(-2),
        constant=r[..., 0].isnan().sum(-1),
        group_size=groups(r[..., VARIABLES.index("a + b")]).sum(-1),
        top_neuron=order,
        share_positive=(chosen > 0).double().mean(-2),
        share_near_zero=(chosen.abs() < NEAR_ZERO * largest).double().mean(-2),
        mean=chosen.mean(-2),
        std=chosen.std(-2, correction=0),
        ticks={"variable": list(VARIABLES), "stage": ["pre", "post"], "group": list(GROUPS)},
        attrs={"over": f"over the {order.shape[-1]} neurons most correlated with a + b"},
    )

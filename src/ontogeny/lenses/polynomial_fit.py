"""Polynomials of the embedding's principal components as models of the neurons and of the logits."""

from __future__ import annotations

import torch
from torch import Tensor

from ontogeny.interventions.embedding import number_rows
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.models.base import Forward
from ontogeny.numerics.activations import ACTIVATIONS
from ontogeny.numerics.correlation import pearson
from ontogeny.numerics.operands import GROUPS, groups, operand_scores, operands
from ontogeny.numerics.regression import least_squares, polynomial, r_squared
from ontogeny.subject import Subject

THRESHOLDS = (0.9, 0.95, 0.99, 0.999)
FITS = ("linear", "quadratic", "symmetric")
QUANTITIES = ("mean", "median", "min", "max", *(f"above {t}" for t in THRESHOLDS))


@lens(
    reads=(
        "site:lookup",
        "site:neurons[{layer}].pre",
        "site:neurons[{layer}]",
        "site:readout[{layer}]",
        "outputs",
        "grid",
    ),
    gives={
        "r2": gives("stage", "fit", "neuron", long_name="R² of the fit"),
        "summary": gives("stage", "fit", "quantity", long_name="R² over neurons, and neurons above a value"),
        "coefficients": gives("stage", "neuron", "term", long_name="coefficient of the quadratic fit"),
        "coefficient_asymmetry": gives(
            "stage", "component", long_name="how unlike the coefficients of a and b are"
        ),
        "coefficient_mean": gives("stage", "group", "term", long_name="mean coefficient over neurons"),
        "coefficient_std": gives("stage", "group", "term", long_name="standard deviation of the coefficient"),
        "coefficient_size": gives("stage", "group", "term", long_name="mean |coefficient|"),
        "r2_rebuilt": gives("condition", long_name="R² of the logits of the neurons' path, rebuilt"),
        "r2_rebuilt_logits": gives("condition", long_name="R² of the model's own logits, rebuilt"),
        "r2_rebuilt_outputs": gives(
            "condition", long_name="R² of the model's own logits, rebuilt and given their means"
        ),
        "accuracy_replaced": gives("condition", long_name="accuracy with the neurons replaced by the fit"),
        "loss_replaced": gives(
            "condition", long_name="loss with the neurons replaced by the fit", units="nats"
        ),
        "r2_logit": gives("output", long_name="R² of the polynomial fit of each logit"),
    },
    cost="moderate",
)
def polynomial_fit(model: Subject, *, layer: int = -1) -> Found:
    """Is every neuron a low-degree polynomial of the first two principal components of a's and of b's embedding?

    Equation: least squares on x = (PC1(a), PC2(a), PC1(b), PC2(b)), where PC is the score of the operand's token.
    ``linear``: 4 terms; ``quadratic``: all 14 monomials of degree 1 and 2; ``symmetric``: the 5 of degree 1 and 2 in the sums
    s₁ = PC1(a) + PC1(b) and s₂ = PC2(a) + PC2(b), squares of sums and not sums of squares. R² per neuron before and after the
    nonlinearity; NaN for a neuron that never varies, and it is left out of every summary. Coefficients are those of the quadratic fit, overall and by the neuron's correlation with a + b
    after the nonlinearity; ``coefficient_asymmetry`` is Σ |c(a) − c(b)| / Σ (|c(a)| + |c(b)|) over neurons for the linear terms of each
    component, 0 if a and b count alike, 1 if one of them alone does.

    Logits rebuilt from the fits, as f(poly(pre)) W_L and as poly(post) W_L, have one R² over all entries, around their grand mean:
    ``r2_rebuilt`` against the path through the neurons, post W_L; ``r2_rebuilt_logits`` against the model's own as they are, so that what the skip path
    writes counts as left over (the published numbers are these); ``r2_rebuilt_outputs`` against the model's own, the mean of each
    output mended. ``accuracy_replaced``, ``loss_replaced``: of the model whose neurons are what the fit says, the skip path as it is. ``r2_logit``: the same polynomial fitted to each logit.

    R² near 1: the fit leaves nothing. It misleads with few inputs (15 parameters on p² inputs), and it is no causal claim: a share of
    variance that is left over can hold the answer, which is what the accuracy of the replaced model shows.
    """
    inputs, axis = model.probe.inputs, len(model.lead)
    stages = [f"neurons[{layer}].pre", f"neurons[{layer}]"]
    model.read(*map(model.where, stages))
    pre, post = (model.site(stage) for stage in stages)
    activations = torch.stack([pre, post], -3)
    scores = operand_scores(number_rows(model), inputs).double()
    a, b = scores.unbind(-2)
    x, names = torch.cat([a, b], -1), ("PC1(a)", "PC2(a)", "PC1(b)", "PC2(b)")
    terms = {
        "linear": polynomial(x, names, 1),
        "quadratic": polynomial(x, names, 2),
        "symmetric": polynomial(a + b, ("s₁", "s₂"), 2),
    }
    fits = {name: least_squares(terms[name].values.unsqueeze(-3), activations) for name in FITS}
    r2 = torch.stack([fits[name].r2 for name in FITS], -2)  # (…, stage, fit, neuron)
    quadratic = fits["quadratic"]
    coefficients = quadratic.coefficients.mT  # (…, stage, neuron, term)
    r = pearson(post, operands(inputs)[:, 2:].to(post.device))[..., 0]
    member = torch.cat([~r.isnan().unsqueeze(-2), groups(r)], -2).unsqueeze(-3)  # (…, 1, group, neuron)
    mean, std, size = _moments(coefficients, member)
    # Linear terms come first, in the order of ``names``.
    of_a, of_b = coefficients[..., :2], coefficients[..., 2:4]
    asymmetry = (of_a - of_b).abs().nansum(-2) / (of_a.abs() + of_b.abs()).nansum(-2)

    W_L = model.site(f"readout[{layer}]").double()
    activation = ACTIVATIONS[getattr(model.architecture, "activation", "relu")]
    fitted_pre, fitted_post = quadratic.predicted.unbind(-3)
    rebuilt = torch.stack([activation(fitted_pre) @ W_L, fitted_post @ W_L], -3)
    path, logits = (post.double() @ W_L).unsqueeze(-3), model.outputs.double().unsqueeze(-3)
    shifted = rebuilt + (logits - rebuilt).mean(-2, keepdim=True)
    replaced = [
        model.objective.examples(Forward(one, {}), model.probe.batch)
        for one in (logits - path + rebuilt).unbind(axis)
    ]
    return Found(
        r2=r2,
        summary=summary(r2),
        coefficients=coefficients,
        coefficient_asymmetry=asymmetry,
        coefficient_mean=mean,
        coefficient_std=std,
        coefficient_size=size,
        r2_rebuilt=_pooled_r2(path, rebuilt),
        r2_rebuilt_logits=_pooled_r2(logits, rebuilt),
        r2_rebuilt_outputs=_pooled_r2(logits, shifted),
        accuracy_replaced=torch.stack([one["accuracy"].double().mean(-1) for one in replaced], -1),
        loss_replaced=torch.stack([one["loss"].double().mean(-1) for one in replaced], -1),
        r2_logit=least_squares(terms["quadratic"].values, model.outputs).r2,
        ticks={
            "stage": ["pre", "post"],
            "fit": list(FITS),
            "quantity": list(QUANTITIES),
            "term": list(terms["quadratic"].names),
            "group": ["all", *GROUPS],
            "component": [1, 2],
            "condition": ["f(poly(pre)) W_L", "poly(post) W_L"],
        },
    )


def _pooled_r2(logits: Tensor, rebuilt: Tensor) -> Tensor:
    """One R² over all inputs and outputs: (…, example, output) → (…)."""
    return r_squared(logits.flatten(-2).unsqueeze(-1), rebuilt.flatten(-2).unsqueeze(-1))[..., 0]


def _moments(values: Tensor, member: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, standard deviation and mean size of ``values`` (…, neuron, term) over each group (…, group, neuron); NaN if empty."""
    weight = member.to(values)
    weight = weight / weight.sum(-1, keepdim=True)
    mean = weight @ values
    return mean, (weight @ values.square() - mean.square()).clamp(min=0).sqrt(), weight @ values.abs()


def summary(r2: Tensor) -> Tensor:
    """Mean, median, min, max and counts above :data:`THRESHOLDS` over the last axis, without its NaNs: (…, quantity)."""
    missing, none = r2.isnan(), r2.isnan().all(-1)
    low = r2.masked_fill(missing, torch.inf).amin(-1).masked_fill(none, torch.nan)
    high = r2.masked_fill(missing, -torch.inf).amax(-1).masked_fill(none, torch.nan)
    counts = [(r2 > t).sum(-1).to(r2) for t in THRESHOLDS]
    return torch.stack([r2.nanmean(-1), r2.nanmedian(-1).values, low, high, *counts], -1)

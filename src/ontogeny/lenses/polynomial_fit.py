"""Polynomials of the embedding's principal components as models of the neurons and of the logits."""

from __future__ import annotations

import torch
from torch import Tensor

from ontogeny.axes import Labelled, array
from ontogeny.lenses.base import lens
from ontogeny.models.base import Forward
from ontogeny.numerics.activations import ACTIVATIONS
from ontogeny.numerics.correlation import pearson
from ontogeny.numerics.operands import GROUPS, groups, operand_scores, operands
from ontogeny.numerics.regression import least_squares, polynomial, r_squared
from ontogeny.subject import Subject

THRESHOLDS = (0.9, 0.95, 0.99, 0.999)
FITS = ("linear", "quadratic", "symmetric")


@lens(
    reads=(
        "weights:embed.W_E",
        "weights:unembed.W_U",
        "tap:last:blocks.0.mlp.hook_pre",
        "tap:last:blocks.0.mlp.hook_post",
        "outputs",
        "grid",
    ),
    cost="moderate",
)
def polynomial_fit(model: Subject, *, layer: int = 0) -> dict[str, Labelled]:
    """Is every neuron a low-degree polynomial of the first two principal components of a's and of b's embedding?

    Equation: least squares on x = (PC1(a), PC2(a), PC1(b), PC2(b)), where PC is the score of the operand's token.
    ``linear``: 4 terms; ``quadratic``: all 14 monomials of degree 1 and 2; ``symmetric``: the 5 of degree 1 and 2 in the sums
    s₁ = PC1(a) + PC1(b) and s₂ = PC2(a) + PC2(b), squares of sums and not sums of squares. R² per neuron before and after the
    nonlinearity; NaN for a neuron that never varies, and it is left out of every summary. Coefficients are those of the quadratic fit, overall and by the neuron's correlation with a + b
    after the nonlinearity; ``coefficient_asymmetry`` is Σ |c(a) − c(b)| / Σ (|c(a)| + |c(b)|) over neurons for the linear terms of each
    component, 0 if a and b count alike, 1 if one of them alone does.

    Logits rebuilt from the fits, as f(poly(pre)) W_L and as poly(post) W_L, have one R² over all entries, around their grand mean:
    ``r2_rebuilt`` against the MLP path's, post W_L; ``r2_rebuilt_logits`` against the model's own as they are, so that what the skip path
    writes counts as left over (the published numbers are these); ``r2_rebuilt_outputs`` against the model's own, the mean of each
    output mended. ``accuracy_replaced``, ``loss_replaced``: of the model whose last MLP writes what the fit says, the skip path as it is (with several
    layers: only meaningful for the last). ``r2_logit``: the same polynomial fitted to each logit.

    R² near 1: the fit leaves nothing. It misleads with few inputs (15 parameters on p² inputs), and it is no causal claim: a share of
    variance that is left over can hold the answer, which is what the accuracy of the replaced model shows.
    """
    n, inputs = max(model.probe.grid.values()), model.probe.inputs
    taps = [f"last:blocks.{layer}.mlp.hook_{stage}" for stage in ("pre", "post")]
    model.read(*taps)
    pre, post = (model.tap(tap) for tap in taps)
    activations = torch.stack([pre, post], -3)
    scores = operand_scores(model.weights["embed.W_E"], inputs, n).double()
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
    of_a, of_b = (
        coefficients[..., :2],
        coefficients[..., 2:4],
    )  # linear terms come first, in the order of ``names``
    asymmetry = (of_a - of_b).abs().nansum(-2) / (of_a.abs() + of_b.abs()).nansum(-2)

    W_L = (model.weights[f"blocks.{layer}.mlp.W_out"] @ model.weights["unembed.W_U"]).double()
    activation = ACTIVATIONS[getattr(model.architecture, "activation", "relu")]
    fitted_pre, fitted_post = quadratic.predicted.unbind(-3)
    rebuilt = torch.stack([activation(fitted_pre) @ W_L, fitted_post @ W_L], -3)
    mlp_path, logits = (post.double() @ W_L).unsqueeze(-3), model.outputs.double().unsqueeze(-3)
    shifted = rebuilt + (logits - rebuilt).mean(-2, keepdim=True)
    axis = len(model.lead)
    replaced = [
        model.objective.examples(Forward(one, {}), model.probe.batch)
        for one in (logits - mlp_path + rebuilt).unbind(axis)
    ]

    ticks = {"stage": ["pre", "post"], "fit": list(FITS)}
    rebuild = {"condition": ["f(poly(pre)) W_L", "poly(post) W_L"]}
    own = {"term": list(terms["quadratic"].names), "group": ["all", *GROUPS]}
    return {
        "r2": array(r2, "stage", "fit", "neuron", long_name="R² of the fit", coords=ticks),
        "summary": array(
            summary(r2),
            "stage",
            "fit",
            "quantity",
            long_name="R² over neurons, and neurons above a value",
            coords={"quantity": ["mean", "median", "min", "max", *(f"above {t}" for t in THRESHOLDS)]},
        ),
        "coefficients": array(
            coefficients, "stage", "neuron", "term", long_name="coefficient of the quadratic fit", coords=own
        ),
        "coefficient_asymmetry": array(
            asymmetry,
            "stage",
            "component",
            long_name="how unlike the coefficients of a and b are",
            coords={"component": [1, 2]},
        ),
        "coefficient_mean": array(
            mean, "stage", "group", "term", long_name="mean coefficient over neurons", coords=own
        ),
        "coefficient_std": array(
            std, "stage", "group", "term", long_name="standard deviation of the coefficient"
        ),
        "coefficient_size": array(size, "stage", "group", "term", long_name="mean |coefficient|"),
        "r2_rebuilt": array(
            _pooled_r2(mlp_path, rebuilt),
            "condition",
            long_name="R² of the logits of the MLP path, rebuilt",
            coords=rebuild,
        ),
        "r2_rebuilt_logits": array(
            _pooled_r2(logits, rebuilt), "condition", long_name="R² of the model's own logits, rebuilt"
        ),
        "r2_rebuilt_outputs": array(
            _pooled_r2(logits, shifted),
            "condition",
            long_name="R² of the model's own logits, rebuilt and given their means",
        ),
        **{
            f"{name}_replaced": array(
                torch.stack([one[name].double().mean(-1) for one in replaced], -1),
                "condition",
                long_name=f"{name} with the MLP replaced by the fit",
                units=units,
            )
            for name, units in (("accuracy", "1"), ("loss", "nats"))
        },
        "r2_logit": array(
            least_squares(terms["quadratic"].values, model.outputs).r2,
            "output",
            long_name="R² of the polynomial fit of each logit",
        ),
    }


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

"""Linear probes with a held-out split."""

from __future__ import annotations

import torch

from ontogeny.errors import UserError
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.operands import operands
from ontogeny.numerics.random import Key
from ontogeny.numerics.regression import least_squares
from ontogeny.subject import Subject


@lens(
    reads=("tap:{tap}", "grid"),
    gives={
        "r2": gives("variable", long_name="R² on held-out inputs"),
        "r2_fitted": gives("variable", long_name="R² on the fitted inputs"),
        "error": gives("variable", long_name="mean squared error, held out", units="number²"),
        "error_of_mean": gives(
            "variable", long_name="mean squared error of the mean, held out", units="number²"
        ),
    },
    cost="moderate",
)
def linear_probe(
    model: Subject, *, tap: str = "neurons", train_fraction: float = 0.7, seed: int = 0
) -> Found:
    """Can a, b, their sum or the label be read off a tap by a linear map that was fitted on other inputs?

    Equation: least squares with a constant (the smallest solution where there are many) on ``train_fraction`` of the inputs (drawn by ``seed``, the same for all models); R² and mean
    squared error on the others, beside the error of always predicting the training mean. All other axes of the tap are
    flattened into features.

    Held-out R² near 1: linearly there. It misleads: it says what can be read, not what is used; a random network reads the sum as
    well; with more units than inputs the fit on its own inputs can be perfect whatever they hold, so only the held-out value
    speaks. R² < 0 is worse than the mean, and there is no floor: the fit is not regularised, and a target that is not there is sought in
    directions of hardly any variance.

    Raises UserError if either part would have fewer than two inputs. Source: Alain & Bengio 2016.
    """
    x = model.tap(tap).flatten(len(model.lead) + 1)
    n = x.shape[-2]
    n_fit = round(n * train_fraction)
    if n_fit < 2 or n - n_fit < 2:
        raise UserError(
            f"train_fraction = {train_fraction} fits the probe on {n_fit} of {n} inputs; both parts need two or more."
        )
    order = Key(seed, "linear_probe").permutation(n).to(x.device)
    y = torch.cat([operands(model.probe.inputs), model.probe.labels.double().unsqueeze(-1)], -1)
    y = y.to(x.device).expand(*model.lead, -1, -1)
    fit = least_squares(x, y, order[:n_fit], standardise=False)
    held_out = order[n_fit:]
    return Found(
        r2=fit.r2_held_out,
        r2_fitted=fit.r2,
        error=(y - fit.predicted)[..., held_out, :].square().mean(-2),
        error_of_mean=(y - y[..., order[:n_fit], :].mean(-2, keepdim=True))[..., held_out, :]
        .square()
        .mean(-2),
        ticks={"variable": ["a", "b", "a + b", "label"]},
        of={"r2": {"tap": tap}},
    )

"""Ordinary least squares over leading axes, with held-out R², and polynomial features."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import NamedTuple

import torch
from torch import Tensor

from ontogeny.numerics.correlation import constant


class Fit(NamedTuple):
    """y ≈ x @ coefficients + intercept, fitted on some rows and applied to all."""

    coefficients: Tensor  # (…, feature, target)
    intercept: Tensor  # (…, 1, target)
    predicted: Tensor  # (…, sample, target), all rows
    r2: Tensor  # (…, target), on the rows that were fitted
    r2_held_out: Tensor  # (…, target), on the others; NaN where there are none


def least_squares(x: Tensor, y: Tensor, rows: Tensor | None = None, *, standardise: bool = True) -> Fit:
    """Regress every column of ``y`` (…, sample, target) on the columns of ``x`` (…, sample, feature) and a constant.

    Equation: minimise ‖y − x β − β₀‖² over ``rows`` (all by default), in float64. Where the features do not determine β
    (more features than rows, or collinear ones), the smallest β of features scaled to unit variance. Without
    ``standardise``, of the features as they are: a unit that hardly varies on the fitted rows then gets no large coefficient, and
    cannot ruin what is predicted of rows on which it does. Directions within the rounding of the dtype that ``x`` came in do
    not count: float32 activations on a plane stay on it.
    """
    target, rounding = y, torch.finfo(x.dtype).eps * max(x.shape[-2:])
    x, y = x.double(), y.double()
    x_fit, y_fit = (x, y) if rows is None else (z.index_select(-2, rows.to(x.device)) for z in (x, y))
    x_mean, y_mean = x_fit.mean(-2, keepdim=True), y_fit.mean(-2, keepdim=True)
    scale = (x_fit - x_mean).norm(dim=-2, keepdim=True)
    if not standardise:
        scale = torch.ones_like(scale)
    scale = scale.masked_fill(constant(x_fit).unsqueeze(-2), torch.inf)  # a constant feature explains nothing
    beta = torch.linalg.pinv((x_fit - x_mean) / scale, rtol=rounding) @ (y_fit - y_mean)
    beta = beta / scale.mT
    intercept = y_mean - x_mean @ beta
    predicted = x @ beta + intercept
    if rows is None:
        r2 = r_squared(target, predicted)
        return Fit(beta, intercept, predicted, r2, torch.full_like(r2, torch.nan))
    held_out = torch.ones(x.shape[-2], dtype=torch.bool).index_fill(0, rows.cpu(), False)
    parts = (rows.to(x.device), held_out.nonzero()[:, 0].to(x.device))
    fitted, others = (
        r_squared(target.index_select(-2, part), predicted.index_select(-2, part)) for part in parts
    )
    return Fit(beta, intercept, predicted, fitted, others)


def r_squared(y: Tensor, predicted: Tensor) -> Tensor:
    """1 − Σ (y − ŷ)² / Σ (y − ȳ)² over samples (axis −2): (…, target). NaN for a constant target or fewer than two samples.

    Negative when ŷ does worse than the mean of these very samples.
    """
    if y.shape[-2] < 2:
        return predicted.new_full(predicted.shape[:-2] + predicted.shape[-1:], torch.nan)
    truth = y.to(predicted.dtype)
    residual = (truth - predicted).square_().sum(-2)  # in place: these are the largest arrays of a look
    total = (truth - truth.mean(-2, keepdim=True)).square_().sum(-2)
    return (1 - residual / total).masked_fill(constant(y).expand(residual.shape), torch.nan)


class Terms(NamedTuple):
    """Columns of a design matrix and their names."""

    values: Tensor  # (…, sample, term)
    names: tuple[str, ...]


def polynomial(x: Tensor, names: Sequence[str], degree: int = 2) -> Terms:
    """All monomials of degree 1 … ``degree`` in the columns of ``x`` (…, sample, variable); no constant.

    4 variables give 4 terms at degree 1 and 14 at degree 2, in the order of scikit-learn's ``PolynomialFeatures``.
    """
    columns, terms = [], []
    for d in range(1, degree + 1):
        for chosen in combinations_with_replacement(range(len(names)), d):
            columns.append(x[..., list(chosen)].prod(-1))
            terms.append("·".join(_powers([names[i] for i in chosen])))
    return Terms(torch.stack(columns, -1), tuple(terms))


def _powers(names: Sequence[str]) -> list[str]:
    return [n if (m := names.count(n)) == 1 else f"{n}^{m}" for n in dict.fromkeys(names)]

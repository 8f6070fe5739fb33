"""Two numbers that tell circuits for modular addition apart: how alike an output's two operands pull, and what their distance
does."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ontogeny.numerics.correlation import constant
from ontogeny.numerics.random import Key


class Sampled(NamedTuple):
    """A mean over sampled items, and the standard error of it as an estimate of the mean over all."""

    mean: Tensor
    error: Tensor


def sample(items: int, most: int, key: Key) -> Tensor:
    """``most`` of the numbers 0 … ``items`` − 1, none twice; all of them, in order, if ``most`` is 0 or not fewer."""
    if not 0 < most < items:
        return torch.arange(items)
    return key.permutation(items)[:most]


def sampled_mean(values: Tensor, items: int) -> Sampled:
    """Mean of values (…, sample), drawn without replacement from ``items``; NaN is left out.

    Equation: error = s √((1 − n/N)/n), with s the standard deviation of the n values that are there; 0 if they are all there are.
    """
    n = (~values.isnan()).sum(-1)
    mean = values.nanmean(-1)
    variance = (values - mean.unsqueeze(-1)).square().nansum(-1) / (n - 1)
    return Sampled(mean, (variance * (1 - values.shape[-1] / items) / n).sqrt())


def cosine(x: Tensor, y: Tensor) -> Tensor:
    """Cosine of the angle between x and y (…, coordinate), in float64: (…). NaN where one of them is zero."""
    x, y = x.double(), y.double()
    return torch.einsum("...d,...d->...", x, y) / (x.norm(dim=-1) * y.norm(dim=-1))


def distance_irrelevance(logit: Tensor) -> Tensor:
    """How little a function of (a, b) on the torus (…, a, b) owes to the distance b − a: (…), in float64.

    Equation: with L[a, b] the function, mean over d of std_a L[a, (a + d) mod p], over std_{a, b} L. 1 for a function of the sum
    alone (odd p), 0 for one of the distance alone, sd f / √(var f + var g) for f(a + b) + g(b − a). NaN for a constant.
    """
    a = torch.arange(logit.shape[-1], device=logit.device)
    along = logit.double()[..., a, (a + a[:, None]) % len(a)]  # (…, d, a)
    whole = along.flatten(-2).std(-1, correction=0)
    flat = constant(logit.flatten(-2), -1)
    return (along.std(-1, correction=0).mean(-1) / whole).masked_fill(flat, torch.nan)

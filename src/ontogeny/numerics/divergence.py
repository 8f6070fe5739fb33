"""Jensen–Shannon divergence of conditional distributions, for all pairs, each as if it were the only one."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ontogeny.numerics.compiled import compiled
from ontogeny.numerics.cores import one_core_each


def js_divergences(x: Sequence[Tensor], y: Sequence[Tensor]) -> Tensor:
    """H(½(p + q)) − ½ H(p) − ½ H(q) in nats, for every p in ``x`` and q in ``y``, each (condition, outcome).

    (len(x), len(y), condition) in float64, in [0, ln 2]: nearly equal distributions keep their digits. Zero probabilities count
    as they should; NaN stays NaN. Where x is y, one triangle is computed.
    """
    p, q = (torch.stack(list(one)).double().cpu().numpy() for one in (x, y))
    total = np.zeros((len(p), len(q), p.shape[1]))
    with one_core_each() as share:
        share(lambda i: _divergences(p[i], q, total[i], i if x is y else 0), range(len(p)))
    if x is y:
        upper = np.triu_indices(len(p), 1)
        total[upper[1], upper[0]] = total[upper]
    return torch.from_numpy(total).to(x[0].device)


@compiled(part=True)
def _entropy(p):
    """−Σ p ln p, where 0 ln 0 = 0."""
    total = 0.0
    for value in p:
        total -= 0.0 if value == 0.0 else value * np.log(value)
    return total


@compiled()
def _divergences(p, q, total, first):
    """Of one p with every q from the first: (condition, outcome), (model, condition, outcome) → (model, condition)."""
    for condition in range(p.shape[0]):
        own = _entropy(p[condition])
        for j in range(first, q.shape[0]):
            mixed = _entropy((p[condition] + q[j, condition]) / 2)
            value = mixed - (own + _entropy(q[j, condition])) / 2
            total[j, condition] = min(max(value, 0.0), np.log(2.0)) if value == value else value

"""Jensen–Shannon divergence of conditional distributions, for all pairs at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def js_divergences(x: Sequence[Tensor], y: Sequence[Tensor]) -> Tensor:
    """H(½(p + q)) − ½ H(p) − ½ H(q) in nats, for every p in ``x`` and q in ``y``, each (condition, outcome).

    (len(x), len(y), condition) in float64, in [0, ln 2]: nearly equal distributions keep their digits. Zero probabilities count as they
    should; NaN stays NaN. Where x is y, one triangle is computed.
    """
    p, q = (torch.stack(list(one)).double() for one in (x, y))
    own_p, own_q = (torch.special.entr(one).sum(-1) for one in (p, q))
    total = p.new_zeros(len(p), len(q), p.shape[-2])
    for i in range(len(p)):
        others = slice(i if x is y else 0, None)
        mixed = torch.special.entr((p[i] + q[others]) / 2).sum(-1)
        total[i, others] = mixed - (own_p[i] + own_q[others]) / 2
        if x is y:
            total[others, i] = total[i, others].clone()
    return total.clamp(0, math.log(2))

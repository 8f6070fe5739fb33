"""Inner products of many rows, each as if it were the only one.

A product of matrices gives the same inner products faster, and adds each of them up in an order that depends on how many there are and
where they lie: the similarity of two models would have other last bits in other company.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ontogeny.numerics.compiled import compiled
from ontogeny.numerics.cores import one_core_each

LONG = 2**16  # columns of all vectors that are put side by side at once
BLOCK = 2048  # columns: a few hundred rows of them stay in a core's cache


def gram(x: Tensor, y: Tensor | None = None) -> Tensor:
    """⟨x_i, y_j⟩ for all rows: (m, n), (k, n) → (m, k), added up in float64 block by block; without ``y``, of ``x`` with itself."""
    rows = np.ascontiguousarray(x.detach().cpu().numpy())
    others = rows if y is None else np.ascontiguousarray(y.detach().cpu().numpy())
    total = np.zeros((len(rows), len(others)))
    with one_core_each() as share:
        cores = 2 * max(1, min(len(rows), 8))
        share(lambda first: _rows(rows, others, total, first, cores, y is None), range(cores))
    if y is None:
        total = np.triu(total) + np.triu(total, 1).T
    return torch.from_numpy(total)


def inner_products(x: Sequence[Tensor], y: Sequence[Tensor]) -> Tensor:
    """⟨x_i, y_j⟩ of long vectors that lie apart in memory: (len(x), len(y)), in float64; where x is y, of x with itself."""
    total = torch.zeros(len(x), len(y), dtype=torch.float64, device=x[0].device)
    for first in range(0, len(x[0]), LONG):
        block = torch.stack([one[first : first + LONG] for one in x])
        other = block if x is y else torch.stack([one[first : first + LONG] for one in y])
        if block.device.type == "cpu":
            total += gram(block, None if x is y else other)
        else:
            total += block.double() @ other.double().mT
    return total


@compiled("reassoc", "contract", "nsz", part=True)
def _dot(x, y):
    total = 0.0
    for k in range(len(x)):
        total += np.float64(x[k]) * np.float64(y[k])
    return total


@compiled()
def _rows(x, y, total, first, every, symmetric):
    """Rows first, first + every, … of the products, or of their upper triangle."""
    for start in range(0, x.shape[1], BLOCK):
        stop = min(start + BLOCK, x.shape[1])
        for i in range(first, len(x), every):
            for j in range(i if symmetric else 0, len(y)):
                total[i, j] += _dot(x[i, start:stop], y[j, start:stop])

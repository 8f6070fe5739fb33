"""Samples × samples matrices as vectors, so that inner products of matrices are those of vectors, and their values when samples are renamed.

``pack`` keeps the upper triangle times √2 and, if asked, the diagonal: ⟨pack(A), pack(B)⟩ = ⟨A, B⟩_F.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.numerics.compiled import compiled
from ontogeny.numerics.cores import one_core_each

Dissimilarity = Literal["correlation", "cosine", "euclidean"]
MOST = 2**31  # entries of one matrix of samples × samples: 8 GB, about 46,000 samples


def dissimilarities(x: Tensor, kind: Dissimilarity) -> Tensor:
    """Between all rows of (n, d): (n, n), zero on the diagonal.

    correlation: 1 − Pearson's r over units; cosine: 1 − cos; euclidean: the distance. A row without direction is at 1 from all others.
    """
    n = len(x)
    if n * n > MOST:
        raise UserError(
            f"A matrix of {n:,} × {n:,} samples is asked for, {n * n * x.element_size() / 2**30:,.0f} GiB. Compare a random "
            "subset (samples=4096), or by a measure that needs no such matrix: cka_linear, svcca, procrustes."
        )
    if kind == "euclidean":
        # |x|² + |y|² − 2⟨x, y⟩ loses the digits of small distances: centred first, in float64, few samples one by one.
        points = (x - x.mean(0)).double()
        mode = "use_mm_for_euclid_dist" if n > 512 else "donot_use_mm_for_euclid_dist"
        distances = torch.cdist(points, points, compute_mode=mode).to(x.dtype)
    else:
        x = x - x.mean(-1, keepdim=True) if kind == "correlation" else x
        x = torch.nn.functional.normalize(x, dim=-1, eps=torch.finfo(x.dtype).tiny)
        distances = 1 - x @ x.mT
    distances = distances.clamp_(min=0)
    distances.fill_diagonal_(0)
    return distances


def pack(a: Tensor, diagonal: bool) -> Tensor:
    """Symmetric (n, n) → vector: n(n − 1)/2 entries above the diagonal times √2, preceded by the diagonal if asked."""
    n = len(a)
    rows = torch.cat([a[i, i + 1 :] for i in range(n - 1)]) * math.sqrt(2)
    return torch.cat([a.diagonal(), rows]) if diagonal else rows


def unpack(vector: Tensor, diagonal: bool) -> Tensor:
    """The inverse of :func:`pack`; without ``diagonal``, zeros there."""
    count = len(vector)
    n = round((math.isqrt(8 * count + 1) + (-1 if diagonal else 1)) / 2)
    a = vector.new_zeros(n, n)
    start = n if diagonal else 0
    for i in range(n - 1):
        a[i, i + 1 :] = vector[start : start + n - 1 - i]
        start += n - 1 - i
    a = (a + a.mT) / math.sqrt(2)
    if diagonal:
        a.diagonal().copy_(vector[:n])
    return a


def double_centre(a: Tensor) -> Tensor:
    """A without row and column means (symmetric): H A H with H = I − 11ᵀ/n, in place."""
    means = a.mean(0, dtype=torch.float64)
    return a.sub_(means.to(a.dtype)).sub_((means - means.mean()).to(a.dtype)[:, None])


def renamed(x: Tensor, y: Tensor, orders: Tensor, diagonal: bool) -> Tensor:
    """⟨A, B[order][:, order]⟩ of packed A and B for every order (order, n): (order,), in float64."""
    a, b = unpack(x, diagonal), unpack(y, diagonal)
    if x.device.type != "cpu":
        return torch.stack([(a * b[order][:, order]).sum(dtype=torch.float64) for order in orders])
    rows, others, names = a.numpy(), b.numpy(), orders.numpy().astype(np.int32)
    total = np.empty(len(names))
    batch = 16  # orders that go through a row of A together while it is in the cache
    with one_core_each() as share:
        share(
            lambda first: _renamed(rows, others, names[first : first + batch], total[first : first + batch]),
            range(0, len(names), batch),
        )
    return torch.from_numpy(total)


@compiled("reassoc", "contract", "nsz", part=True)
def _row(a, b, order, count):
    total = a.dtype.type(0)
    for j in range(count):
        total += a[j] * b[order[j]]
    return total


@compiled()
def _renamed(a, b, orders, total):
    for k in range(len(orders)):
        total[k] = 0.0
    for i in range(len(a)):
        for k in range(len(orders)):
            name = orders[k, i]
            # below the diagonal: rows that begin at 0 take half of the time
            total[k] += a[i, i] * b[name, name] + 2.0 * _row(a[i], b[name], orders[k], i)

"""Nearest neighbours by cosine, and what two lists of them share."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from ontogeny.errors import UserError
from ontogeny.numerics.compiled import compiled

ENTRIES = 2**24  # cosines held at once


def unit_rows(x: Tensor) -> Tensor:
    """Rows of length 1; zero rows stay zero."""
    return normalize(x, dim=-1, eps=torch.finfo(x.dtype).tiny)


def nearest(x: Tensor, k: int) -> Tensor:
    """The k rows of largest cosine with each row of (n, d), itself left out, nearest first: (n, k). Never more than some rows × n at once."""
    n = len(x)
    if k < 1 or k > n - 1:
        raise UserError(f"k = {k} neighbours are asked for; of {n} samples there are {max(n - 1, 0)}.")
    rows = unit_rows(x)
    found = []
    step = max(1, ENTRIES // n)
    for first in range(0, n, step):
        block = rows[first : first + step] @ rows.mT
        own = torch.arange(len(block), device=x.device)
        block[own, own + first] = -torch.inf  # the diagonal, not the largest: duplicates are neighbours
        found.append(block.topk(k).indices)
    return torch.cat(found)


def shared(x: Tensor, y: Tensor) -> Tensor:
    """How many neighbours two lists (n, k), each sorted, have in common, row by row: (n,)."""
    if x.device.type != "cpu":
        step = max(1, ENTRIES // (x.shape[1] * y.shape[1]))
        blocks = zip(x.split(step), y.split(step), strict=True)
        return torch.cat([(a[:, :, None] == b[:, None, :]).sum((1, 2)) for a, b in blocks])
    counts = np.empty(len(x), dtype=np.int64)
    _shared(x.numpy(), y.numpy(), counts)
    return torch.from_numpy(counts)


@compiled()
def _shared(x, y, counts):
    for row in range(len(x)):
        i = j = found = 0
        while i < x.shape[1] and j < y.shape[1]:
            a, b = x[row, i], y[row, j]
            found += a == b
            i += a <= b
            j += b <= a
        counts[row] = found

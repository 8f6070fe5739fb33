"""Orders of units."""

from __future__ import annotations

from torch import Tensor


def by_first_then_largest(first: Tensor, size: Tensor) -> Tensor:
    """Indices sorted by ``first``, smallest first (NaN last), ties by ``size``, largest first: (…, unit) → (…, unit)."""
    by_size = size.argsort(dim=-1, descending=True, stable=True)
    order = first.gather(-1, by_size).argsort(dim=-1, stable=True)
    return by_size.gather(-1, order)

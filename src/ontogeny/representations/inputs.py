"""What is compared, and everything that can be wrong with it: by name and by count, before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.measures.base import Measure
from ontogeny.measures.reading import as_tensor
from ontogeny.numerics.correlation import constant

RANK_OF = 2**22  # entries up to which the rank is counted


@dataclass(frozen=True)
class Named:
    """One representation, and what is to be known of it before it is believed."""

    name: str
    values: Tensor  # (n, d)
    warnings: tuple[str, ...] = ()

    def to(self, device: torch.device) -> Named:
        return replace(self, values=self.values.to(device))

    @property
    def shape(self) -> tuple[int, int]:
        return self.values.shape[0], self.values.shape[1]


def named(given: Any, default: str) -> list[Named]:
    """An array is one representation, a mapping several by name, a list several by number."""
    if isinstance(given, Mapping):
        pairs = [(str(name), one) for name, one in given.items()]
    elif isinstance(given, Sequence) and not isinstance(given, str) and len(given) and _is_matrix(given[0]):
        pairs = [(f"{default}{i}", one) for i, one in enumerate(given)]
    else:
        pairs = [(default, given)]
    if not pairs:
        raise UserError("There is nothing to compare: no array was given.")
    return [checked(name, one) for name, one in pairs]


def _is_matrix(one: Any) -> bool:
    return getattr(one, "ndim", 0) >= 2


def checked(name: str, given: Any) -> Named:
    """An array as (n, d); NaN and ∞ are refused, and what makes a comparison mean less than it seems is said."""
    values = as_tensor(given)
    if values.ndim > 2:
        raise UserError(
            f"{name} has the shape {tuple(values.shape)}; rows are samples and columns units, so say which axes are which: "
            "x.reshape(-1, x.shape[-1]) takes every position as a sample."
        )
    if values.ndim < 2:
        raise UserError(
            f"{name} has the shape {tuple(values.shape)}; an array of samples × units is asked for."
        )
    n, d = values.shape
    if not n or not d:
        raise UserError(f"{name} is empty: {n} samples × {d} units.")
    bad = ~values.isfinite()
    if count := int(bad.sum()):
        rows = bad.any(1).nonzero()[:, 0]
        raise UserError(
            f"{name} holds {count} values that are NaN or infinite, in {len(rows)} of its {n} rows (first: row {int(rows[0])}). "
            "Leave these rows out on both sides."
        )
    return Named(name, values, tuple(_doubts(name, values)))


def _doubts(name: str, values: Tensor) -> list[str]:
    n, d = values.shape
    doubts = []
    if dead := int(constant(values).sum()):
        doubts.append(f"{name}: {dead} of {d} units do not vary; nothing can be matched with them")
    if zero := int((values == 0).all(1).sum()):
        doubts.append(f"{name}: {zero} of {n} rows are zero; they have no direction")
    if (unique := distinct_rows(values)) < n:
        doubts.append(
            f"{name}: {n - unique} of {n} rows are copies of others ({unique} distinct); n is smaller than it looks, and copies are one "
            "another's neighbours"
        )
    if values.numel() <= RANK_OF and n > 1:
        rank = int(torch.linalg.matrix_rank(values - values.mean(0)))
        if rank < min(n - 1, d) and not dead:
            doubts.append(f"{name}: rank {rank} of {min(n - 1, d)}; some units are combinations of others")
    return doubts


def distinct_rows(values: Tensor) -> int:
    """How many different rows there are, bit by bit."""
    rows = np.ascontiguousarray(values.cpu().numpy())
    return len(np.unique(rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1])))))


def fits(measure: Measure, x: Named, y: Named, n: int) -> list[str]:
    """Refuse what the measure cannot compare on ``n`` samples; say what makes it trivial."""
    measure.refuse(x.shape, y.shape, (x.name, y.name))
    narrow = min(x.shape[1], y.shape[1])
    trivial = {"cca_mean", "cca_mean_squared", "pwcca", "principal_angles", "eigenspace_overlap"}
    wide = y.shape[1] if measure.name == "linear_regression" else max(x.shape[1], y.shape[1])
    if measure.name in trivial | {"linear_regression"} and n <= wide + 1:
        return [
            f"{measure.name}: {n} samples in {wide} dimensions. With n ≤ d + 1 any two representations share everything: the value "
            "says nothing"
        ]
    if measure.name in trivial | {"linear_regression", "svcca"} and n < 10 * (narrow + wide) / 2:
        return [
            f"{measure.name}: {n} samples for {x.shape[1]} and {y.shape[1]} dimensions; chance is high, read the null"
        ]
    return []

"""Units paired, or one side mapped onto the other, on some samples; what is compared are the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ontogeny.errors import UnknownName, UserError
from ontogeny.numerics.alignment import (
    MATCHINGS,
    Map,
    Matched,
    Matching,
    correlations,
    cosines,
    fit_map,
    halves,
    match,
)
from ontogeny.representations.inputs import checked


def align(
    X: Any,
    Y: Any,
    how: Matching = "hungarian",
    by: Literal["correlation", "cosine"] = "correlation",
) -> Matched:
    """Which unit of X belongs to which of Y: pairs with score and margin, the share unmatched, the number of distinct partners.

    ``by="correlation"``: columns of activations (n, d) and (n, e) of the same samples; ``"cosine"``: rows of weights, atoms × d. The pairs choose
    columns, or rows, for what is compared next: ``on.compare(W_X[m.left], W_Y[m.right])``.

    Scores of pairs that were matched on the same samples are too good: match on one half, or see ``on.compare(…, align=…)``.
    """
    x = checked("X", X)
    y = checked("Y", Y).to(x.values.device)
    if by == "correlation" and x.shape[0] != y.shape[0]:
        raise UserError(f"The samples are not matched: X has {x.shape[0]}, Y has {y.shape[0]}.")
    if by == "cosine" and x.shape[1] != y.shape[1]:
        raise UserError(
            f"Atoms are rows of the same dimension: X has {x.shape[1]} columns, Y has {y.shape[1]}."
        )
    return match(_scores(x.values, y.values, by), how)


def _scores(x: Tensor, y: Tensor, by: str) -> Tensor:
    """Of columns by their correlation, or of rows by their cosine."""
    if by not in ("correlation", "cosine"):
        raise UnknownName("score to align by", by, ("correlation", "cosine"))
    return correlations(x, y) if by == "correlation" else cosines(x, y)


@dataclass(frozen=True)
class Aligned:
    """``(x, y) → (x′, y′)``: the samples to score, units paired or x mapped onto y."""

    how: Any
    by: str
    fit_on: Literal["half", "all"]
    seed: int
    of_row: NDArray[np.int64]

    def __call__(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        fit, rest = self.rows(len(x))
        if self.how in MATCHINGS:
            pairs = self.matched(x[fit], y[fit])
            return x[rest][:, torch.as_tensor(pairs.left)], y[rest][:, torch.as_tensor(pairs.right)]
        return fit_map(x[fit], y[fit], self.how)(x[rest]), y[rest]

    def matched(self, x: Tensor, y: Tensor) -> Matched:
        return match(self.scores(x, y), self.how)

    def scores(self, x: Tensor, y: Tensor) -> Tensor:
        """Of every unit of x with every unit of y."""
        return correlations(x, y) if self.by == "correlation" else cosines(x.mT, y.mT)

    def pairs(self, x: Tensor, y: Tensor) -> int:
        """How many pairs of units are compared."""
        if self.how not in MATCHINGS:
            return min(x.shape[1], y.shape[1])
        fit, _ = self.rows(len(x))
        return len(self.matched(x[fit], y[fit]).left)

    def scored(self, n: int) -> int:
        """How many of n samples are scored."""
        return len(self.rows(n)[1])

    def rows(self, n: int) -> tuple[Tensor, Tensor]:
        """The samples that decide, and those that are scored."""
        if self.fit_on == "all":
            return torch.arange(n), torch.arange(n)
        return halves(n, self.seed, self.of_row)


def aligned(
    how: str | None, by: str, fit_on: Literal["half", "all"], seed: int, of_row: NDArray[np.int64]
) -> Aligned | None:
    known = (*MATCHINGS, *get_args(Map))
    if how is None:
        return None
    if how not in known:
        raise UnknownName("alignment", how, known)
    if by not in ("correlation", "cosine"):
        raise UnknownName("score to align by", by, ("correlation", "cosine"))
    return Aligned(how, by, fit_on, seed, of_row)

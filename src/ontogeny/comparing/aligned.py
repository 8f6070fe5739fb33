"""Units paired, or one side mapped onto the other, on some samples; what is compared are the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ontogeny.errors import UnknownName
from ontogeny.numerics.alignment import MATCHINGS, Map, Matched, correlations, cosines, fit_map, halves, match


@dataclass(frozen=True)
class Aligned:
    """``(x, y) → (x′, y′)``: the samples to score, units paired or x mapped onto y."""

    how: Any
    by: str
    fit_on: Literal["half", "all"]
    seed: int
    of_row: NDArray[np.int64]

    def __call__(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        fit, rest = self._rows(len(x))
        if self.how in MATCHINGS:
            pairs = self.matched(x[fit], y[fit])
            return x[rest][:, torch.as_tensor(pairs.left)], y[rest][:, torch.as_tensor(pairs.right)]
        return fit_map(x[fit], y[fit], self.how)(x[rest]), y[rest]

    def matched(self, x: Tensor, y: Tensor) -> Matched:
        scores = correlations(x, y) if self.by == "correlation" else cosines(x.mT, y.mT)
        return match(scores, self.how)

    def pairs(self, x: Tensor, y: Tensor) -> int:
        """How many pairs of units are compared."""
        if self.how not in MATCHINGS:
            return min(x.shape[1], y.shape[1])
        fit, _ = self._rows(len(x))
        return len(self.matched(x[fit], y[fit]).left)

    def _rows(self, n: int) -> tuple[Tensor, Tensor]:
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

"""Which unit of one representation belongs to which of another: matchings, how clear they are, and maps.

Units are columns of (n, d) and (n, e), compared by their correlation over samples or, as atoms × d, by their cosine. A matching is read with
its margin (how much better than the second best), the share left unmatched, and the number of *distinct* partners: one unit that answers
for many is no correspondence of units.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ontogeny.errors import UnknownName, UserError
from ontogeny.numerics.bases import centre
from ontogeny.numerics.correlation import constant
from ontogeny.numerics.neighbours import unit_rows
from ontogeny.numerics.transport import assignment, transport

Indices = NDArray[np.int64]
Matching = Literal["argmax", "argmax_back", "mutual", "hungarian", "transport"]
MATCHINGS = ("argmax", "argmax_back", "mutual", "hungarian", "transport")
Map = Literal["permutation", "orthogonal", "linear"]


def correlations(x: Tensor, y: Tensor) -> Tensor:
    """Pearson's r of every unit of (n, d) with every unit of (n, e): (d, e) in float64. NaN for a unit that does not vary."""

    def standard(z: Tensor) -> Tensor:
        c = centre(z.double())
        return (c / c.norm(dim=0)).masked_fill(constant(z), torch.nan)

    return (standard(x).mT @ standard(y)).clamp(-1, 1)


def cosines(x: Tensor, y: Tensor) -> Tensor:
    """Cosine of every row (atom) of (g, d) with every row of (h, d): (g, h). NaN for a zero row."""
    rows = [unit_rows(z.double()).masked_fill((z == 0).all(-1, keepdim=True), torch.nan) for z in (x, y)]
    return (rows[0] @ rows[1].mT).clamp(-1, 1)


@dataclass(frozen=True)
class Matched:
    """Pairs (left[i], right[i]) with their score and margin; of a plan, each left unit with the one it gives most to."""

    left: Indices
    right: Indices
    score: NDArray[np.float64]
    margin: NDArray[
        np.float64
    ]  # score − the best other candidate of the same left unit; NaN if there is none
    shape: tuple[int, int]
    usable: tuple[int, int]  # units that vary, of either side
    how: str

    @property
    def distinct(self) -> tuple[int, int]:
        """How many different units of either side take part."""
        return len(np.unique(self.left)), len(np.unique(self.right))

    @property
    def unmatched(self) -> tuple[float, float]:
        """Share of the usable units of either side that take no part."""
        first, second = (1 - d / max(n, 1) for d, n in zip(self.distinct, self.usable, strict=True))
        return first, second

    @property
    def repeated(self) -> NDArray[np.bool_]:
        """Pairs whose right unit is the partner of another left unit too."""
        counts = np.bincount(self.right, minlength=self.shape[1])
        return np.asarray(counts[self.right] > 1)

    def keep(self, chosen: NDArray[np.bool_] | Indices) -> Matched:
        """Some of the pairs: a mask, or their places."""
        return replace(
            self,
            left=self.left[chosen],
            right=self.right[chosen],
            score=self.score[chosen],
            margin=self.margin[chosen],
        )

    def above(self, least: float) -> Matched:
        """The pairs whose score exceeds ``least``."""
        return self.keep(self.score > least)

    def top(self, k: int) -> Matched:
        """The k pairs of largest score."""
        return self.keep(np.argsort(-self.score, kind="stable")[:k])

    def says(self) -> str:
        left, right = self.distinct
        return (
            f"{self.how}: {len(self.left)} pairs, {left} of {self.usable[0]} units with {right} of {self.usable[1]}; "
            f"mean score {np.mean(self.score) if len(self.score) else np.nan:.3f}, median margin "
            f"{np.nanmedian(self.margin) if np.isfinite(self.margin).any() else np.nan:.3f}"
        )


def match(scores: Tensor, how: Matching = "hungarian") -> Matched:
    """Pair rows with columns of a table of scores; NaN (dead units) never matches.

    argmax: every row its best column; argmax_back: every column its best row; mutual: where both agree; hungarian: one to one, largest sum;
    transport: optimal transport of even weights (POT), each row with the column it gives most to.
    """
    if how not in MATCHINGS:
        raise UnknownName("matching", how, MATCHINGS)
    table = scores.detach().cpu().double().numpy()
    alive = np.isfinite(table)
    rows, columns = np.flatnonzero(alive.any(1)), np.flatnonzero(alive.any(0))
    if not len(rows) or not len(columns):
        raise UserError("There is no unit that varies on both sides, so there is nothing to match.")
    part = table[np.ix_(rows, columns)]
    i, j = _pairs(part, how)
    best = part[i, j]
    others = part[i].copy()
    others[np.arange(len(i)), j] = -np.inf
    margin = best - others.max(1) if part.shape[1] > 1 else np.full(len(i), np.nan)
    return Matched(rows[i], columns[j], best, margin, table.shape, (len(rows), len(columns)), how)


def _pairs(part: NDArray[np.float64], how: Matching) -> tuple[Indices, Indices]:
    if how == "hungarian":
        return assignment(part)
    if how == "transport":
        return np.arange(len(part)), transport(part).argmax(1)
    forth, back = part.argmax(1), part.argmax(0)
    if how == "argmax":
        return np.arange(len(part)), forth
    if how == "argmax_back":
        return back, np.arange(part.shape[1])
    rows = np.flatnonzero(back[forth] == np.arange(len(part)))
    return rows, forth[rows]


class Fitted(NamedTuple):
    """y ≈ (x − x̄) map + ȳ."""

    matrix: Tensor  # (d, e)
    mean: Tensor
    shift: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        return ((x.double() - self.mean) @ self.matrix + self.shift).to(x.dtype)


def fit_map(x: Tensor, y: Tensor, kind: Map, ridge: float = 0.0) -> Fitted:
    """The map of (n, d) onto (n, e) with the smallest squared error: one unit to one unit, a rotation with one scale, or any linear map
    ("stitching"; ``ridge`` in shares of the largest variance). In float64; fit it on some samples and apply it to others."""
    if kind not in ("permutation", "orthogonal", "linear"):
        raise UnknownName("map", kind, ("permutation", "orthogonal", "linear"))
    a, b = x.double(), y.double()
    mean, shift = a.mean(0), b.mean(0)
    a, b = a - mean, b - shift
    products = a.mT @ b
    if kind == "permutation":
        i, j = assignment(products.cpu().numpy())
        matrix = products.new_zeros(products.shape)
        matrix[torch.as_tensor(i), torch.as_tensor(j)] = 1
        return Fitted(matrix, mean, shift)
    if kind == "orthogonal":
        u, s, vt = torch.linalg.svd(products, full_matrices=False)
        rotated = a @ (u @ vt)
        return Fitted(u @ vt * (s.sum() / rotated.square().sum()), mean, shift)
    u, s, vt = torch.linalg.svd(a, full_matrices=False)
    kept = s > max(a.shape) * torch.finfo(x.dtype).eps * s.max()
    weights = torch.where(kept, s / (s.square() + ridge * s.max().square()), 0)
    return Fitted(vt.mT @ (weights[:, None] * (u.mT @ b)), mean, shift)


def halves(n: int, seed: int, groups: NDArray[np.int64] | None = None) -> tuple[Tensor, Tensor]:
    """Rows to match on and rows to score on: two random halves of the samples, or of the groups (documents) that they come from."""
    units = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    order = np.random.default_rng(seed).permutation(units.max() + 1)
    first = np.isin(units, order[: len(order) // 2])
    return torch.from_numpy(np.flatnonzero(first)), torch.from_numpy(np.flatnonzero(~first))

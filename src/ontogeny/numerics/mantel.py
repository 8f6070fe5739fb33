"""Mantel's permutation test: is the correlation of two distance matrices more than chance, also at a fixed third?

Distances of the pairs of one model depend on one another, so pairs are not a sample; models are. The null renames the models of one
matrix, rows and columns together.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike

from ontogeny.errors import UserError
from ontogeny.numerics.agreement import Array, pairs_of
from ontogeny.numerics.resampling import permutation_p


class Mantel(NamedTuple):
    """Observed correlation, its one-sided p-value (null ≥ observed), mean and spread of the null, number of permutations."""

    r: float
    p: float
    null_mean: float
    null_sd: float
    permutations: int


def mantel(
    D1: ArrayLike,
    D2: ArrayLike,
    control: ArrayLike | None = None,
    *,
    method: str = "pearson",
    permutations: int = 9999,
    seed: int = 0,
) -> Mantel:
    """Correlation of the upper triangles, partial if a ``control`` matrix is given, against renamed models of D1.

    Partial: r₁₂.₃ = (r₁₂ − r₁₃ r₂₃)/√((1 − r₁₃²)(1 − r₂₃²)), recomputed under every permutation (Smouse, Long & Sokal 1986).
    p = (1 + #{null ≥ observed})/(1 + B). ``method="spearman"`` ranks the distances once, first.

    How it misleads: it tests that *some* relation exists, for exchangeable models. Models ordered by a setting (a width) are not: independent smooth
    paths are called agreement in 76 % of cases at fixed |Δd|, and always where distances grow with d. For these put seeds beside other seeds:
    :func:`~ontogeny.numerics.matched.matched_agreement`. Errors: fewer than 999 permutations, other methods.
    """
    if permutations < 999:
        raise UserError(
            f"{permutations} permutations cannot give a p-value below {1 / (1 + permutations):.2g}; ask for 999 or more."
        )
    if method not in ("pearson", "spearman"):
        raise UserError(f"method = {method!r}: choose 'pearson' or 'spearman'.")
    triangles = [pairs_of(D) for D in (D1, D2, *(() if control is None else (control,)))]
    if method == "spearman":
        triangles = [np.asarray(scipy.stats.rankdata(x), dtype=float) for x in triangles]
    x, *fixed = (_standardised(triangle) for triangle in triangles)
    if any(len(other) != len(x) for other in fixed):
        raise UserError("The matrices are about different numbers of models.")
    others = np.stack(fixed, 1)  # (pair, other)
    observed = _partial(x @ others, others)
    null = _partial(_renamed(x, others, permutations, seed), others)
    p = float(permutation_p(observed, null))
    return Mantel(float(observed), p, float(null.mean()), float(null.std()), permutations)


def _standardised(x: Array) -> Array:
    """Mean 0 and norm 1, so that correlations are scalar products; a constant has none: NaN."""
    x = x - x.mean()
    norm = np.linalg.norm(x)
    return x / norm if norm > 0 else np.full_like(x, np.nan)


def _partial(r: Array, others: Array) -> Array:
    """r (…, other): correlations of the first matrix with the others → the correlation with the first of them, given the second."""
    if others.shape[1] == 1:
        return r[..., 0]
    r12, r13, r23 = r[..., 0], r[..., 1], others[:, 0] @ others[:, 1]
    return np.asarray((r12 - r13 * r23) / np.sqrt((1 - r13**2) * (1 - r23**2)))


def _renamed(x: Array, others: Array, permutations: int, seed: int) -> Array:
    """Correlations with the others after renaming the models of x: (permutation, other), in batches of about 16 MB."""
    n = round((1 + (1 + 8 * len(x)) ** 0.5) / 2)
    i, j = np.triu_indices(n, 1)
    square = np.zeros((n, n))
    square[i, j] = square[j, i] = x
    random = np.random.default_rng(seed)
    batch = max(1, 2**21 // len(x))
    rows = []
    for first in range(0, permutations, batch):
        names = random.permuted(np.tile(np.arange(n), (min(batch, permutations - first), 1)), axis=1)
        rows.append(square[names[:, i], names[:, j]] @ others)
    return np.concatenate(rows)

"""Do two distance matrices over the same models agree: in values, in order, in who is whose neighbour?

Matrices are (N, N); only pairs of different models count. Neighbours are found with the diagonal masked, not by dropping the nearest:
two identical models are each other's neighbours at distance 0. Ties go to the lower index, in both matrices alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from ontogeny.errors import UnknownName, UserError

Array = NDArray[np.float64]
K = (1, 2, 3, 5, 10, 15, 20, 30)
KINDS = ("similarity", "inner_product", "divergence", "distance")


def to_distance(values: ArrayLike, kind: str = "distance") -> Array:
    """Distances of a square matrix of comparisons.

    cosine similarity s → √(2(1 − s)); inner product g → √(g_ii + g_jj − 2 g_ij); divergence → √; a distance is itself. Rounding below
    zero is cut off. Raises :class:`~ontogeny.errors.UnknownName` for another kind.
    """
    x = np.asarray(values, dtype=float)
    if kind == "similarity":
        squares = 2 * (1 - x)
    elif kind == "inner_product":
        own = np.diagonal(x)
        squares = own[:, None] + own - 2 * x
    elif kind == "divergence":
        squares = x
    elif kind == "distance":
        return x
    else:
        raise UnknownName("kind of comparison", kind, KINDS)
    return np.sqrt(np.maximum(squares, 0))


def pairs_of(distances: ArrayLike) -> Array:
    """The upper triangle without the diagonal: N(N − 1)/2 values. Refuses what is not square and symmetric."""
    D = np.asarray(distances, dtype=float)
    if D.ndim != 2 or D.shape[0] != D.shape[1] or len(D) < 3:
        raise UserError(f"A distance matrix is N × N with N ≥ 3; this one has the shape {D.shape}.")
    if not np.isfinite(D).all():
        raise UserError(
            f"{int((~np.isfinite(D)).sum())} of {D.size} distances are missing or infinite; leave those models out first."
        )
    if not np.allclose(D, D.T, rtol=1e-5, atol=1e-8 + 1e-5 * np.abs(D).max()):
        raise UserError(
            "The matrix is not symmetric: agreement of distances needs one value for a pair, in both directions."
        )
    return D[np.triu_indices(len(D), 1)]


def correlations(D1: ArrayLike, D2: ArrayLike) -> dict[str, float]:
    """Pearson's and Spearman's correlation of the upper triangles. Their p-values are :func:`~ontogeny.numerics.mantel.mantel`'s."""
    x, y = pairs_of(D1), pairs_of(D2)
    return {
        "pearson": _correlation(x, y),
        "spearman": _correlation(scipy.stats.rankdata(x), scipy.stats.rankdata(y)),
    }


def _correlation(x: Array, y: Array) -> float:
    x, y = x - x.mean(), y - y.mean()
    norm = np.linalg.norm(x) * np.linalg.norm(y)
    return float(x @ y / norm) if norm > 0 else float("nan")


def stress(D1: ArrayLike, D2: ArrayLike) -> dict[str, float]:
    """√(Σ(D − αD′)²/ΣD²), with the α that makes it smallest, ΣDD′/ΣD′², and with α = 1. 0: the same distances (up to scale)."""
    x, y = pairs_of(D1), pairs_of(D2)
    scale = float(x @ y / (y @ y))
    return {
        "stress": float(np.linalg.norm(x - scale * y) / np.linalg.norm(x)),
        "scale": scale,
        "stress_unscaled": float(np.linalg.norm(x - y) / np.linalg.norm(x)),
    }


def neighbour_ranks(distances: ArrayLike) -> NDArray[np.int64]:
    """rank[i, j]: j is the rank-th nearest of i, 1 … N − 1; the diagonal has N, beyond all."""
    D = np.asarray(distances, dtype=float).copy()
    np.fill_diagonal(D, np.inf)
    order = D.argsort(1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(1, len(D) + 1)[None, :].repeat(len(D), 0), 1)
    return ranks


def neighbourhoods(D1: ArrayLike, D2: ArrayLike, k: Sequence[int] = K) -> dict[str, Array]:
    """How much of each model's k nearest neighbours the two matrices share, for each k: arrays (k,), means over models.

    knn_overlap |A ∩ B|/k; jaccard |A ∩ B|/|A ∪ B|; trustworthiness 1 − 2/(Nk(2N−3k−1)) Σ_i Σ_{j ∈ B∖A} (rank₁(i, j) − k): are neighbours under D2
    near under D1; continuity: the same with the roles exchanged. The last two are missing (NaN) for k ≥ N/2, where their constant does not hold,
    and all are for k ≥ N. ``chance_…``: expected for unrelated matrices; overlap k/(N−1), Jaccard over the hypergeometric law.
    """
    pairs_of(D1), pairs_of(D2)
    rank1, rank2 = neighbour_ranks(D1), neighbour_ranks(D2)
    rows = [_neighbourhood(rank1, rank2, one) for one in k]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _neighbourhood(rank1: Any, rank2: Any, k: int) -> dict[str, float]:
    n = len(rank1)
    names = (
        "knn_overlap",
        "jaccard",
        "trustworthiness",
        "continuity",
        "chance_knn_overlap",
        "chance_jaccard",
    )
    if not 0 < k < n:
        return dict.fromkeys(names, float("nan"))
    near1, near2 = rank1 <= k, rank2 <= k
    shared = (near1 & near2).sum(1)
    penalty = 2 / (n * k * (2 * n - 3 * k - 1)) if 2 * k < n else float("nan")
    possible = np.arange(k + 1)
    chance = scipy.stats.hypergeom(n - 1, k, k).pmf(possible)
    values = (
        (shared / k).mean(),
        (shared / (2 * k - shared)).mean(),
        1 - penalty * (rank1 - k)[near2 & ~near1].sum(),
        1 - penalty * (rank2 - k)[near1 & ~near2].sum(),
        k / (n - 1),
        (chance * possible / (2 * k - possible)).sum(),
    )
    return dict(zip(names, map(float, values), strict=True))

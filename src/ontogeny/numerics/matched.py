"""Is what we see about these very models, or would those of another seed do? Permutations of whole seeds.

Models that are ordered by a setting (a width) resemble their neighbours, differ more at one end than at the other, and share
what their seed decided. Renaming models, or resampling pairs of them, breaks all of this and calls it agreement. Here the null keeps every seed whole:
seed i in one respect is put beside seed j in the other, at the same settings. What the settings explain is there in both; only what
belongs to these models is lost.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from ontogeny.errors import UserError
from ontogeny.numerics.resampling import Array, permutation_p


class Matched(NamedTuple):
    """Correlation that belongs to the models, its one-sided p, the plain correlation within seeds and across them, number of seeds."""

    r: float
    p: float
    same_seed: float
    other_seed: float
    seeds: int


def seed_orders(seeds: int, most: int = 1999, random_seed: int = 0) -> NDArray[np.int64]:
    """All orders of the seeds but the one we have, or ``most`` random ones where there are more: (orders, seeds).

    With S seeds no p is below 1/S!: 4 are the least for p < .05.
    """
    if math.factorial(seeds) - 1 <= most:
        return np.array(list(itertools.permutations(range(seeds)))[1:], dtype=np.int64).reshape(-1, seeds)
    names = np.tile(np.arange(seeds), (most, 1))
    return np.random.default_rng(random_seed).permuted(names, axis=1)


def matched_agreement(
    D1: ArrayLike, D2: ArrayLike, *, permutations: int = 1999, random_seed: int = 0
) -> Matched:
    """Do two measures agree on which models are alike, beyond what the models' settings explain?

    ``D1``, ``D2``: distances among the models of each seed, in the same order of settings: (seed, N, N). Ranked within a seed;
    from each pair of settings its mean over seeds is taken away, and from each model its own effect (a model unlike all others is
    no agreement on pairs). r: correlation of what is left, within seeds. p: how often seeds put beside other seeds do as well. Calibrated by
    simulation: independent smooth paths, random walks and radii that grow with the setting are called agreement in 2–8 % of
    cases, with 4 seeds and with 8, where a partial Mantel test given |Δd| does so in up to all.

    How it misleads: agreement that is the same in every seed (narrow models are unlike wide ones under both) is not counted here: it shows
    in ``same_seed`` and ``other_seed``, the plain rank correlations.
    """
    x, y = (_ranks(np.asarray(D, dtype=float)) for D in (D1, D2))
    if x.shape != y.shape:
        raise UserError(f"The first measure compares {x.shape}, the second {y.shape} (seeds, pairs).")
    seeds = len(x)
    across = np.corrcoef(x, y)[:seeds, seeds:]  # ranks, so Spearman's
    same = float(across.diagonal().mean())
    if seeds < 2:
        return Matched(math.nan, math.nan, same, math.nan, seeds)
    other = float(across[~np.eye(seeds, dtype=bool)].mean())
    x, y = own(x), own(y)
    power = math.sqrt((x**2).sum() * (y**2).sum())
    if power < 1e-12:
        return Matched(math.nan, math.nan, same, other, seeds)
    products = x @ y.T / power
    null = products[np.arange(seeds), seed_orders(seeds, permutations, random_seed)].sum(1)
    seen = float(products.trace())
    return Matched(seen, float(permutation_p(seen, null)), same, other, seeds)


def _ranks(distances: Array) -> Array:
    """(seed, N, N) → ranks of the pairs within a seed, in (0, 1]: (seed, pairs)."""
    if distances.ndim != 3 or distances.shape[1] != distances.shape[2] or distances.shape[1] < 4:
        raise UserError(f"Distances are (seed, N, N) with N ≥ 4; these have the shape {distances.shape}.")
    i, j = np.triu_indices(distances.shape[1], 1)
    return np.asarray(scipy.stats.rankdata(distances[:, i, j], axis=1) / len(i))


def own(pairs: Array) -> Array:
    """What is left of (seed, pairs) without the mean over seeds of each pair and without an effect of each model (least squares)."""
    pairs = pairs - pairs.mean(0)
    n = round((1 + (1 + 8 * pairs.shape[1]) ** 0.5) / 2)
    i, j = np.triu_indices(n, 1)
    of_model = np.zeros((n, len(i)))
    of_model[i, np.arange(len(i))] = of_model[j, np.arange(len(i))] = 1
    effect = (pairs @ of_model.T - pairs.sum(1, keepdims=True) / (n - 1)) / (n - 2)
    return np.asarray(pairs - effect @ of_model)

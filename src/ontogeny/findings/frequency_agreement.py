"""Does a divergence between frequency distributions say which models use the same frequencies?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from ontogeny.findings.base import Finding, Verdict, finding
from ontogeny.findings.reading import along_runs, pair_matrix, variable
from ontogeny.numerics.mantel import mantel
from ontogeny.numerics.resampling import Array, bootstrap_interval

if TYPE_CHECKING:
    import xarray as xr


@finding(kind="frequency_agreement", reads=("measure:{measure}", "lens:{lens}@final"))
def frequency_agreement(
    data: Mapping[str, Any],
    *,
    measure: str = "js_divergence",
    value: str = "value",
    lens: str = "frequency_distribution",
    name: str = "p",
    by: str = "d_hidden",
    times_mean: float = 2.0,
    strong: float = 0.5,
    min_n: int = 10,
    level: float = 0.95,
    permutations: int = 1999,
    draws: int = 1000,
    text: str = "",
) -> list[Finding]:
    """Are models that this measure calls alike those that share their key frequencies?

    A frequency is key to a model if its share (``name``, averaged over sides and outputs) exceeds ``times_mean`` ×
    the mean share of all frequencies but the constant, which is never key. Unlikeness of two sets: 1 − Jaccard. The
    value is the Spearman correlation of the measure with it over pairs of models; p by Mantel's permutation, plain
    and given |Δ by|; the interval is a bootstrap over *models*. The correlation at twice and at half the threshold
    shows how much hangs on the rule. Models without a key frequency are left out and counted.

    "Agrees": partial p < 1 − level and the interval lies above ``strong``. "Disagrees": the interval lies below
    ``strong``. "Reveals" is more than p < 0.05: with many models a correlation of 0.1 is beyond chance and reveals
    nothing.

    How it misleads: both sides are computed from the same distributions, so some agreement is arithmetic; a high
    value says that the measure is not dominated by small shares, not that models work alike. Models that use most
    frequencies overlap by chance.
    """
    source, shares_of = f"measure:{measure}", f"lens:{lens}@final"
    pairs = data[source]
    lenses = data[shares_of].sel(run=pairs["run"].values)
    sign = -1.0 if pairs.attrs.get("kind") == "similarity" else 1.0
    unlike = sign * pair_matrix(pairs, value, source)
    x = along_runs(pairs, by, source).astype(float)
    shares = variable(lenses, name, shares_of)
    keys = key_sets(shares, times_mean)  # (run, frequency)
    has: np.ndarray = np.logical_and(keys.any(1), np.isfinite(unlike).all(1))
    claim = text or f"{measure} says which models use the same frequencies"
    evidence, n = {"pairs": source, "distributions": shares_of}, int(has.sum())
    sets = jaccard_distance(keys[has])
    constant = n > 1 and np.ptp(sets[np.triu_indices(n, 1)]) == 0
    if n < max(min_n, 4) or constant:
        why = (
            "all pairs of models overlap equally"
            if constant
            else f"{n} models have key frequencies, {max(min_n, 4)} are the least"
        )
        return [Finding(claim, verdict="too few seeds", why=why, n=n, n_unit="models", evidence=evidence)]

    unlike, distance = unlike[np.ix_(has, has)], np.abs(x[has][:, None] - x[has])
    plain = mantel(unlike, sets, method="spearman", permutations=permutations)
    varied = np.ptp(distance[np.triu_indices(n, 1)]) > 0
    partial = (
        mantel(unlike, sets, distance, method="spearman", permutations=permutations) if varied else plain
    )
    interval = bootstrap_interval(_over_models(unlike, sets), n, level=level, draws=draws)
    judged: Verdict = "too few seeds"
    if partial.p < 1 - level and interval[0] > strong:
        judged = "as published"
    elif interval[1] < strong:
        judged = "not as published"
    return [
        Finding(
            claim=claim,
            value=plain.r,
            units="Spearman correlation",
            interval=interval,
            interval_kind="confidence",
            interval_of="the correlation, models resampled",
            n=n,
            n_unit="models",
            verdict=judged,
            why=f"correlation {plain.r:.2f} over {n} models (Mantel p = {plain.p:.2g}; at equal |Δ {by}| {partial.r:.2f}, p = {partial.p:.2g}), "
            f"against the {strong:g} that would reveal something",
            evidence=evidence,
            details={
                "p_value": plain.p,
                "partial": partial.r,
                "p_partial": partial.p,
                "null_sd": plain.null_sd,
                "strong": strong,
                "models_without_key_frequency": len(has) - n,
                "keys_per_model": float(keys[has].sum(1).mean()),
                "at_half_threshold": _at(shares, times_mean / 2, has, unlike),
                "at_twice_threshold": _at(shares, times_mean * 2, has, unlike),
            },
        )
    ]


def key_sets(p: xr.DataArray, times_mean: float) -> np.ndarray:
    """Which frequencies are key to which model: boolean (run, frequency), the constant left out."""
    shares = p.transpose("run", ..., "frequency").values.astype(float)
    shares = shares.reshape(len(shares), -1, shares.shape[-1]).mean(1)
    if "frequency" in p.coords:
        shares = shares[:, p["frequency"].values != 0]
    return np.asarray(shares > times_mean * shares.mean(1, keepdims=True))


def jaccard_distance(sets: np.ndarray) -> Array:
    """1 − |A ∩ B| / |A ∪ B| of boolean sets (n, frequency): (n, n). Two empty sets have distance 0."""
    both = sets.astype(float) @ sets.T.astype(float)
    size = sets.sum(1)
    either = size[:, None] + size - both
    return np.asarray(1 - np.where(either > 0, both / np.maximum(either, 1), 1.0))


def _over_models(x: Array, y: Array) -> Any:
    """Correlation of the ranks of pairs, for models drawn with repetition; pairs of a model with its own copy do not count."""
    upper = np.triu_indices(len(x), 1)
    one, two = np.zeros((2, *x.shape))
    for square, values in ((one, x), (two, y)):
        ranks = stats.rankdata(values[upper])
        square[upper] = ranks / ranks.max() - 0.5
        square += square.T
    moments = [
        np.triu(np.ones_like(one), 1),
        *(np.triu(m, 1) for m in (one, two, one * one, two * two, one * two)),
    ]
    stack = np.stack(moments)

    def correlation(index: np.ndarray) -> float:
        times = np.bincount(index, minlength=len(x)).astype(float)
        n, a, b, aa, bb, ab = (stack @ times) @ times
        power = (n * aa - a * a) * (n * bb - b * b)
        return float((n * ab - a * b) / np.sqrt(power)) if n > 0 and power > 0 else math.nan

    return correlation


def _at(shares: xr.DataArray, times_mean: float, has: np.ndarray, unlike: Array) -> float:
    sets = jaccard_distance(key_sets(shares, times_mean)[has])
    upper = np.triu_indices(len(sets), 1)
    if np.ptp(sets[upper]) == 0 or np.ptp(unlike[upper]) == 0:
        return math.nan
    return float(stats.spearmanr(unlike[upper], sets[upper]).statistic)

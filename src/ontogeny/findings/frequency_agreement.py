"""Does a divergence between frequency distributions say which models use the same frequencies?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from ontogeny.findings.base import Finding, Verdict, finding
from ontogeny.findings.reading import along_runs, pair_matrix, seed_grid, seeds_of, variable
from ontogeny.findings.verdicts import LEVEL
from ontogeny.numerics.matched import matched_agreement
from ontogeny.numerics.resampling import Array, jackknife_interval

if TYPE_CHECKING:
    import xarray as xr


SHARES = "lens:frequency_distribution@final"
TIMES_MEAN = 2.0  # the share of a key frequency
STRONG = 0.5  # a correlation that reveals something
LEAST = 4  # seeds: fewer have too few orders for any p < .05


@finding(kind="frequency_agreement", reads=("measure:{measure}", SHARES), stated=True)
def frequency_agreement(
    data: Mapping[str, Any],
    *,
    measure: str = "js_divergence",
    by: str = "d_hidden",
    text: str = "",
) -> list[Finding]:
    """Are models that this measure calls alike those that share their key frequencies?

    A frequency is key to a model if its share (averaged over sides and outputs) exceeds twice the mean share of all frequencies but the constant, which is never key. Unlikeness of two sets: 1 − Jaccard. The
    value is the Spearman correlation of the measure with it over pairs of models; its interval leaves out each *seed*
    in turn. p asks whether it is about these models, or whether those of another seed at the same ``by`` would do
    (:func:`~ontogeny.numerics.matched.matched_agreement`). The correlation at twice and at half the threshold
    shows how much hangs on the rule. Models without a key frequency are left out and counted.

    "As published": the interval lies above .5 and p < .05; "in part": it does, and so it would with models of other seeds. "Not as published": the interval lies below .5.
    "Reveals" is more than p < 0.05: a correlation of 0.1 may be beyond chance and reveals nothing. 4 seeds are
    the least, because fewer have too few orders for any p < .05.

    How it misleads: both sides are computed from the same distributions, so some agreement is arithmetic; a high
    value says that the measure is not dominated by small shares, not that models work alike. Models that use most
    frequencies overlap by chance.
    """
    source = f"measure:{measure}"
    pairs = data[source]
    lenses = data[SHARES].sel(run=pairs["run"].values)
    sign = -1.0 if pairs.attrs.get("kind") == "similarity" else 1.0
    unlike = sign * pair_matrix(pairs, "value", source)
    x = along_runs(pairs, by, source).astype(float)
    shares = variable(lenses, "p", SHARES)
    keys = key_sets(shares)  # (run, frequency)
    has: np.ndarray = np.logical_and(keys.any(1), np.isfinite(unlike).all(1))
    seeds = seeds_of(pairs)
    claim = text or f"{measure} says which models use the same frequencies"
    evidence, names = {"pairs": source, "distributions": SHARES}, np.unique(seeds[has])
    n = len(names)
    sets = jaccard_distance(keys)
    constant = n > 1 and np.ptp(sets[np.ix_(has, has)][np.triu_indices(int(has.sum()), 1)]) == 0
    if n < LEAST or constant:
        why = (
            "all pairs of models overlap equally"
            if constant
            else f"{int(has.sum())} models have key frequencies, of {n} seeds; {LEAST} seeds are the least"
        )
        return [Finding(claim, verdict="too few seeds", why=why, n=n, evidence=evidence)]

    def correlation(units: np.ndarray) -> float:
        models = np.flatnonzero(has & np.isin(seeds, names[units]))
        return _spearman(unlike[np.ix_(models, models)], sets[np.ix_(models, models)])

    seen = correlation(np.arange(n))
    interval = jackknife_interval(correlation, n, level=LEVEL, bounds=(-1, 1))
    _, place = seed_grid(x, seeds)
    place = place[:, has[place].all(0)]
    within = (
        matched_agreement(*(np.stack([m[np.ix_(r, r)] for r in place]) for m in (unlike, sets)))
        if place.shape[1] >= 4
        else None
    )
    p = math.nan if within is None else within.p
    judged: Verdict = "too few seeds"
    if interval[0] > STRONG:
        judged = "as published" if p < 1 - LEVEL else "in part"
    elif interval[1] < STRONG:
        judged = "not as published"
    beyond = (
        f"fewer than 4 {by} have models with key frequencies in every seed"
        if within is None
        else f"of what {by} leaves open {within.r:.2f} is shared, p = {p:.2g}"
    )
    return [
        Finding(
            claim=claim,
            value=seen,
            units="rank correlation",
            interval=interval,
            interval_kind="confidence",
            interval_of="the correlation, seeds left out in turn",
            n=n,
            verdict=judged,
            why=f"correlation {seen:.2f} over {int(has.sum())} models of {n} seeds ({beyond}), against the {STRONG:g} that would reveal something",
            evidence=evidence,
            details={
                "p_beyond_settings": p,
                "beyond_settings": math.nan if within is None else within.r,
                "strong": STRONG,
                "models_without_key_frequency": int(len(has) - has.sum()),
                "keys_per_model": float(keys[has].sum(1).mean()),
                "at_half_threshold": _at(shares, TIMES_MEAN / 2, has, unlike),
                "at_twice_threshold": _at(shares, TIMES_MEAN * 2, has, unlike),
            },
        )
    ]


def key_sets(p: xr.DataArray, times_mean: float = TIMES_MEAN) -> np.ndarray:
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


def _spearman(x: Array, y: Array) -> float:
    """Rank correlation over pairs of different models; NaN where either is constant."""
    upper = np.triu_indices(len(x), 1)
    if len(x) < 3 or np.ptp(x[upper]) == 0 or np.ptp(y[upper]) == 0:
        return math.nan
    return float(scipy.stats.spearmanr(x[upper], y[upper]).statistic)


def _at(shares: xr.DataArray, times_mean: float, has: np.ndarray, unlike: Array) -> float:
    return _spearman(unlike[np.ix_(has, has)], jaccard_distance(key_sets(shares, times_mean)[has]))

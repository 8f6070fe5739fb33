"""Maps over two numbers (the step at which each input is learned): alike between seeds? symmetric in the two numbers?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ontogeny.errors import UserError
from ontogeny.findings.base import Finding, Verdict, finding
from ontogeny.findings.reading import seeds_of, variable
from ontogeny.findings.verdicts import LEVEL
from ontogeny.numerics.map_correlation import correlations, shuffled, shuffled_means, spearman
from ontogeny.numerics.resampling import (
    jackknife_interval,
    mean_interval,
    pair_mean,
    permutation_p,
)

HIGH = 0.5  # a rank correlation from which on maps are called the same
DRAWS = 200  # shuffles for what chance gives


@finding(kind="map_agreement", reads=("{source}",))
def map_agreement(
    data: Mapping[str, Any],
    *,
    source: str = "lens:prediction_trace",
    name: str = "learned_step",
    among: str = "trained_on",
    text: str = "",
) -> list[Finding]:
    """Is the map over inputs the same from run to run?

    The value is the mean, over pairs of runs, of Spearman's rank correlation over the inputs that are known in both and for which
    ``among`` (a mask over the same inputs) is false in both. Interval: each seed left out in turn. Null: inputs shuffled
    within every run. The claim is that runs agree: at least .5.

    How it misleads: a correlation that chance excludes can be tiny, with thousands of inputs; read the value. Ties (many
    inputs learned between the same two checkpoints) pull it towards 0.
    """
    maps = _maps(data[source], source, name, among)
    claim = text or f"{name} of {source} is the same map in every run"
    matrix = correlations(maps)
    seeds = np.unique(whose := _seeds(data[source]))
    if len(seeds) < 3 or not np.isfinite(matrix[np.triu_indices(len(maps), 1)]).any():
        return [
            _unknown(claim, len(seeds), "three seeds with inputs that are known in two of them are needed")
        ]

    def among_seeds(units: np.ndarray) -> float:
        return pair_mean(matrix, np.flatnonzero(np.isin(whose, seeds[units])))

    seen = among_seeds(np.arange(len(seeds)))
    rng = np.random.default_rng(0)
    null = shuffled_means(maps, rng, DRAWS)
    low, top = interval = jackknife_interval(among_seeds, len(seeds), level=LEVEL, bounds=(-1, 1))
    p = float(permutation_p(seen, null))
    judged: Verdict = "holds" if low >= HIGH else "does not hold" if top < HIGH else "too few seeds"
    return [
        Finding(
            claim=claim,
            value=seen,
            interval=interval,
            interval_kind="confidence",
            interval_of="the mean correlation, seeds left out in turn",
            n=len(seeds),
            verdict=judged,
            why=f"mean rank correlation between runs {seen:.2g}, chance {null.mean():.2g} ± {null.std():.1g} (p = {p:.2g}); the claim asks for {HIGH:g}",
            evidence={"values": source},
            details={"matrix": matrix, "p": p, "null_mean": float(null.mean())},
        )
    ]


@finding(kind="map_symmetry", reads=("{source}",))
def map_symmetry(
    data: Mapping[str, Any],
    *,
    source: str = "lens:prediction_trace",
    name: str = "learned_step",
    among: str = "trained_on",
    text: str = "",
) -> list[Finding]:
    """Is the map over (a, b) symmetric in the two numbers?

    One value a run: Spearman's rank correlation of m(a, b) with m(b, a) over a < b where both are known and ``among`` is
    false for both. Null: inputs shuffled. The claim is symmetry: at least .5 in the mean over seeds.

    How it misleads: as :func:`map_agreement`. Where only one of (a, b) and (b, a) was trained on, nothing can be symmetric; the mask
    leaves those out.
    """
    maps = _maps(data[source], source, name, among)
    each, whose = np.array([_symmetry(m) for m in maps]), _seeds(data[source])
    known = np.isfinite(each)
    values = np.array([each[known & (whose == s)].mean() for s in np.unique(whose[known])])
    claim = text or f"{name} of {source} is symmetric"
    if len(values) < 2:
        return [
            _unknown(claim, len(values), "two seeds in which (a, b) and (b, a) are both known are needed")
        ]
    rng = np.random.default_rng(0)
    null = np.array([np.nanmean([_symmetry(m) for m in shuffled(maps, rng)]) for _ in range(DRAWS)])
    seen = float(values.mean())
    low, top = mean_interval(values, LEVEL)
    p = float(permutation_p(seen, null))
    judged: Verdict = "holds" if low >= HIGH else "does not hold" if top < HIGH else "too few seeds"
    return [
        Finding(
            claim=claim,
            value=seen,
            interval=(low, top),
            interval_kind="confidence",
            interval_of="the mean over seeds",
            n=len(values),
            verdict=judged,
            why=f"mean rank correlation of (a, b) with (b, a) {seen:.2g}, chance "
            f"{null.mean():.2g} ± {null.std():.1g} (p = {p:.2g}); the claim asks for {HIGH:g}",
            evidence={"values": source},
            values=tuple(values),
            details={"p": p},
        )
    ]


def _unknown(claim: str, n: int, why: str) -> Finding:
    return Finding(claim=claim, n=n, verdict="too few seeds", why=f"{why}; there are {n}")


def _seeds(data: Any) -> np.ndarray:
    """The seed of every run; runs that do not say are each their own."""
    return seeds_of(data) if "seed" in data.coords else np.arange(data.sizes["run"])


def _maps(data: Any, source: str, name: str, among: str) -> np.ndarray:
    """(run, a, b), NaN where unknown or masked."""
    chosen = variable(data, name, source)
    axes = [axis for axis in chosen.dims if axis != "run"]
    if "run" not in chosen.dims or len(axes) != 2:
        raise UserError(f"'{name}' of '{source}' has the axes {chosen.dims}; run and two more are needed.")
    values = chosen.transpose("run", *axes).values.astype(float)
    if among:
        mask = variable(data, among, source).transpose("run", *axes).values.astype(bool)
        values = np.where(mask, np.nan, values)
    return np.asarray(values)


def _symmetry(one: np.ndarray) -> float:
    if one.shape[0] != one.shape[1]:
        raise UserError(f"A map of {one.shape} cannot be symmetric; a square is needed.")
    above = np.triu_indices(len(one), 1)
    return spearman(one[above], one.T[above])

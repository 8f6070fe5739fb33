"""How is an output's energy shared among its frequencies, strongest first, as a setting shrinks?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ontogeny.findings.base import Finding, Verdict, finding
from ontogeny.findings.reading import along_runs, seeds_of, variable
from ontogeny.numerics.resampling import mean_interval

if TYPE_CHECKING:
    import xarray as xr

    from ontogeny.numerics.resampling import Array

ORDINAL = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


@finding(kind="energy_by_rank", reads=("lens:{lens}@final", "lens:{lens}@initial?"))
def energy_by_rank(
    data: Mapping[str, Any],
    *,
    lens: str = "frequency_distribution",
    name: str = "p",
    by: str = "d_hidden",
    seed: str = "seed",
    at: tuple[float, ...] = (16,),
    ranks: int = 3,
    constant: bool = False,
    visible: float | None = None,
    min_n: int = 3,
    level: float = 0.95,
    texts: tuple[str, ...] = (),
) -> list[Finding]:
    """What share of its energy does an output keep in its strongest, second, … frequency?

    ``name`` (run, …, frequency) is a distribution over frequencies for every output (and side). It is sorted in each
    place, strongest first, and averaged over places: rank r is "whatever frequency is r-th here", not one and the
    same frequency everywhere. ``constant`` keeps frequency 0 in the ranking. For every setting in ``at`` and every
    rank: the mean over seeds with Student's interval. The whole curve against ``by`` (mean and standard deviation
    over seeds) is in the details of the first finding.

    "Visible" means: the interval lies above ``visible``, or, if that is not given, above the same share at
    initialisation (``lens:NAME@initial``). ``texts`` are the claims about the first, second, … rank, in this order;
    later ranks must besides be smaller than the one before.

    How it misleads: the largest of many shares is large even in noise (at initialisation it is well above 1/number of
    frequencies), which is why the comparison is with the same rank. Sorting in every output hides whether outputs
    agree on the frequency.
    """
    source = f"lens:{lens}@final"
    final = data[source]
    x, seeds = along_runs(final, by, source), seeds_of(final, seed)
    shares = _ranked(variable(final, name, source), ranks, constant)  # (run, rank)
    initial = data.get(f"lens:{lens}@initial")
    start = None if initial is None else _ranked(variable(initial, name, source), ranks, constant)
    start_x = None if initial is None else along_runs(initial, by, f"lens:{lens}@initial")
    settings = np.unique(x)
    curve = {
        by: settings,
        "mean": [shares[x == d].mean(0) for d in settings],
        "sd": [
            shares[x == d].std(0, ddof=1) if (x == d).sum() > 1 else np.full(ranks, math.nan)
            for d in settings
        ],
    }
    found: list[Finding] = []
    for setting in at:
        here = x == setting
        values = np.array([shares[here & (seeds == s)].mean(0) for s in np.unique(seeds[here])]).reshape(
            -1, ranks
        )
        for rank in range(shares.shape[1]):
            mine = values[:, rank]
            threshold = visible
            if threshold is None and start is not None and start_x is not None and (start_x == setting).any():
                threshold = float(start[start_x == setting, rank].mean())
            claim = texts[rank] if rank < len(texts) else ""
            judged, why = _judge(values, rank, threshold, bool(claim), min_n, level)
            found.append(
                Finding(
                    claim=claim
                    or f"share of the {_ordinal(rank)} frequency of an output at {by} = {setting:g}",
                    value=float(mine.mean()) if len(mine) else math.nan,
                    units="share of energy",
                    interval=mean_interval(mine, level) if len(mine) > 1 else None,
                    interval_kind="confidence" if len(mine) > 1 else "",
                    interval_of="the mean over seeds",
                    n=len(mine),
                    verdict=judged,
                    why=why,
                    evidence={"distribution": source},
                    values=tuple(mine),
                    details={
                        "threshold": threshold,
                        "of_the_first": float((mine / values[:, 0]).mean()) if len(mine) else math.nan,
                        **({"curve": curve} if not found else {}),
                    },
                )
            )
    return found


def _ranked(p: xr.DataArray, ranks: int, constant: bool) -> Array:
    """Mean over places of the r-th largest share: (run, rank)."""
    shares = p.transpose("run", ..., "frequency").astype(float)
    if not constant and "frequency" in shares.coords:
        shares = shares.isel(frequency=shares["frequency"].values != 0)
    ordered = np.sort(shares.values, -1)[..., ::-1][..., :ranks]
    return np.asarray(ordered.reshape(len(ordered), -1, ordered.shape[-1]).mean(1))


def _judge(
    values: Array, rank: int, threshold: float | None, claimed: bool, min_n: int, level: float
) -> tuple[Verdict, str]:
    n = len(values)
    shown = f"mean {values[:, rank].mean():.3g} over {n} seeds" if n else "no run at this setting"
    if not claimed:
        return "", shown
    if n < max(min_n, 2):
        return "too few seeds", f"{shown}; {max(min_n, 2)} seeds are the least for a verdict"
    if threshold is None:
        return (
            "too few seeds",
            f"{shown}; neither a threshold nor the shares at initialisation are there to compare with",
        )
    low, high = mean_interval(values[:, rank], level)
    below, above = mean_interval(values[:, rank] - values[:, max(rank - 1, 0)], level)
    smaller = rank == 0 or above < 0
    if low > threshold and smaller:
        return (
            "as published",
            f"{shown}, interval [{low:.3g}, {high:.3g}] above {threshold:.3g}"
            + ", and below the one before" * (rank > 0),
        )
    if high < threshold:
        return "not as published", f"{shown}, interval [{low:.3g}, {high:.3g}] below {threshold:.3g}"
    return "too few seeds", f"{shown}, interval [{low:.3g}, {high:.3g}] against {threshold:.3g}" + (
        ""
        if smaller
        else f"; not clearly smaller than the one before (difference [{below:.2g}, {above:.2g}])"
    )


def _ordinal(rank: int) -> str:
    return ORDINAL[rank] if rank < len(ORDINAL) else f"{rank + 1}th"

"""How is an output's energy shared among its frequencies, strongest first, as a setting shrinks?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ontogeny.findings.base import Finding, Verdict, finding
from ontogeny.findings.judging import FLOAT32, LEAST
from ontogeny.findings.reading import along_runs, seeds_of, variable
from ontogeny.findings.verdicts import LEVEL
from ontogeny.numerics.resampling import mean_interval

if TYPE_CHECKING:
    import xarray as xr

    from ontogeny.numerics.resampling import Array

SHARES = "lens:frequency_distribution"
RANKS = 3  # the strongest, second and third frequency
ORDINAL = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


@finding(kind="energy_by_rank", reads=(f"{SHARES}@final", f"{SHARES}@initial?"), stated=True)
def energy_by_rank(
    data: Mapping[str, Any],
    *,
    by: str = "d_hidden",
    at: tuple[float, ...] = (16,),
    texts: tuple[str, ...] = (),
) -> list[Finding]:
    """What share of its energy does an output keep in its strongest, second, … frequency?

    ``ranked`` (run, …, rank) are the shares of the frequencies but the constant, sorted for every output (and side) and averaged
    over these places: rank r is "whatever frequency is r-th here", not one and the same frequency everywhere. For every setting in ``at`` and every rank: the mean over seeds with Student's interval.
    The whole curve against ``by`` (mean and standard deviation over seeds) is in the details of the first finding.

    ``texts`` are the claims that the first, second, … frequency is there. After sorting each is smaller than the one before, and the
    largest of many is large even in noise, so a rank is held against *sorted noise*: its part of what the stronger
    ones leave, s_r / (1 − s_1 − … − s_{r−1}), against the part that the largest of as many frequencies has by
    chance. Chance is the initialisation (``lens:NAME@initial``), or, without it, the spectrum of white noise, (1 + ½ + … + 1/m)/m of m
    frequencies (Fisher 1929). "As published": the interval of that part lies above chance, for this rank and every stronger one. "Not as published":
    it lies below.

    How it misleads: sorting in every output hides whether outputs agree on the frequency. A rank that beats noise need not be a
    circuit: what is left may be unlike noise in another way (a few shares that decay).
    """
    source = f"{SHARES}@final"
    final = data[source]
    x, seeds = along_runs(final, by, source), seeds_of(final)
    shares, parts = of_places(variable(final, "ranked", source), RANKS)  # (run, rank) each
    initial = data.get(f"{SHARES}@initial")
    start = None if initial is None else of_places(variable(initial, "ranked", source), 1)[1][:, 0]
    start_x = None if initial is None else along_runs(initial, by, f"{SHARES}@initial")
    many = final.sizes["rank"]
    found: list[Finding] = []
    for setting in at:
        here = x == setting
        units = np.unique(seeds[here])
        values, of_rest = (
            np.array([one[here & (seeds == s)].mean(0) for s in units]).reshape(-1, shares.shape[1])
            for one in (shares, parts)
        )
        largest = None
        if start is not None and start_x is not None and (start_x == setting).any():
            largest = float(start[start_x == setting].mean())
        chance = sorted_noise(many, shares.shape[1], largest)
        judged_before: Verdict = "as published"
        for rank in range(shares.shape[1]):
            mine = values[:, rank]
            claim = texts[rank] if rank < len(texts) else ""
            judged, why = _judge(mine, of_rest[:, rank], float(chance[rank]), judged_before)
            judged_before = judged
            found.append(
                Finding(
                    claim=claim
                    or f"share of the {_ordinal(rank)} frequency of an output at {by} = {setting:g}",
                    value=float(mine.mean()) if len(mine) else math.nan,
                    units="share of energy",
                    interval=mean_interval(mine, LEVEL) if len(mine) > 1 else None,
                    interval_kind="confidence" if len(mine) > 1 else "",
                    interval_of="the mean over seeds",
                    n=len(mine),
                    verdict=judged if claim else "",
                    key=_ordinal(rank) if len(at) == 1 else "",
                    why=why,
                    evidence={"distribution": source},
                    values=tuple(mine),
                    details={
                        "part_of_the_rest": float(of_rest[:, rank].mean()) if len(mine) else math.nan,
                        "part_by_chance": float(chance[rank]),
                        "of_the_first": float((mine / values[:, 0]).mean()) if len(mine) else math.nan,
                        **({} if found else {"curve": _curve(x, shares, by)}),
                    },
                )
            )
    return found


def _curve(x: Array, shares: Array, by: str) -> dict[str, Any]:
    """The mean over seeds of every rank against the setting, and its standard deviation."""
    settings = np.unique(x)
    of = [shares[x == d] for d in settings]
    return {
        by: settings,
        "mean": [one.mean(0) for one in of],
        "sd": [one.std(0, ddof=1) if len(one) > 1 else np.full(one.shape[1], math.nan) for one in of],
    }


def of_places(ranked: xr.DataArray, ranks: int) -> tuple[Array, Array]:
    """Means over places of the r-th largest share, and of its part of what the larger ones leave: (run, rank) each."""
    ordered = ranked.transpose("run", ..., "rank").values.astype(float)
    left = ordered[..., ::-1].cumsum(-1)[..., ::-1]  # what a rank and the weaker ones hold together
    parts = np.divide(ordered, left, out=np.zeros_like(ordered), where=left > 0)
    return tuple(one[..., :ranks].reshape(len(one), -1, ranks).mean(1) for one in (ordered, parts))


def sorted_noise(many: int, ranks: int, largest: float | None = None) -> Array:
    """The share of the largest of ``many``, ``many`` − 1, … frequencies of noise, (rank,), given that of all of them or of white noise."""
    harmonic = np.cumsum(1 / np.arange(1, many + 1)) / np.arange(1, many + 1)
    white = harmonic[::-1][:ranks]
    return np.asarray(white if largest is None else np.minimum(1.0, white * largest / white[0]))


def _judge(values: Array, parts: Array, chance: float, before: Verdict) -> tuple[Verdict, str]:
    n = len(values)
    shown = f"mean {values.mean():.3g} over {n} seed{'s' * (n != 1)}" if n else "no run at this setting"
    if n < LEAST:
        return "too few seeds", f"{shown}; {LEAST} seeds are the least for a verdict"
    low, high = mean_interval(parts, LEVEL)
    shown += (
        f"; of what stronger ones leave {parts.mean():.3g} ({low:.3g} to {high:.3g}), by chance {chance:.3g}"
    )
    if high < chance * (1 - FLOAT32):
        return "not as published", shown
    if before == "as published" and low > chance * (1 + FLOAT32):
        return "as published", shown
    return "too few seeds", shown


def _ordinal(rank: int) -> str:
    return ORDINAL[rank] if rank < len(ORDINAL) else f"{rank + 1}th"

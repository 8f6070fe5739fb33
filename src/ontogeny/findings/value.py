"""One number of a study: its mean and spread over seeds, beside what was published."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ontogeny.findings.base import Finding, Scope, finding, verdict
from ontogeny.findings.per_run import among as those
from ontogeny.findings.per_run import per_run
from ontogeny.numerics.resampling import mean_interval, prediction_interval

SECOND = " (second published value)"  # behind the claim that is judged by ``again``


@finding(kind="value", reads=("{source}", "{among}?", "runs?"))
def value(
    data: Mapping[str, Any],
    *,
    source: str = "runs",
    name: str = "validation_accuracy",
    where: Mapping[str, Any] | None = None,
    reduce: str = "mean",
    minus: Mapping[str, Any] | None = None,
    among: str = "runs",
    having: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    seed: str = "seed",
    text: str = "",
    units: str = "",
    published: float | None = None,
    again: float | None = None,
    rounding: float = 0.0,
    resolution: float | None = None,
    bounds: tuple[float, ...] = (-math.inf, math.inf),
    min_n: int = 3,
    level: float = 0.95,
) -> list[Finding]:
    """What is this number, how much does it vary from seed to seed, and could the published one be one more seed?

    ``source`` is ``runs``, ``metrics`` or ``lens:NAME@final``, ``name`` a column or variable of it, ``where`` picks
    rows or ticks (``{d_hidden = 64, split = "all"}``), ``reduce`` (mean, size (mean of absolute values), median, min,
    max, place of max, sum, std, first, last) makes one number of what remains for a run, ``minus`` takes another such
    number off; several runs of one seed are averaged. ``among`` and ``having`` (``{name = "all_accuracy", at_least =
    1.0}``, or several such) say which runs count. ``again`` is a second published value (another run of the same study, say), judged
    as a finding of its own. The interval is the prediction interval for one new seed; that of the mean is in the
    details.

    With a ``resolution``, the finding also says whether the number is a property of the task or of a seed
    (:func:`scope`).

    How it misleads: see :func:`~ontogeny.findings.base.verdict`. Among 25 such rows one or two disagree by chance at
    the 95 % level.
    """
    runs, which = those(
        per_run(data[source], source, name, where, reduce, seed=seed, minus=minus),
        data,
        among,
        having,
    )
    values = runs.groupby("seed")["value"].mean().dropna().to_numpy(dtype=float)
    limits = (float(bounds[0]), float(bounds[1]))
    n = len(values)
    claim = text or f"{name} of {source}" + "".join(f", {k} = {v}" for k, v in (where or {}).items())
    known = data[source]
    if not units and not isinstance(known, pd.DataFrame):
        units = known[name].attrs.get("units", "1")
    told = [one for one in (published, again) if one is not None]
    reach = scope(
        values, told, level=level, min_n=min_n, rounding=rounding, resolution=resolution, bounds=limits
    )
    found = []
    for number, label in ((published, ""), (again, SECOND)):
        if number is None and (label or told):
            continue
        judged, why = verdict(
            number, values, level=level, min_n=min_n, rounding=rounding, resolution=resolution, bounds=limits
        )
        found.append(
            Finding(
                claim=claim + label,
                value=float(values.mean()) if n else math.nan,
                units=units or "1",
                interval=prediction_interval(values, level, bounds=limits) if n >= 2 else None,
                interval_kind=f"{level:.0%} prediction interval for one new seed" if n >= 2 else "",
                n=n,
                published=number,
                verdict=judged,
                why=f"{why}; {which}" if which else why,
                scope=reach,
                evidence={"values": source},
                values=tuple(values),
                details={
                    "sd": float(values.std(ddof=1)) if n >= 2 else math.nan,
                    "mean_interval": mean_interval(values, level),
                    "seeds": [
                        int(one) if isinstance(one, int | np.integer) else str(one)
                        for one in sorted(runs["seed"].unique())
                    ],
                    "runs": dict(zip(runs["run"], runs["value"], strict=True)),
                },
            )
        )
    return found


def scope(
    values: np.ndarray,
    published: Sequence[float],
    *,
    level: float,
    min_n: int,
    rounding: float,
    resolution: float | None,
    bounds: tuple[float, float],
) -> Scope:
    """Is a number fixed by the task, or does each seed have its own?

    ``task``: the prediction interval of one new seed is no wider than ``resolution``, the difference that matters, and holds
    every published value. ``seed``: it is wider. ``set-up``: it is no wider, and a published value lies outside it: our runs
    agree with one another and not with that one, so something besides the seed differs. Nothing ("") without a resolution
    or with fewer than ``min_n`` seeds.
    """
    if resolution is None or len(values) < max(min_n, 2):
        return ""
    low, high = prediction_interval(values, level, bounds=bounds)
    if high - low > resolution:
        return "seed"
    return "task" if all(low - rounding <= one <= high + rounding for one in published) else "set-up"

"""A statement that is true or false of a run: of how many seeds does it hold?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ontogeny.findings.base import Finding, Scope, finding, verdict_of_event
from ontogeny.findings.per_run import among as those
from ontogeny.findings.per_run import meets, per_run
from ontogeny.numerics.resampling import predictive_count, wilson_interval


@finding(kind="holds", reads=("{source}", "{among}?", "runs?"))
def holds(
    data: Mapping[str, Any],
    *,
    source: str = "runs",
    name: str = "validation_accuracy",
    where: Mapping[str, Any] | None = None,
    reduce: str = "mean",
    minus: Mapping[str, Any] | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    equals: float | None = None,
    among: str = "runs",
    having: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    seed: str = "seed",
    text: str = "",
    published: bool | None = None,
    min_n: int = 3,
    level: float = 0.95,
) -> list[Finding]:
    """In what share of seeds does a statement hold that was made of one, and would it hold of the next?

    The number of a run is made as by the finding ``value`` (``source``, ``name``, ``where``, ``reduce``, ``minus``,
    ``among``, ``having``); the statement is that it is ``at_least``, ``at_most`` or ``equals`` something. The interval is
    Wilson's of the share of seeds (a seed of several runs counts as true if most are). The verdict comes from the predictive
    probability of what was published, (k + ½)/(n + 1) for "it holds".

    Scope: of the task if the interval lies on the published side of one half (most seeds agree), of the set-up if it lies
    on the other side, of the seed if it straddles one half and seeds differ. Runs of which the number is missing are left out, and
    said.

    How it misleads: the threshold decides. The values that were compared with it are in the details.
    """
    condition = {"at_least": at_least, "at_most": at_most, "equals": equals}
    runs, which = those(
        per_run(data[source], source, name, where, reduce, seed=seed, minus=minus),
        data,
        among,
        having,
    )
    by_seed = runs.groupby("seed")["value"]
    true, words = meets(runs["value"].to_numpy(dtype=float), condition)
    share = runs.assign(true=true).groupby("seed")["true"].mean().dropna()
    yes, n = int((share > 0.5).sum()), len(share)
    interval = wilson_interval(yes, n, level) if n else None
    probability = float(predictive_count(yes, n)[1])
    if published is None:
        verdict, why = "no published value", "nothing was published to compare with"
    else:
        verdict, why = verdict_of_event(
            probability if published else 1 - probability, n=n, level=level, min_n=min_n
        )
    reach: Scope = ""
    if interval and n >= min_n:
        low, high = interval if published in (True, None) else (1 - interval[1], 1 - interval[0])
        reach = "task" if low > 0.5 else "set-up" if high < 0.5 and published is not None else ""
        reach = reach or ("seed" if 0 < yes < n else "")
    missing = len(by_seed) - n
    values = by_seed.mean().dropna().to_numpy(dtype=float)
    parts = [f"holds in {yes} of {n} seeds" if n else "no seed tells"]
    if len(values):
        least, middle, most = (
            f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.3g}" for x in np.quantile(values, [0, 0.5, 1])
        )
        parts += [f"the number is {middle} in the median ({least} to {most}), asked for {words}"]
    parts += [f"{missing} seeds have no such number"] if missing else []
    parts += [why] if published is not None else []
    return [
        Finding(
            claim=text or f"{name} of {source} {words}",
            value=yes / n if n else math.nan,
            units="share of seeds",
            interval=interval,
            interval_kind=f"{level:.0%} Wilson interval of the share of seeds" if interval else "",
            n=n,
            published=None if published is None else float(published),
            verdict=verdict,  # type: ignore[arg-type]
            why="; ".join([*parts, *([which] if which else [])]),
            scope=reach,
            evidence={"values": source},
            values=tuple(values),
            details={
                "condition": {k: v for k, v in condition.items() if v is not None},
                "yes": yes,
                "runs": {run: bool(one) for run, one in zip(runs["run"], true, strict=True) if one == one},
            },
        )
    ]

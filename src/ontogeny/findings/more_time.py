"""Does more training help the runs that did not get there?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ontogeny.errors import UserError
from ontogeny.findings.base import Finding, finding
from ontogeny.findings.reading import need
from ontogeny.findings.verdicts import LEVEL
from ontogeny.numerics.resampling import mean_interval


@finding(kind="more_time", reads=("metrics",))
def more_time(
    data: Mapping[str, Any],
    *,
    metric: str = "validation_accuracy",
    early: float = 600,
    late: float = 1200,
) -> list[Finding]:
    """By how much does ``metric`` change between two times, in the runs that were still training?

    Equation: mean over runs logged at both times of metric(late) − metric(early), one value a seed; its t interval over seeds.

    Runs that stopped by their rule before ``late`` are not among them: the number speaks of those that had not got there. It
    misleads where runs wander: a change of the mean hides gains of some and losses of others (share that gained, in the
    details). Errors: no run that was logged at both times.
    """
    metrics = need(data["metrics"], "run", "seed", "epoch", metric, of="metrics")
    at = {when: metrics[metrics["epoch"] == when].set_index("run") for when in (early, late)}
    both = at[early].index.intersection(at[late].index)
    if not len(both):
        raise UserError(f"No run was logged both at epoch {early:g} and at {late:g}.")
    change = (at[late].loc[both, metric] - at[early].loc[both, metric]).astype(float)
    each = change.groupby(at[early].loc[both, "seed"]).mean().to_numpy()
    interval = mean_interval(each, LEVEL) if len(each) > 1 else None
    value = float(each.mean()) if len(each) else math.nan
    gained, lost = float((change > 0).mean()), float((change < 0).mean())
    direction = "raises" if value > 0 else "lowers"
    certain = interval is not None and (interval[0] > 0 or interval[1] < 0)
    return [
        Finding(
            claim=(
                f"training on from epoch {early:g} to {late:g} "
                f"{direction if certain else 'is not shown to change'} {metric} of the runs that go on"
            ),
            value=value,
            units=metric,
            interval=interval,
            interval_kind="confidence" if interval else "",
            interval_of="the mean over seeds",
            n=len(each),
            why=f"{len(both)} runs were still training; {gained:.0%} of them gained and {lost:.0%} lost, "
            f"by {value:+.3g} on average",
            evidence={"values": "metrics"},
            values=tuple(each),
            details={"share_gained": gained, "share_lost": lost, "largest_gain": float(np.max(change))},
        )
    ]

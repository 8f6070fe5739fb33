"""Each of our seeds in turn as the published run, judged by the others: how often would we wrongly say "not as published"?

No simulation knows the distribution of a study's numbers; its own seeds do. A rate well above 1 − level says that the intervals
of this study are too narrow, whatever the reason (two kinds of seed, a number that is rarely huge).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from ontogeny.findings.base import RULE, Finding
from ontogeny.findings.judging import LEAST, judge, judge_event
from ontogeny.findings.verdicts import DECIDED


class LeftOut(NamedTuple):
    """Share of left-out seeds that were called "not as published" (NaN of none), of how many that were decided, in how many
    rows."""

    rate: float
    n: int
    rows: int


def leave_one_out(findings: Iterable[Finding]) -> LeftOut:
    """How often is a seed of our own "not as published" by the rest of them, over all rows that are one number or one yes a seed?

    Rows are findings whose interval is that of a new seed (their ``values``, judged by ``details["rule"]``: bounds, grid, …) and
    statements true or false of a seed (``details["yes"]`` of ``n``). A row counts if 4 seeds have it, of which 3 judge one;
    judgements that are open do not count.

    How it misleads: one seed fewer judges than in the study, so the rate is that of n − 1 seeds; and rows of one study
    depend on one another, so a rate of 10 % over 100 judgements may be one odd seed.
    """
    said = [[verdict for verdict in _row(one) if verdict in DECIDED] for one in _all(findings)]
    judged = [verdict for row in said for verdict in row]
    rejected = judged.count("not as published")
    return LeftOut(
        rejected / len(judged) if judged else math.nan, len(judged), sum(bool(row) for row in said)
    )


def _all(findings: Iterable[Finding]) -> Iterator[Finding]:
    for one in findings:
        yield one
        yield from _all(getattr(one, "beside", ()))


def _row(one: Finding) -> list[str]:
    if "yes" in one.details:
        yes, no = int(one.details["yes"]), one.n - int(one.details["yes"])
        if one.n <= LEAST:
            return []
        true: str = judge_event(yes - 1, one.n - 1, published=True).verdict if yes else ""
        false: str = judge_event(yes, one.n - 1, published=False).verdict if no else ""
        return [true] * yes + [false] * no
    values = np.array(one.values, dtype=float)
    values = values[np.isfinite(values)]
    if one.interval_kind != "prediction" or len(values) <= LEAST:
        return []
    rule = dict(one.details.get(RULE, {}))
    return [
        judge(np.delete(values, i), published=[float(value)], **rule).verdict
        for i, value in enumerate(values)
    ]

"""One number of a study: where a new seed lies, beside what was published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ontogeny.claims import Chosen, Quantity
from ontogeny.findings.base import RULE, Finding, finding
from ontogeny.findings.judging import judge
from ontogeny.findings.per_run import by_seed, named, needed, populations, required
from ontogeny.findings.verdicts import Published
from ontogeny.numerics.resampling import mean_interval


@finding(kind="value", reads=needed)
def value(
    data: Mapping[str, Any],
    *,
    quantity: Quantity | None = None,
    of: tuple[Chosen, ...] = (),
    published: Mapping[str, Any] | None = None,
) -> list[Finding]:
    """What is this number, how much does it vary from seed to seed, and could the published ones be one more seed each?

    ``quantity`` says which number of a run, and which difference matters (:class:`~ontogeny.claims.Quantity`); ``of`` of which
    runs, several populations being columns of one row; ``published`` who printed what (``{first = "0.73"}``). Several runs of
    one seed are averaged. Verdict: :func:`~ontogeny.findings.judging.judge`. The interval is where one new seed lies; that of
    the mean is in the details.

    How it misleads: as :func:`~ontogeny.findings.judging.judge`; of twenty such rows one is "not as published" by chance.
    """
    asked = required(quantity)
    told = tuple(Published.of(number, who) for who, number in (published or {}).items())
    columns = [_column(data, asked, one, told) for one in populations(of)]
    return [replace(columns[0], beside=tuple(columns[1:]))]


def _column(
    data: Mapping[str, Any],
    quantity: Quantity,
    population: Chosen,
    told: tuple[Published, ...],
) -> Finding:
    mine = by_seed(data, quantity, population)
    values = mine.values
    rule: dict[str, Any] = {
        "resolution": quantity.resolution,
        "bounds": quantity.bounds,
        "discrete": quantity.discrete,
        "grid": quantity.grid,
    }
    said = judge(values, published=told, **rule)
    known = values[np.isfinite(values)]
    source = data[quantity.reads]
    units = quantity.units or (
        "1" if isinstance(source, pd.DataFrame) else source[quantity.variable].attrs.get("units", "1")
    )
    return Finding.judged(
        named(quantity),
        said,
        units=units,
        of=mine.of,
        decided=population.looked,
        of_all=mine.of_all,
        seeds=mine.seeds,
        values=tuple(values),
        missing=mine.where(np.isnan(values)),
        infinite=mine.where(np.isinf(values)),
        evidence={"values": quantity.reads},
        details={
            "mean_interval": mean_interval(known),
            RULE: rule,
            "runs": dict(zip(mine.runs["run"], mine.runs["value"], strict=True)),
        },
    )

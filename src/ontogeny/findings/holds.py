"""A statement that is true or false of a run: of how many seeds does it hold?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ontogeny.claims import Chosen, Condition, Quantity
from ontogeny.errors import UserError
from ontogeny.findings.base import Finding, finding
from ontogeny.findings.judging import judge_event
from ontogeny.findings.per_run import by_seed, in_words, meets, named, needed, populations, required


@finding(kind="holds", reads=needed)
def holds(
    data: Mapping[str, Any],
    *,
    quantity: Quantity | None = None,
    of: tuple[Chosen, ...] = (),
    at_least: float | None = None,
    at_most: float | None = None,
    equals: float | None = None,
    published: Mapping[str, bool] | None = None,
) -> list[Finding]:
    """In what share of seeds does a statement hold that was made of one, and would it hold of the next?

    ``quantity`` and ``of`` as in :func:`~ontogeny.findings.value.value`; the statement is that the number is ``at_least``,
    ``at_most`` or ``equals`` something; ``published`` who said that it is so, or not (``{first = true}``). A seed of several runs
    counts as true if most of them are. Verdict: :func:`~ontogeny.findings.judging.judge_event`.

    How it misleads: the threshold decides; it stands in the row, and the numbers that were compared with it in the values.
    """
    asked = required(quantity)
    condition = Condition(at_least=at_least, at_most=at_most, equals=equals)
    told = {who: bool(yes) for who, yes in (published or {}).items()}
    if len(set(told.values())) > 1:
        raise UserError(f"{', '.join(told)} say opposite things; make a claim of each.")
    columns = [_column(data, asked, one, condition, told) for one in populations(of)]
    return [replace(columns[0], beside=tuple(columns[1:]))]


def _column(
    data: Mapping[str, Any],
    quantity: Quantity,
    population: Chosen,
    condition: Condition,
    told: Mapping[str, bool],
) -> Finding:
    mine = by_seed(data, quantity, population)
    true = meets(mine.runs["value"].to_numpy(dtype=float), condition)
    share = mine.runs.assign(true=true).groupby("seed", sort=True)["true"].mean()
    missing = share.isna().to_numpy()
    yes, n = int((share > 0.5).sum()), int((~missing).sum())
    said = judge_event(yes, n, published=next(iter(told.values()), None), missing=int(missing.sum()))
    values = mine.values
    known = values[~np.isnan(values)]
    why = said.why
    if len(known):
        least, middle, most = (_said(x) for x in np.quantile(known, [0, 0.5, 1], method="nearest"))
        why += f"; asked for {in_words(condition)}, found {middle} in the median ({least} to {most})"
    published = tuple(replace(one, source=who) for one in said.published for who in told)
    return Finding.judged(
        f"{named(quantity)} is {in_words(condition)}",
        replace(said, why=why, published=published),
        units="share of seeds",
        of=mine.of,
        decided=population.looked,
        of_all=mine.of_all,
        seeds=mine.seeds,
        values=tuple(values),
        missing=mine.where(missing),
        evidence={"values": quantity.reads},
        details={
            "condition": condition.model_dump(exclude_none=True),
            "yes": yes,
            "runs": {run: bool(one) for run, one in zip(mine.runs["run"], true, strict=True) if one == one},
        },
    )


def _said(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"

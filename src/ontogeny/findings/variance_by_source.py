"""Of a number's variance over runs, how much belongs to the initialisation, how much to the split, how much to the order?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ontogeny.claims import Chosen, Quantity
from ontogeny.errors import UnknownName, UserError
from ontogeny.findings.base import Finding, finding
from ontogeny.findings.per_run import by_seed, named, needed, populations, required
from ontogeny.findings.reading import need
from ontogeny.findings.waits import waits
from ontogeny.numerics.variance import TOGETHER, Component, components

SOURCES = {"init": "the initialisation", "split": "the split", "order": "the order of the batches"}
LEAST = 3  # values of a source, the fewest of which a variance is taken
SCALES: dict[str, Any] = {"linear": lambda x: x, "log": np.log}


def _reads(options: Mapping[str, Any]) -> tuple[str, ...]:
    words = ("metrics",) if options["event"] else needed(options)
    return (*(f"all:{word}" for word in words), "all:runs")


@finding(kind="variance_by_source", reads=_reads)
def variance_by_source(
    data: Mapping[str, Any],
    *,
    quantity: Quantity | None = None,
    of: tuple[Chosen, ...] | Chosen = (),
    event: Mapping[str, Any] | None = None,
    scale: str = "linear",
    missing: float | None = None,
) -> list[Finding]:
    """How much of this number's variance belongs to each source of randomness, and how much to their combination?

    Of the runs of ``vary`` and ``crossed`` together. One column a source: its share of the variance with a 95 % interval, and p of the test that
    it does nothing (:func:`~ontogeny.numerics.variance.components`); the last column is what the sources do together, that is, what
    one says of a run only where the other is known. ``scale`` "log" for numbers that are positive and skewed, such as times.
    ``event`` in place of a quantity: the time until something is seen in the log, ``{metric, at_least, stays, since}`` as in
    :func:`~ontogeny.findings.time_to_event.time_to_event`, of the runs that agree with ``where``, if it is given.
    ``missing`` stands for a number that a run has not (its budget, for an event that did not come); else such runs are left out. Both are said.

    A full batch has no order, so the order of the batches cannot matter there and is not asked for.

    How it misleads: with k values of a source its share is known from k − 1 differences, whatever the number of runs: read the
    intervals. A ``missing`` number that is put in makes slow runs alike, and their variance too small; runs left out may be those that
    differ most. Of a number that is yes or no, shares are those of its variance, not of its odds.
    """
    if scale not in SCALES:
        raise UnknownName("scale", scale, SCALES)
    everyone = data["all:runs"]
    name, source = (
        ("the time to the event", "metrics")
        if event
        else (named(required(quantity)), required(quantity).reads)
    )
    runs = _event(data, event) if event else _quantity(data, required(quantity), of)
    apart = [source for source in SOURCES if source in everyone and _varies(everyone[source])]
    claim = f"where the variance of {name} comes from"
    empty = Finding(claim, units="share of variance", evidence={"values": source})
    notes = (
        []
        if everyone.attrs.get("order_matters", True)
        else ["a full batch has no order, which cannot matter"]
    )
    if len(apart) < 2:
        notes += [
            "a run's seed sets initialisation and split together, so their shares cannot be told: add crossed = "
            '{ "seeds.init" = …, "seeds.split" = … } with at least 3 values each'
        ]
        return [replace(empty, why="; ".join(notes))]
    table = runs.merge(need(everyone, "run", *apart, of="runs")[["run", *apart]], on="run")
    if table.duplicated(apart).any():
        raise UserError(
            f"Several runs have the same {' and '.join(apart)}, so something else varies too; pick one setting with 'where' in "
            f"the quantity '{name}'."
        )
    given = table["value"].to_numpy(dtype=float)
    lacks = ~np.isfinite(given)
    if lacks.any():
        put = "left out" if missing is None else f"counted as {missing:g}"
        notes.append(f"{lacks.sum()} of {len(given)} runs have no such number and are {put}")
    table = table.assign(value=np.where(lacks, np.nan if missing is None else missing, given)).dropna(
        subset=["value"]
    )
    values = SCALES[scale](table["value"].to_numpy(dtype=float))
    if not np.isfinite(values).all():
        raise UserError(f"'{name}' has numbers without a logarithm: {table['value'].min():g}.")
    if few := [s for s in apart if table[s].nunique() < LEAST]:
        notes.append(
            f"{SOURCES[few[0]]} has {table[few[0]].nunique()} values, and {LEAST} are the least that say how it varies"
        )
        return [replace(empty, why="; ".join(notes))]
    try:
        found = components(values, {source: table[source].to_numpy() for source in apart})
    except UserError as error:
        return [replace(empty, why="; ".join([*notes, str(error)]))]
    kept = {name: table[name].tolist() for name in ("run", *apart, "value")}
    columns = [_column(empty, name, one, len(table)) for name, one in found.items()]
    first = replace(
        columns[0],
        why="; ".join([*(c.why for c in columns), *notes, f"{len(table)} runs"]),
        details={**columns[0].details, "parts": True, "table": {"of": [name] * len(table), **kept}},
    )
    return [replace(first, beside=tuple(columns[1:]))]


def _quantity(data: Mapping[str, Any], quantity: Quantity, of: tuple[Chosen, ...] | Chosen) -> pd.DataFrame:
    here = {word.removeprefix("all:"): one for word, one in data.items()}
    return by_seed(here, quantity, populations(of)[0]).runs[["run", "value"]]


def _event(data: Mapping[str, Any], event: Mapping[str, Any]) -> pd.DataFrame:
    known = ("metric", "at_least", "stays", "since", "where")
    for key in event:
        if key not in known:
            raise UnknownName("part of 'event'", key, known)
    runs, rule = data["all:runs"], {key: one for key, one in event.items() if key != "where"}
    for column, value in event.get("where", {}).items():
        runs = runs[need(runs, column, of="runs")[column] == value]
    seen = waits(runs, data["all:metrics"], **rule)
    return seen.assign(value=seen["time"].where(seen["happened"]))[["run", "value"]]


def _column(empty: Finding, source: str, one: Component, runs: int) -> Finding:
    together = source == TOGETHER
    words = "their combination" if together else SOURCES[source]
    low, high = one.interval
    truth = ", estimated at less than nothing" if one.estimate < 0 else ""
    test = "" if together else f", p = {one.p:.2g}, {one.levels} values"
    varies = np.isfinite(one.share)
    return replace(
        empty,
        value=one.share,
        interval=one.interval if varies else None,
        interval_kind="confidence" if varies else "",
        vacuous=bool(high - low > 0.9),
        n=runs if together else one.levels,
        n_unit="runs" if together else f"values of {source}",
        of=words,
        why=f"{words}: {one.share:.0%} ({low:.0%} to {high:.0%}{test}){truth}"
        if varies
        else f"{words}: nothing varies",
        details={"estimate": one.estimate, "p": one.p, "levels": one.levels},
    )


def _varies(column: pd.Series) -> bool:
    return column.nunique() > 1

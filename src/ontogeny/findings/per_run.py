"""Which number, of which runs: a quantity of every run of a population, and from that one number a seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ontogeny.claims import EVERYONE, Chosen, Condition, Quantity, reads_of
from ontogeny.errors import UnknownName, UserError
from ontogeny.findings.reading import need, variable

ROUND = 1e-9  # relative; a number this near to a threshold stands on it


@dataclass(frozen=True)
class BySeed:
    """One number a seed of a population, NaN where a seed has none, and the runs behind it."""

    of: str  # the population, in words
    of_all: int  # how many seeds there are in all
    runs: pd.DataFrame  # columns run, seed, value

    @property
    def table(self) -> pd.Series:
        """Value by seed: the mean of its runs."""
        return self.runs.groupby("seed", sort=True)["value"].mean()

    @property
    def values(self) -> np.ndarray:
        return self.table.to_numpy(dtype=float)

    @property
    def seeds(self) -> tuple[Any, ...]:
        return tuple(self.table.index.tolist())

    def where(self, which: np.ndarray) -> tuple[Any, ...]:
        return tuple(seed for seed, yes in zip(self.seeds, which, strict=True) if yes)


def needed(options: Mapping[str, Any]) -> tuple[str, ...]:
    """What a quantity and the conditions of its populations read."""
    quantity: Quantity = required(options["quantity"])
    return reads_of([quantity, *(q for one in populations(options["of"]) for q, _ in one.having)])


def required(quantity: Any) -> Quantity:
    if not isinstance(quantity, Quantity):
        raise UserError(
            'Say which number: quantity = "NAME" of [quantities], or quantity = {source = …, variable = …}.'
        )
    return quantity


def populations(of: Iterable[Chosen] | Chosen) -> tuple[Chosen, ...]:
    """The populations that a claim speaks of, the first one first; every seed if it names none."""
    return (of,) if isinstance(of, Chosen) else tuple(of) or (EVERYONE,)


def by_seed(data: Mapping[str, Any], quantity: Quantity, population: Chosen, seed: str = "seed") -> BySeed:
    """The quantity, one number a seed, of the runs of which all conditions of the population are true.

    A run of which a condition's number is missing does not belong to the population.
    """
    runs = per_run(data[quantity.reads], quantity, seed)
    everyone = runs["seed"].nunique()
    for other, condition in population.having:
        found = per_run(data[other.reads], other, seed).set_index("run")["value"]
        true = meets(found.reindex(runs["run"]).to_numpy(dtype=float), condition)
        runs = runs[true == 1]
    return BySeed(population.text, everyone, runs)


def per_run(data: Any, quantity: Quantity, seed: str = "seed") -> pd.DataFrame:
    """Columns ``run``, ``seed`` and ``value``, one row a run. Without seeds every run is its own.

    ``where`` picks rows or ticks, by one value or by any of several; of pairs of runs ``"same"`` for the second is the first's own value
    (``correlation_other = "same"``). ``reduce`` makes one number of what remains; ``minus`` is taken off: another variable, reduction or
    where (axis by axis), each as above unless given.
    """
    runs = _one(data, quantity, seed)
    if quantity.minus is not None:
        said = {k: v for k, v in quantity.minus.model_dump().items() if v is not None}
        said["where"] = {**quantity.where, **said.get("where", {})}
        other = _one(data, quantity.model_copy(update={**said, "minus": None}), seed)
        runs["value"] = runs["value"] - other.set_index("run")["value"].reindex(runs["run"]).to_numpy()
    return runs


def meets(values: np.ndarray, condition: Condition) -> np.ndarray:
    """1 where the condition holds, 0 where not, NaN where the value is missing."""
    slack = ROUND * np.maximum(1.0, np.abs(values))
    true = np.ones(len(values), dtype=bool)
    if condition.at_least is not None:
        true &= values >= condition.at_least - slack
    if condition.at_most is not None:
        true &= values <= condition.at_most + slack
    if condition.equals is not None:
        true &= np.abs(values - condition.equals) <= slack
    return np.where(np.isnan(values), np.nan, true.astype(float))


def in_words(condition: Condition) -> str:
    """ "at least 0.99", "at most 2 and at least 1"."""
    words = {"at_least": "at least", "at_most": "at most", "equals": "exactly"}
    return " and ".join(
        f"{words[name]} {number:g}" for name, number in condition.model_dump().items() if number is not None
    )


def named(quantity: Quantity) -> str:
    """What a quantity is called where nobody said it in words."""
    ticks = "".join(f", {axis} = {tick}" for axis, tick in quantity.where.items())
    return quantity.text or f"{quantity.variable} of {quantity.source}{ticks}"


def _one(data: Any, quantity: Quantity, seed: str) -> pd.DataFrame:
    source, name, where = quantity.reads, quantity.variable, quantity.where
    if quantity.reduce not in REDUCTIONS:
        raise UnknownName("reduction", quantity.reduce, REDUCTIONS)
    number = REDUCTIONS[quantity.reduce]
    if isinstance(data, pd.DataFrame):
        rows = need(data, "run", name, *where, of=source)
        for column, wanted in where.items():
            rows = rows[rows[column].isin(np.atleast_1d(wanted))]
        if rows.empty:
            raise UserError(f"No row of '{source}' has {where}.")
        grouped = rows.groupby("run", sort=False)
        seeds = (
            grouped[seed].first() if seed in rows else pd.Series(list(grouped.groups), list(grouped.groups))
        )
        values = grouped[name].agg(lambda one: number(one.to_numpy(dtype=float)))
        return pd.DataFrame(
            {"run": values.index, "seed": seeds.reindex(values.index).to_numpy(), "value": values.to_numpy()}
        )
    picked = variable(data, name, source)
    for axis, wanted in where.items():
        if axis not in picked.coords:
            raise UnknownName(f"coordinate of '{source}'", axis, map(str, picked.coords))
        if wanted == "same" and (first := axis.removesuffix("_other")) != axis and first in picked.coords:
            picked = picked.where(picked[first] == picked[axis])
            continue
        ticks = np.atleast_1d(picked[axis].values)
        asked = np.atleast_1d(np.asarray(wanted))
        if gone := [one for one in asked.tolist() if not (ticks == one).any()]:
            raise UserError(f"'{source}' has no {axis} = {gone[0]!r}; there is {ticks.tolist()}.")
        if picked[axis].ndim:
            picked = picked.isel({picked[axis].dims[0]: np.isin(ticks, asked)})
    if "run" not in picked.dims:
        raise UserError(f"'{name}' of '{source}' has the axes {picked.dims}; a value over seeds needs 'run'.")
    flat = picked.transpose("run", ...).values.reshape(picked.sizes["run"], -1).astype(float)
    names = picked["run"].values
    whose = picked[seed].values if seed in picked.coords else names
    return pd.DataFrame({"run": names, "seed": whose, "value": [number(row) for row in flat]})


def _known(of: Any) -> Any:
    """A reduction of what is not missing; NaN, without a warning, where nothing is left."""
    return lambda row: of(row[~np.isnan(row)]) if not np.isnan(row).all() else np.nan


REDUCTIONS: dict[str, Any] = {
    "mean": _known(np.mean),
    "size": _known(lambda row: np.abs(row).mean()),
    "median": _known(np.median),
    "min": _known(np.min),
    "max": _known(np.max),
    "sum": _known(np.sum),
    "place of max": _known(lambda row: float(np.argmax(row))),
    "last": lambda row: row[-1],
}

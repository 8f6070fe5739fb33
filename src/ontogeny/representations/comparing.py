"""``on.compare``: every pair under every measure, beside what chance would say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import xarray as xr

from ontogeny import registry
from ontogeny.errors import UnknownName, UserError
from ontogeny.measures.base import Measure
from ontogeny.numerics.random import Key
from ontogeny.representations.inputs import Named, checked, fits, named
from ontogeny.representations.judged import FEW, judged
from ontogeny.representations.matched import matched_units
from ontogeny.representations.nulls import NULLS, Units
from ontogeny.representations.result import Comparison
from ontogeny.representations.score import Settings

#: Read when none is named: by inner products, subspaces, shape, distances and neighbours.
USUAL = (
    "cka_linear_debiased",
    "svcca",
    "procrustes_normalized",
    "rsa_cosine",
    "mutual_knn",
    "linear_regression",
)


def compare(
    X: Any,
    Y: Any = None,
    measures: str | Sequence[str] = USUAL,
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    null: str | Sequence[str] = "row_shuffle",
    draws: int = 999,
    align: str | None = None,
    align_by: Literal["correlation", "cosine"] = "correlation",
    fit_on: Literal["half", "all"] = "half",
    untrained: Sequence[Any] = (),
    ceiling: Sequence[Any] = (),
    groups: Any = None,
    correction: Literal["max", "bh", "none"] = "max",
    resamples: int = 100,
    level: float = 0.95,
    samples: int | None = None,
    seed: int = 0,
) -> Comparison:
    """How alike are representations, and is that more than chance?

    ``X``, ``Y``: arrays (n, d) and (n, e) of the same n samples, or several by name ({"layer 0": …}); without ``Y``, all pairs of ``X``.
    ``measures``: by name, with ``options={"svcca": {"keep": 0.95}}``; `ontogeny measures` lists them.

    ``null``: row_shuffle (samples of Y in other orders), random (Gaussian matrices of Y's shape), rematched (random subsets of units of the same
    size, matched anew: needs ``align``), and reinitialised, which is there whenever ``untrained`` arrays are given: what untrained models say on the
    same inputs in the place of Y. ``ceiling``: arrays of the same model as X with another seed. p = (1 + #{null as alike})/(1 + draws).

    ``align``: "argmax", "argmax_back", "mutual", "hungarian", "transport" pair units, "permutation", "orthogonal" and "linear" fit a map of X onto Y; on one half of
    the samples, and everything is scored on the other (``fit_on="all"``: on the same). A draw of a null is aligned anew.

    ``groups``: which sampling unit (document, input) each sample belongs to; these change places in the null and are resampled for the interval.
    ``correction``: over the cells of a grid, by the largest cell of every draw ("max", Westfall & Young) or Benjamini–Hochberg ("bh").
    ``samples``: compare a random subset of the samples, the same of all.

    Errors: NaN, unmatched samples, too few of them, unknown names, each said with its count.
    """
    chosen = [measures] if isinstance(measures, str) else list(measures)
    uses = {name: registry.measures[name] for name in chosen}
    first = named(X, "X")
    device = first[0].values.device  # everything is taken there
    first = [z.to(device) for z in first]
    second = first if Y is None else [z.to(device) for z in named(Y, "Y")]
    _refuse(uses, first, draws, null, align, untrained)
    given = {name: _options(one, (options or {}).get(name, {})) for name, one in uses.items()}
    if unknown := set(options or {}) - set(uses):
        raise UnknownName("measure among those that are compared", sorted(unknown)[0], uses)
    if samples is not None:
        first, second = _subset(first, second, samples, seed, Y is None)
    others = [checked(f"untrained {i}", z).to(device) for i, z in enumerate(untrained)]
    seeds = [checked(f"ceiling {i}", z).to(device) for i, z in enumerate(ceiling)]
    nulls = [null] if isinstance(null, str) else list(null)
    nulls = [
        *(n for n in nulls if n not in ("none", "reinitialised")),
        *(["reinitialised"] if others else []),
    ]
    units = Units.of(first[0].shape[0], groups)
    settings = Settings(
        tuple(nulls), draws, align, align_by, fit_on, correction, resamples, level, seed, units
    )
    doubts = [text for one in {z.name: z for z in (*first, *second)}.values() for text in one.warnings]
    scored = settings.way.scored(first[0].shape[0]) if settings.way else first[0].shape[0]
    tables = []
    for name, one in uses.items():
        for x in first:
            for y in second:
                doubts += fits(one, x, y, scored)
        tables.append(judged(one, given[name], first, second, others, seeds, settings, Y is None))
    coords: dict[str, Any] = {
        word: ("measure", [getattr(one, word) for one in uses.values()])
        for word in ("kind", "label", "better", "units")
    }
    coords["largest"] = ("measure", [one.range[1] for one in uses.values()])
    data = xr.concat(tables, "measure").assign_coords({"measure": chosen, **coords})
    units_ = matched_units(first[0], second[0], settings) if len(first) == len(second) == 1 else None
    return Comparison(
        data.assign_attrs(_said(settings, given)), tuple(dict.fromkeys(doubts)), Y is None, units_
    )


def _refuse(
    uses: Mapping[str, Measure],
    first: list[Named],
    draws: int,
    null: str | Sequence[str],
    align: str | None,
    untrained: Sequence[Any],
) -> None:
    nulls = [null] if isinstance(null, str) else list(null)
    for name in nulls:
        if name not in (*NULLS, "none"):
            raise UnknownName("null", name, (*NULLS, "none"))
    if "reinitialised" in nulls and not untrained:
        raise UserError(
            "null='reinitialised' needs what untrained models say on the same inputs: untrained=[array, …]."
        )
    if "rematched" in nulls and align is None:
        raise UserError(
            "null='rematched' matches random subsets of units anew, so it needs align='hungarian', for example."
        )
    if draws < FEW and nulls != ["none"]:
        raise UserError(
            f"{draws} draws cannot give a p-value below {1 / (1 + draws):.2g}; ask for 999, or for null='none'."
        )
    for one in uses.values():
        if one.input == "model":
            raise UserError(
                f"The measure '{one.name}' compares whole models, not arrays: store.compare('{one.name}')."
            )
        if align is not None and one.input != "samples":
            raise UserError(f"align pairs units of activations; '{one.name}' compares {one.input}.")


def _options(measure: Measure, given: Mapping[str, Any]) -> dict[str, Any]:
    if "tap" in given:
        raise UserError("A tap is a place in a model; these are arrays.")
    return {k: v for k, v in measure.options(given).items() if k != "tap"}


def _subset(
    first: list[Named], second: list[Named], samples: int, seed: int, same: bool
) -> tuple[list[Named], list[Named]]:
    n = first[0].shape[0]
    if not 2 <= samples <= n:
        raise UserError(f"samples={samples}: there are {n}.")
    rows = Key(seed, "samples").permutation(n)[:samples].sort().values
    pick = lambda all_: [Named(z.name, z.values[rows], z.warnings) for z in all_]  # noqa: E731
    first = pick(first)
    return first, first if same else pick(second)


def _said(settings: Settings, options: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What another needs to do the same again."""
    said = {
        word: getattr(settings, word)
        for word in ("draws", "align_by", "fit_on", "correction", "resamples", "level", "seed")
    }
    changed = {f"{m}.{k}": v for m, of in options.items() for k, v in of.items()}
    return {**said, "align": settings.align or "none", "sampling_units": settings.units.count, **changed}

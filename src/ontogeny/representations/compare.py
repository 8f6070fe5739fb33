"""``on.compare``: every pair under every measure, beside what chance would say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from ontogeny import registry
from ontogeny.errors import UnknownName, UserError
from ontogeny.measures.base import Measure, one_by_one
from ontogeny.numerics.random import Key
from ontogeny.numerics.resampling import benjamini_hochberg, permutation_p
from ontogeny.representations.aligned import Aligned, aligned
from ontogeny.representations.inputs import Named, checked, fits, named
from ontogeny.representations.nulls import NULLS, Units, half_sample_interval, random_like, subsets
from ontogeny.representations.result import Comparison

#: Read when none is named: by inner products, subspaces, shape, distances and neighbours.
USUAL = (
    "cka_linear_debiased",
    "svcca",
    "procrustes_normalized",
    "rsa_cosine",
    "mutual_knn",
    "linear_regression",
)
#: Fewer draws (untrained models, as a rule) are shown with their mean, and no p-value is made of them: 19 are the least for .05.
FEW = 19
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    """How everything is compared; recorded with the result."""

    null: tuple[str, ...]
    draws: int
    align: str | None
    align_by: str
    fit_on: Literal["half", "all"]
    correction: Literal["max", "bh", "none"]
    resamples: int
    level: float
    seed: int
    units: Units = field(repr=False)


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
    second = first if Y is None else named(Y, "Y")
    _refuse(uses, first, draws, null, align, untrained)
    given = {name: _options(one, (options or {}).get(name, {})) for name, one in uses.items()}
    if unknown := set(options or {}) - set(uses):
        raise UnknownName("measure among those that are compared", sorted(unknown)[0], uses)
    if samples is not None:
        first, second = _subset(first, second, samples, seed, Y is None)
    others = [checked(f"untrained {i}", z) for i, z in enumerate(untrained)]
    seeds = [checked(f"ceiling {i}", z) for i, z in enumerate(ceiling)]
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
    tables = []
    for name, one in uses.items():
        for x in first:
            for y in second:
                doubts += fits(one, x, y)
        tables.append(_table(one, given[name], first, second, others, seeds, settings, Y is None))
    data = xr.concat(tables, "measure").assign_coords(
        measure=chosen,
        **{
            word: ("measure", [getattr(one, word) for one in uses.values()])
            for word in ("kind", "label", "better", "units")
        },
    )
    return Comparison(data.assign_attrs(_said(settings, given)), tuple(dict.fromkeys(doubts)))


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


# -- one measure ------------------------------------------------------------------------------------------------------


def _table(
    measure: Measure,
    options: Mapping[str, Any],
    first: list[Named],
    second: list[Named],
    untrained: list[Named],
    ceiling: list[Named],
    settings: Settings,
    same: bool,
) -> xr.Dataset:
    """(first, second) of values, and (first, second, null) of what chance says, for one measure."""
    way = aligned(settings.align, settings.align_by, settings.fit_on, settings.seed, settings.units.of_row)
    score = Score(measure, dict(options), way)
    shape = (len(first), len(second))
    values = score.table(first, second)
    value = values["value"].cpu().double().numpy()
    nulls = [n for n in settings.null if n in measure.nulls or n == "rematched"]
    drawn = np.full((*shape, len(settings.null), settings.draws), np.nan)
    low, high, reverse = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    top = np.full(shape, np.nan)
    for i, x in enumerate(first):
        for j, y in enumerate(second):
            if same and j < i and measure.symmetric:
                drawn[i, j], low[i, j], high[i, j], top[i, j] = drawn[j, i], low[j, i], high[j, i], top[j, i]
                continue
            if same and i == j:
                continue
            for place, null in enumerate(settings.null):
                if null in nulls:
                    sample = score.null(null, x.values, y.values, untrained, settings)
                    drawn[i, j, place, : len(sample)] = sample
            if settings.resamples:
                halves = score.on_halves(x.values, y.values, settings)
                low[i, j], high[i, j] = half_sample_interval(
                    value[i, j], halves, measure.range, settings.level
                )
            if not measure.symmetric:
                reverse[i, j] = score(y.values, x.values)
            if ceiling:
                top[i, j] = np.mean([score(x.values, z.values) for z in ceiling])
    judged = _judged(value, drawn, measure.kind == "similarity", settings, same)
    dims = ("first", "second")
    data = {
        **{k: (dims, v.cpu().double().numpy()) for k, v in values.items() if k != "reverse"},
        "low": (dims, low),
        "high": (dims, high),
        "reverse": (dims, reverse),
        "ceiling": (dims, top),
        **{k: ((*dims, "null"), v) for k, v in judged.items()},
        "draws": ((*dims, "null", "draw"), drawn),
    }
    for missing in ("k", "k_other"):
        data.setdefault(missing, (dims, np.full(shape, np.nan)))
    best = 1.0 if measure.kind == "similarity" else 0.0
    chance = judged["null_mean"]
    reach = np.where(np.isnan(top), best, top)[..., None] - chance
    data["above_chance"] = ((*dims, "null"), (value[..., None] - chance) / reach)
    coords = {
        "first": [z.name for z in first],
        "second": [z.name for z in second],
        "null": list(settings.null),
        "n": first[0].shape[0],
        "d": ("first", [z.shape[1] for z in first]),
        "e": ("second", [z.shape[1] for z in second]),
    }
    return xr.Dataset(data, coords=coords)


def _judged(value: Array, drawn: Array, similar: bool, settings: Settings, same: bool) -> dict[str, Array]:
    """Mean and SD of each null, z (positive: more alike than chance), p, and p within the family of all cells."""
    sign = 1.0 if similar else -1.0
    counts = np.isfinite(drawn).sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(counts > 0, np.nansum(drawn, -1) / counts, np.nan)
        spread = np.sqrt(np.nansum((drawn - mean[..., None]) ** 2, -1) / np.maximum(counts - 1, 1))
        sd = np.where(counts > 1, spread, np.nan)
        z = sign * (value[..., None] - mean) / sd
    p = np.full(mean.shape, np.nan)
    for place in np.ndindex(mean.shape):
        sample = drawn[place][np.isfinite(drawn[place])]
        if len(sample) >= FEW:
            p[place] = permutation_p(sign * value[place[:2]], sign * sample)
    adjusted = np.full(mean.shape, np.nan)
    for k, null in enumerate(settings.null):
        cells = np.isfinite(p[..., k])
        if not cells.any() or settings.correction == "none":
            continue
        if settings.correction == "max" and null == "row_shuffle":
            with np.errstate(invalid="ignore", divide="ignore"):
                each = sign * (drawn[..., k, :] - mean[..., k, None]) / sd[..., k, None]
            adjusted[..., k][cells] = permutation_p(
                z[..., k][cells], np.repeat(np.nanmax(each[cells], 0)[:, None], cells.sum(), 1)
            )
        else:
            adjusted[..., k][cells] = benjamini_hochberg(p[..., k][cells])
    return {"null_mean": mean, "null_sd": sd, "z": z, "p": p, "p_adjusted": adjusted}


@dataclass(frozen=True)
class Score:
    """One measure as a function of two arrays, aligned first if that is asked."""

    measure: Measure
    options: dict[str, Any]
    way: Aligned | None

    def __call__(self, x: Tensor, y: Tensor) -> float:
        return float(self.pair(x, y)["value"])

    def pair(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        if self.way is not None:
            x, y = self.way(x, y)
        prepared = [self.measure.prepare(z, **self.options) for z in (x, y)]
        return {k: v[0, 0] for k, v in self.measure.pairs(prepared[:1], prepared[1:], **self.options).items()}

    def table(self, first: list[Named], second: list[Named]) -> dict[str, Tensor]:
        """All pairs; each representation is prepared once unless its alignment depends on the other."""
        if self.way is not None:
            rows = [[self.pair(x.values, y.values) for y in second] for x in first]
            return {k: torch.stack([torch.stack([c[k] for c in row]) for row in rows]) for k in rows[0][0]}
        prepared = [self.measure.prepare(x.values, **self.options) for x in first]
        others = (
            prepared if first is second else [self.measure.prepare(y.values, **self.options) for y in second]
        )
        return self.measure.pairs(prepared, others, **self.options)

    def each(self, pairs: Sequence[Callable[[], tuple[Tensor, Tensor]]], like: Tensor) -> Array:
        return one_by_one(lambda make: torch.tensor(self(*make())), list(pairs), like).numpy()

    def null(self, null: str, x: Tensor, y: Tensor, untrained: list[Named], settings: Settings) -> Array:
        """Values where there is no correspondence: (draws,), or one of each untrained model."""
        draws, seed = settings.draws, settings.seed
        if null == "row_shuffle":
            orders = settings.units.orders(draws, seed)
            if self.way is None:
                prepared = self.measure.prepare(x, **self.options)
                return self.measure.shuffled(prepared, y, orders, **self.options).cpu().double().numpy()
            return self.each([lambda o=o: (x, y[o]) for o in orders], x)  # type: ignore[misc]
        if null == "random":
            return self.each([lambda d=d: (x, d()) for d in random_like(y, draws, seed)], x)  # type: ignore[misc]
        if null == "reinitialised":
            return np.array([self(x, z.values) for z in untrained])
        assert self.way is not None
        size = max(2, min(self.way.pairs(x, y), x.shape[1] // 2, y.shape[1] // 2))
        left, right = (subsets(z.shape[1], size, draws, seed, s) for z, s in ((x, "X"), (y, "Y")))
        return self.each(
            [lambda a=a, b=b: (x[:, a], y[:, b]) for a, b in zip(left, right, strict=True)],  # type: ignore[misc]
            x,
        )

    def on_halves(self, x: Tensor, y: Tensor, settings: Settings) -> Array:
        """Values of random halves of the sampling units (of atoms and matrices: of rows)."""
        matched = self.measure.input in ("samples", "logits")
        sides = []
        for z, purpose in ((x, 0), (y, 1)):
            units = settings.units if matched else Units.of(len(z))
            seed = settings.seed if matched else settings.seed + purpose
            sides.append(units.half_samples(settings.resamples, seed))
        if self.way is not None:  # aligned on all that there is, scored on halves of it
            plain = Score(self.measure, self.options, None)
            x, y = self.way(x, y)
            rows = Units.of(len(x)).half_samples(settings.resamples, settings.seed)
            return plain.each([lambda h=h: (x[h], y[h]) for h in rows], x)  # type: ignore[misc]
        return self.each(
            [lambda a=a, b=b: (x[a], y[b]) for a, b in zip(*sides, strict=True)],  # type: ignore[misc]
            x,
        )


def _said(settings: Settings, options: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What another needs to do the same again."""
    said = {
        word: getattr(settings, word)
        for word in ("draws", "align_by", "fit_on", "correction", "resamples", "level", "seed")
    }
    changed = {f"{m}.{k}": v for m, of in options.items() for k, v in of.items()}
    return {**said, "align": settings.align or "none", "sampling_units": settings.units.count, **changed}

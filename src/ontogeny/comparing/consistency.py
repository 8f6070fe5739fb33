"""What some runs have in common: their numbers side by side, and their maps over axes that mean the same in every run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from ontogeny.numerics.map_correlation import correlations, shuffled_means
from ontogeny.numerics.resampling import benjamini_hochberg, pair_mean, permutation_p

#: Axes whose ticks name the same thing in every run of a task. Neuron 3 of one seed has nothing to do with neuron 3 of another.
SHARED = frozenset(
    {"frequency", "harmonic", "output", "input", "token", "position", "query", "key", "a", "b"}
)
LABELS = frozenset({"split"})  # axes of a few words: one number a tick
TOLERANCE = 0.1
ALIKE = 0.9  # rank correlation that every pair of runs must have for their maps to be the same
RATE = 0.05  # of maps that are called alike by chance (Benjamini and Hochberg)


@dataclass(frozen=True)
class Number:
    """One number of every run. ``scale`` is what a difference is measured by."""

    lens: str
    quantity: str
    units: str
    values: np.ndarray  # (run,), NaN where a run has none
    scale: float

    @property
    def spread(self) -> float:
        """(largest − smallest) / scale over the runs that have it: 0 is one value, 1 is all of the scale."""
        known = self.values[np.isfinite(self.values)]
        return float(np.ptp(known) / self.scale) if self.scale and len(known) else 0.0

    @property
    def verdict(self) -> str:
        if np.isinf(self.values).any():
            return "infinite in some"
        if np.isnan(self.values).any():
            return "not in all"
        return "the same" if self.spread <= TOLERANCE else "differs"


@dataclass(frozen=True)
class Map:
    """One map of every run over shared axes: rank correlations over pairs of runs, their mean beside what shuffling gives."""

    lens: str
    quantity: str
    axes: tuple[str, ...]
    pairs: np.ndarray  # (pair,), NaN where a map is constant or nothing is known in both
    chance: float
    p: float  # corrected for all maps that were compared

    @property
    def agreement(self) -> float:
        known = self.pairs[np.isfinite(self.pairs)]
        return float(known.mean()) if len(known) else float("nan")

    @property
    def verdict(self) -> str:
        if not np.isfinite(self.pairs).all():
            return "not in all"
        if self.p > RATE:
            return "no more than chance"
        return "the same" if self.pairs.min() >= ALIKE else "alike on average"


def numbers(results: Mapping[str, xr.Dataset], start: Mapping[str, xr.Dataset] | None = None) -> list[Number]:
    """Which numbers are the same in these runs, and which differ?

    ``results``: by lens, datasets over (run, …) at the last step; ``start``: the same at the first. Taken are quantities without
    further axes, and one a tick of ``split``. A difference is measured by the largest size that the quantity has in any of the
    runs at either end, so that two losses near 0 are the same loss if both began at 4 nats. Up to a tenth of that: "the same".

    How it misleads: the scale of a quantity that does not pass near 0 is the quantity itself, and a tenth of it may be all
    that ever varies (accuracies of .905 and .995). Two or three runs that agree say little of the next one.
    """
    found = []
    for lens, data in results.items():
        begun = (start or {}).get(lens)
        for name, one in of_the_model(data).items():
            for words, of_runs in _ticks(one):
                values = np.asarray(of_runs.transpose("run").values, dtype=float)
                if np.isnan(values).all():
                    continue
                sizes = np.abs(values)
                if begun is not None and name in begun:
                    before = dict(_ticks(begun[name])).get(words)
                    sizes = sizes if before is None else np.append(sizes, np.abs(before.values.astype(float)))
                scale = float(np.max(sizes[np.isfinite(sizes)], initial=0.0))
                quantity = f"{one.attrs.get('long_name', name)}{words}"
                found.append(Number(lens, quantity, str(one.attrs.get("units", "1")), values, scale))
    return found


def maps(results: Mapping[str, xr.Dataset], draws: int = 400) -> list[Map]:
    """Which maps over inputs, outputs or frequencies are alike from run to run?

    Spearman's rank correlation of every pair of runs, over all ticks that are known in both. Null: ticks shuffled within every
    run; p from ``draws`` shuffles, corrected for the number of maps (Benjamini and Hochberg). "The same" asks ``ALIKE`` of
    every pair. Where a lens says which inputs were trained on, only inputs held out in both runs count, because trained ones
    are alike by construction. Axes without a meaning across runs (neurons, heads, components) and maps of yes and no are left
    out.

    How it misleads: shuffling takes ticks for independent, and neighbours rarely are: smooth maps of unrelated runs are found
    alike. Under a symmetry of the task (multiplying all numbers of Z_p by a unit permutes its frequencies) equal circuits can
    have different maps.
    """
    compared: list[Map] = []
    rng = np.random.default_rng(0)
    for lens, data in results.items():
        for name, one in of_the_model(data).items():
            axes = tuple(str(axis) for axis in one.dims if axis != "run")
            if not axes or not SHARED.issuperset(axes) or one.sizes["run"] < 2 or one.dtype.kind not in "fiu":
                continue
            values, words = one.transpose("run", *axes).values.astype(float), one.attrs.get("long_name", name)
            if "trained_on" in data and data["trained_on"].dims == one.dims:
                held_out = ~data["trained_on"].transpose("run", *axes).values.astype(bool)
                values, words = np.where(held_out, values, np.nan), f"{words}, held-out inputs"
            if np.isfinite(values).any():
                compared.append(Map(lens, str(words), axes, *_pairs(values, rng, draws)))
    corrected: Sequence[float] | np.ndarray = (
        benjamini_hochberg([one.p for one in compared]) if compared else []
    )
    return [replace(one, p=float(p)) for one, p in zip(compared, corrected, strict=True)]


def _pairs(values: np.ndarray, rng: np.random.Generator, draws: int) -> tuple[np.ndarray, float, float]:
    """Correlations of all pairs, their mean under shuffling, and how often that reaches the mean of ours."""
    matrix = correlations(values)
    seen = pair_mean(matrix, np.arange(len(values)))
    null = shuffled_means(values, rng, draws)
    p = float(permutation_p(seen, null)) if np.isfinite(seen) else 1.0
    return (
        matrix[np.triu_indices(len(values), 1)],
        float(np.nanmean(null)) if np.isfinite(seen) else np.nan,
        p,
    )


def of_the_model(data: xr.Dataset) -> dict[str, xr.DataArray]:
    """The variables of a lens without its controls, which are numbers of random maps or cubes and of no run."""
    return {str(name): one for name, one in data.data_vars.items() if not str(name).startswith("control")}


def _ticks(one: xr.DataArray) -> Iterator[tuple[str, xr.DataArray]]:
    """(words, values over runs): one for a plain number, one a tick for a number by split, nothing otherwise."""
    axes = [str(axis) for axis in one.dims if axis != "run"]
    if "run" not in one.dims or one.dtype.kind not in "fiub":
        return
    if not axes:
        yield "", one
    elif len(axes) == 1 and axes[0] in LABELS:
        for tick in one[axes[0]].values:
            yield f", {tick}", one.sel({axes[0]: tick})

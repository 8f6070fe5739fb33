"""What some runs have in common: their numbers side by side, and their maps over axes that mean the same in every run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from ontogeny.findings.maps import correlations, shuffled
from ontogeny.numerics.resampling import pair_mean, permutation_p

#: Axes whose ticks name the same thing in every run of a task. Neuron 3 of one seed has nothing to do with neuron 3 of another.
SHARED = frozenset(
    {"frequency", "harmonic", "output", "input", "token", "position", "query", "key", "a", "b"}
)
LABELS = frozenset({"split"})  # axes of a few words: one number a tick
TOLERANCE = 0.1
ALIKE = 0.5


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
        return float(np.ptp(known) / self.scale) if self.scale else 0.0

    @property
    def verdict(self) -> str:
        if not np.isfinite(self.values).all():
            return "not in all"
        return "the same" if self.spread <= TOLERANCE else "differs"


@dataclass(frozen=True)
class Map:
    """One map of every run over shared axes: the mean rank correlation over pairs of runs, beside what shuffling gives."""

    lens: str
    quantity: str
    axes: tuple[str, ...]
    agreement: float
    chance: float
    p: float

    @property
    def verdict(self) -> str:
        if self.p >= 0.05:
            return "no more than chance"
        return "the same" if self.agreement >= ALIKE else "a little alike"


def numbers(results: Mapping[str, xr.Dataset], start: Mapping[str, xr.Dataset] | None = None) -> list[Number]:
    """Which numbers are the same in these runs, and which differ?

    ``results``: by lens, datasets over (run, …) at the last step; ``start``: the same at the first. Taken are quantities without
    further axes, and one a tick of ``split``. A difference is measured by the largest size that the quantity has in any of the
    runs at either end, so that two losses near 0 are the same loss if both began at 4 nats. Up to a tenth of that: "the same".

    How it misleads: the scale of a quantity that does not pass near 0 is the quantity itself, and a tenth of it may be all
    that ever varies. Two or three runs that agree say little of the next one.
    """
    found = []
    for lens, data in results.items():
        begun = (start or {}).get(lens)
        for name, one in of_the_model(data).items():
            for words, of_runs in _ticks(one):
                values = np.asarray(of_runs.transpose("run").values, dtype=float)
                if not np.isfinite(values).any():
                    continue
                sizes = np.abs(values)
                if begun is not None and name in begun:
                    before = dict(_ticks(begun[name])).get(words)
                    sizes = sizes if before is None else np.append(sizes, np.abs(before.values.astype(float)))
                scale = float(np.nanmax(np.where(np.isfinite(sizes), sizes, np.nan)))
                quantity = f"{one.attrs.get('long_name', name)}{words}"
                found.append(Number(lens, quantity, str(one.attrs.get("units", "1")), values, scale))
    return found


def maps(results: Mapping[str, xr.Dataset], draws: int = 200) -> list[Map]:
    """Which maps over inputs, outputs or frequencies are alike from run to run?

    Spearman's rank correlation over all ticks that are known in both, mean over pairs of runs; null: ticks shuffled within
    every run (p from ``draws`` shuffles). Axes without a meaning across runs (neurons, heads, components) are left out.

    How it misleads: neighbouring ticks are rarely independent, so p is too small; read the correlation. Under a symmetry of
    the task (multiplying all numbers of Z_p by a unit permutes its frequencies) equal circuits can have different maps.
    """
    found, rng = [], np.random.default_rng(0)
    for lens, data in results.items():
        for name, one in of_the_model(data).items():
            axes = tuple(str(axis) for axis in one.dims if axis != "run")
            if not axes or not SHARED.issuperset(axes) or one.sizes["run"] < 2:
                continue
            values = one.transpose("run", *axes).values.astype(float)
            everyone = np.arange(len(values))
            seen = pair_mean(correlations(values), everyone)
            if not np.isfinite(seen):
                continue
            null = np.array([pair_mean(correlations(shuffled(values, rng)), everyone) for _ in range(draws)])
            quantity = str(one.attrs.get("long_name", name))
            p = float(permutation_p(seen, null))
            found.append(Map(lens, quantity, axes, float(seen), float(np.nanmean(null)), p))
    return found


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

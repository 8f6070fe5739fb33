"""One measure as a function of two arrays: its value, what it says of chance, and how much it varies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ontogeny.measures.base import Measure, one_by_one
from ontogeny.representations.aligned import Aligned, aligned
from ontogeny.representations.inputs import Named
from ontogeny.representations.nulls import Units, random_like, subsets

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

    @property
    def way(self) -> Aligned | None:
        return aligned(self.align, self.align_by, self.fit_on, self.seed, self.units.of_row)


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

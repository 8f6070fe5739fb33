"""What a measure says where there is no correspondence, and how sure its value is.

The same draws serve all measures and all cells of a grid, so that the largest of a grid can be judged against the largest of each draw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.numerics.random import Key

Null = Literal["row_shuffle", "random", "rematched", "reinitialised"]
NULLS = ("row_shuffle", "random", "rematched", "reinitialised")


@dataclass(frozen=True)
class Units:
    """The sampling units: rows by themselves, or groups of rows (documents) that belong together."""

    of_row: NDArray[np.int64]

    @classmethod
    def of(cls, n: int, groups: object = None) -> Units:
        if groups is None:
            return cls(np.arange(n))
        labels = np.asarray(groups)
        if labels.shape != (n,):
            raise UserError(
                f"groups names the sampling unit of every sample: {n} labels, not {labels.shape}."
            )
        return cls(np.unique(labels, return_inverse=True)[1])

    @property
    def count(self) -> int:
        return int(self.of_row.max()) + 1

    def orders(self, draws: int, seed: int) -> Tensor:
        """Samples in other orders (draw, n); whole units change places, so units must be of one size."""
        sizes = np.bincount(self.of_row)
        if len(set(sizes)) > 1:
            raise UserError(
                f"Groups of {sizes.min()} to {sizes.max()} samples cannot change places. Keep as many samples of each, or one."
            )
        rows = torch.from_numpy(np.argsort(self.of_row, kind="stable").reshape(self.count, -1))
        back = torch.argsort(rows.flatten())
        key = Key(seed, "row_shuffle")
        return torch.stack([rows[key.permutation(self.count, i)].flatten()[back] for i in range(draws)])

    def half_samples(self, draws: int, seed: int) -> list[Tensor]:
        """Rows of random halves of the units, without replacement."""
        if self.count < 8:
            raise UserError(
                f"{self.count} sampling units are too few for an interval; resamples=0 leaves it out."
            )
        key = Key(seed, "half_samples")
        chosen = [key.permutation(self.count, i)[: self.count // 2].numpy() for i in range(draws)]
        return [torch.from_numpy(np.flatnonzero(np.isin(self.of_row, half))) for half in chosen]


def random_like(x: Tensor, draws: int, seed: int) -> list[Callable[[], Tensor]]:
    """Gaussian matrices of the shape of ``x``, made one at a time."""
    key = Key(seed, "random")

    def draw(i: int) -> Tensor:
        return torch.randn(x.shape, generator=key.generator(i), dtype=x.dtype).to(x.device)

    return [lambda i=i: draw(i) for i in range(draws)]  # type: ignore[misc]


def subsets(units: int, size: int, draws: int, seed: int, side: str) -> Tensor:
    """Random subsets of units (draw, size)."""
    key = Key(seed, f"rematched {side}")
    return torch.stack([key.permutation(units, i)[:size] for i in range(draws)])


def half_sample_interval(
    value: float, halves: NDArray[np.float64], bounds: tuple[float, float], level: float = 0.95
) -> tuple[float, float]:
    """value ± z · SD of the values of random half samples, cut to ``bounds``.

    A half sample drawn without replacement varies about the whole as the whole about the truth: (n − d)/d = 1 in the jackknife that
    leaves d = n/2 out (Shao & Wu 1989). Chosen over samples with replacement because these hold copies: copies are one another's nearest
    neighbours, at distance 0, and lower ranks, so a neighbour or a distance measure of them is biased.

    How it misleads: it knows the scatter of the value and not its bias; ``cka_linear`` and CCA are biased where samples are few.
    """
    from scipy import stats

    half = stats.norm.ppf((1 + level) / 2) * float(np.std(halves, ddof=1))
    return float(np.clip(value - half, *bounds)), float(np.clip(value + half, *bounds))

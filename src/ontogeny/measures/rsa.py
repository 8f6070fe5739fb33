"""Do two representations agree on which samples are alike? Dissimilarities between samples, compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from scipy import stats
from torch import Tensor

from ontogeny.measures.base import Measure, each_pair, measure, one_by_one
from ontogeny.measures.kinds import (
    OF_SAMPLES,
    ORTHOGONAL,
    PERMUTATION,
    SAMPLE_OFFSET,
    SAMPLE_SCALE,
    SCALE,
    SHAPE,
)
from ontogeny.numerics.gram import inner_products
from ontogeny.numerics.neighbours import unit_rows
from ontogeny.numerics.symmetric import Dissimilarity, dissimilarities, double_centre, pack, renamed, unpack


@dataclass(frozen=True, kw_only=True)
class DissimilaritiesCorrelated:
    """Correlation of the upper triangles of two dissimilarity matrices, standardised (and ranked) once a representation."""

    dissimilarity: ClassVar[Dissimilarity]
    by: Literal["spearman", "pearson", "kendall"] = "spearman"

    def prepare(self, x: Tensor) -> Tensor:
        vector = pack(dissimilarities(x, self.dissimilarity), diagonal=False)
        if self.by == "kendall":
            return vector
        if self.by == "spearman":
            vector = torch.from_numpy(stats.rankdata(vector.cpu().numpy())).to(vector.device)
        vector = vector.double() - vector.double().mean()
        return (vector / vector.norm()).to(x.dtype)

    def pairs(self, x: Sequence[Tensor], y: Sequence[Tensor]) -> Tensor:
        if self.by == "kendall":
            return each_pair(_kendall, x, y, x is y)["value"]
        return inner_products(x, y).clamp(-1, 1)

    def shuffled(self, x: Tensor, y: Tensor, orders: Tensor) -> Tensor:
        if self.by == "kendall":
            square = unpack(y, diagonal=False)
            return one_by_one(lambda o: _kendall(x, pack(square[o][:, o], diagonal=False)), list(orders), x)
        return renamed(x, y, orders, diagonal=False).clamp(-1, 1)


def rsa(invariances: tuple[str, ...], label: str) -> Callable[[type], Measure]:
    """Register one of the family."""
    return measure(
        kind="similarity",
        range=(-1, 1),
        input="samples",
        invariances=invariances,
        nulls=OF_SAMPLES,
        least=4,
        label=label,
    )


def _kendall(x: Tensor, y: Tensor) -> Tensor:
    """τ_b; N log N of N pairs of samples, minutes for 2,000 samples shuffled 999 times."""
    return torch.tensor(stats.kendalltau(x.cpu().numpy(), y.cpu().numpy()).statistic, dtype=torch.float64)


@rsa(
    invariances=(PERMUTATION, SCALE, SAMPLE_SCALE, SAMPLE_OFFSET),
    label="RSA (correlation distance)",
)
class rsa_correlation(DissimilaritiesCorrelated):
    """Do two representations agree on which samples are alike, by the correlation of their patterns over units?

    Equation: ``by`` ("spearman", "pearson", "kendall" τ_b) of d(x_i, x_j) and d(y_i, y_j) over i < j, d = 1 − Pearson's r of two samples
    over units.

    Range −1 … 1; 1: the same order of dissimilarities. A matrix of n × n.
    High: a few clusters of samples, seen by both, give most of it. Turning one side changes the value: the correlation over units
    looks along the direction (1, 1, …, 1). Null: samples renamed, as in Mantel's test; untrained models, which share what the inputs share.
    Source: Kriegeskorte, Mur & Bandettini 2008.
    """

    dissimilarity = "correlation"


@rsa(invariances=(*ORTHOGONAL, SCALE, SAMPLE_SCALE), label="RSA (cosine distance)")
class rsa_cosine(DissimilaritiesCorrelated):
    """Do two representations agree on which samples are alike, by the angle between them?

    Equation: ``by`` of d(x_i, x_j) and d(y_i, y_j) over i < j, d = 1 − cos.

    Range −1 … 1; 1: the same order of angles. A matrix of n × n.
    High: as ``rsa_correlation``. A vector added to all samples makes them alike and the value meaningless: the origin counts.
    Null: samples renamed; untrained models. Source: Kriegeskorte, Mur & Bandettini 2008.
    """

    dissimilarity = "cosine"


@rsa(invariances=SHAPE, label="RSA (Euclidean distance)")
class rsa_euclidean(DissimilaritiesCorrelated):
    """Do two representations agree on which samples are alike, by the distance between them?

    Equation: ``by`` of |x_i − x_j| and |y_i − y_j| over i < j.

    Range −1 … 1; 1: the same order of distances. A matrix of n × n.
    High: one large direction, or the length of samples, decides. Null: samples renamed; untrained models.
    Source: Kriegeskorte, Mur & Bandettini 2008.
    """

    dissimilarity = "euclidean"


@measure(
    kind="distance",
    range=(0, 2),
    input="samples",
    invariances=(*ORTHOGONAL, SCALE, SAMPLE_SCALE),
    nulls=OF_SAMPLES,
    label="RSM norm difference",
)
class rsm_norm_difference:
    """How different are the cosines between samples in two representations?

    Equation: ‖S_X − S_Y‖_F / √(n(n − 1)), S the cosines between samples: the root mean square over pairs of samples. A matrix of n × n.

    Range 0 … 2; 0: the same up to rotation and the length of samples. Low: two representations whose samples all point alike, or
    all to different sides, are near whatever they share: a wide untrained layer is near every other. Null: samples renamed.
    """

    def prepare(self, x: Tensor) -> Tensor:
        rows = unit_rows(x)
        return pack((rows @ rows.mT).fill_diagonal_(0), diagonal=False)

    def pair(self, x: Tensor, y: Tensor) -> Tensor:
        return (x - y).norm(dtype=torch.float64) / math.sqrt(2 * len(x))

    def shuffled(self, x: Tensor, y: Tensor, orders: Tensor) -> Tensor:
        squares = x.double().square().sum() + y.double().square().sum()
        products = renamed(x, y, orders, diagonal=False)
        return ((squares - 2 * products).clamp(min=0) / (2 * len(x))).sqrt()


@measure(
    kind="similarity",
    range=(0, 1),
    input="samples",
    invariances=SHAPE,
    nulls=OF_SAMPLES,
    label="distance correlation",
)
class distance_correlation:
    """Do two representations depend on one another, in any way, as distances between samples see it?

    Equation: √(⟨HAH, HBH⟩_F / (‖HAH‖_F ‖HBH‖_F)), A and B the Euclidean distances between samples, H takes means away.

    Range 0 … 1; for many samples 0 only if they are independent. A matrix of n × n.
    High: biased upwards, towards 1 where units are many and samples few, so only the excess over the null says something.
    Null: samples renamed; untrained models. Source: Székely, Rizzo & Bakirov 2007.
    """

    def prepare(self, x: Tensor) -> Tensor:
        vector = pack(double_centre(dissimilarities(x, "euclidean")), diagonal=True)
        return vector / vector.norm(dtype=torch.float64).to(vector.dtype)

    def pairs(self, x: Sequence[Tensor], y: Sequence[Tensor]) -> Tensor:
        return inner_products(x, y).clamp(0, 1).sqrt()

    def shuffled(self, x: Tensor, y: Tensor, orders: Tensor) -> Tensor:
        return renamed(x, y, orders, diagonal=True).clamp(0, 1).sqrt()

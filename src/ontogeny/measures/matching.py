"""How alike are two representations unit by unit, once units are paired as well as can be?"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ontogeny.measures.base import measure
from ontogeny.measures.kinds import OF_SAMPLES, PERMUTATION, SCALE, TRANSLATION, UNIT_SCALE
from ontogeny.numerics.bases import centre
from ontogeny.numerics.transport import assignment, transport


def standard(x: Tensor) -> Tensor:
    """Units of mean 0 and length 1 in float64, so that products are Pearson's r; a constant unit correlates with nothing."""
    return normalize(centre(x.double()), dim=-2, eps=1e-12)


@measure(
    kind="distance",
    range=(0, math.sqrt(2)),
    input="samples",
    invariances=(PERMUTATION, SCALE, TRANSLATION),
    nulls=OF_SAMPLES,
    label="normalised distance after permutation",
)
class permutation_procrustes:
    """How far apart are the shapes of two representations once units are put in the best order?

    Equation: min over permutations P ‖X − YP‖_F = √(2 − 2 max tr(PᵀYᵀX)) after centring and scaling to norm 1; the narrower one has
    zero units added. Hungarian method.

    Range 0 … √2; a metric; 0: the same up to the order of units, scale and translation. It is never below ``procrustes_normalized``; how
    much it is above says how much the basis counts. Low: matching alone creates correspondence. Null: samples shuffled, matched anew.
    Source: Williams, Kunz, Kornblith & Linderman 2021.
    """

    def prepare(self, x: Tensor) -> Tensor:
        x = centre(x.double())
        return x / x.norm()

    def pair(self, x: Tensor, y: Tensor) -> Tensor:
        products = (x.mT @ y).cpu().numpy()
        return torch.tensor(2 - 2 * products[assignment(products)].sum()).clamp(min=0).sqrt()


@measure(
    kind="similarity",
    range=(-1, 1),
    input="samples",
    invariances=(PERMUTATION, SCALE, UNIT_SCALE, TRANSLATION),
    nulls=OF_SAMPLES,
    label="mean correlation of matched units",
)
class hard_correlation_match:
    """How well do units correlate once they are paired one to one?

    Equation: max over one-to-one pairings of Σ r(x_i, y_π(i)) / min(d, e), r Pearson's over samples. Hungarian method.

    Range −1 … 1; 1: every unit of the narrower side has its own twin. High: with many units and few samples the best of many
    correlations is high by chance; read the re-matched null. Null: samples shuffled, matched anew.
    Source: Li, Yosinski, Clune, Lipson & Hopcroft 2015.
    """

    def prepare(self, x: Tensor) -> Tensor:
        return standard(x)

    def pair(self, x: Tensor, y: Tensor) -> Tensor:
        r = (x.mT @ y).clamp(-1, 1).cpu().numpy()
        return torch.tensor(r[assignment(r)].mean())


@measure(
    kind="similarity",
    range=(-1, 1),
    input="samples",
    invariances=(PERMUTATION, SCALE, UNIT_SCALE, TRANSLATION),
    nulls=OF_SAMPLES,
    label="soft matching",
)
class soft_match:
    """How well do units correlate once each is spread over those that are like it, whatever their numbers?

    Equation: max over plans T ≥ 0 with row sums 1/d and column sums 1/e of Σ T_ij r(x_i, y_j). Equal numbers of units: the mean
    correlation of the best one-to-one pairing; otherwise optimal transport (POT, the extra ``ot``).

    Range −1 … 1; 1: every unit is a positive multiple of its partners. High: as ``hard_correlation_match``; unlike there every unit of the wider
    side counts. Null: samples shuffled, matched anew. Source: Khosla & Williams 2024.
    """

    def prepare(self, x: Tensor) -> Tensor:
        return standard(x)

    def pair(self, x: Tensor, y: Tensor) -> Tensor:
        r = (x.mT @ y).clamp(-1, 1).cpu().numpy()
        return torch.tensor((transport(r) * r).sum())

"""Centred kernel alignment: the cosine between two centred samples × samples matrices of inner products (Kornblith et al. 2019)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.measures.base import measure
from ontogeny.measures.kinds import OF_SAMPLES, SHAPE
from ontogeny.numerics.bases import centre, compress
from ontogeny.numerics.gram import inner_products
from ontogeny.numerics.symmetric import dissimilarities, double_centre, pack, renamed


class Centred(NamedTuple):
    """C(X), as narrow as it can be without changing inner products of samples, and ‖C(X)ᵀC(X)‖_F."""

    x: Tensor
    norm: Tensor


def centred(x: Tensor) -> Centred:
    x = compress(centre(x))
    return Centred(x, cross(x, x).sqrt())


def cross(x: Tensor, y: Tensor) -> Tensor:
    """‖XᵀY‖²_F = ⟨XXᵀ, YYᵀ⟩; products in the dtype of X, squares added up in float64."""
    return (x.mT @ y.to(x.dtype)).double().square().sum()


def linear(x: Centred, y: Centred) -> Tensor:
    return (cross(x.x, y.x) / (x.norm * y.norm)).clamp(0, 1)


@measure(
    kind="similarity", range=(0, 1), input="samples", invariances=SHAPE, nulls=OF_SAMPLES, label="linear CKA"
)
class cka_linear:
    """Do two representations place the same samples near one another, as inner products see it?

    Equation: ‖C(Y)ᵀC(X)‖²_F / (‖C(X)ᵀC(X)‖_F ‖C(Y)ᵀC(Y)‖_F), C(X) is X without column means.

    Range 0 … 1; 1: the same up to rotation, scale and translation. NaN for a constant representation.
    High: it is dominated by the directions of largest variance, so one shared large direction (or outlier) gives 1 whatever the
    rest does; and it is biased upwards where samples are few: independent Gaussians of n = d give 0.5. Read
    ``cka_linear_debiased`` beside it. Null: samples shuffled; untrained models, which share what the inputs share.
    Source: Kornblith, Norouzi, Lee & Hinton 2019.
    """

    def prepare(self, x: Tensor) -> Centred:
        return centred(x)

    def pair(self, x: Centred, y: Centred) -> Tensor:
        return linear(x, y)


@measure(
    kind="distance",
    range=(0, math.pi / 2),
    input="samples",
    invariances=SHAPE,
    nulls=OF_SAMPLES,
    label="angular CKA",
    units="rad",
)
class cka_angular:
    """How far apart are two representations by linear CKA, as an angle that obeys the triangle inequality?

    Equation: arccos(linear CKA).

    Range 0 … π/2 rad; 0: the same up to rotation, scale and translation. A small angle misleads as a high CKA does.
    Near 0 rounding counts: float32 inputs that are equal are at about 1e-3. Source: Williams, Kunz, Kornblith & Linderman 2021.
    """

    def prepare(self, x: Tensor) -> Centred:
        return centred(x)

    def pair(self, x: Centred, y: Centred) -> Tensor:
        return linear(x, y).arccos()


class Unbiased(NamedTuple):
    """C(X), |x_i|², and what the statistic is with itself."""

    x: Tensor
    squares: Tensor
    own: Tensor


@measure(
    kind="similarity",
    range=(-1, 1),
    input="samples",
    invariances=SHAPE,
    nulls=OF_SAMPLES,
    label="debiased linear CKA",
    least=4,
)
class cka_linear_debiased:
    """Do two representations place the same samples near one another, more than few samples do by themselves?

    Equation: HSIC₁(X, Y) / √(HSIC₁(X, X) HSIC₁(Y, Y)) with Song's U-statistic, diagonals zeroed: for centred X, Y, a = |x_i|², b = |y_i|²
    n(n − 3) HSIC₁ = ‖XᵀY‖²_F − n/(n − 2) Σ ab + (Σ a)(Σ b)/((n − 1)(n − 2)). No n × n matrix.

    Range −1 … 1, 0 on average for independent representations of any n > 3 and d; 1: the same up to rotation, scale, translation.
    High: still dominated by the directions of largest variance. Null: samples shuffled; untrained models.
    Source: Song et al. 2012; Nguyen, Raghu & Kornblith 2021; Murphy, Zylberberg & Fyshe 2024.
    """

    def prepare(self, x: Tensor) -> Unbiased:
        x = compress(centre(x))
        squares = x.double().square().sum(-1)
        return Unbiased(x, squares, _hsic(x, x, squares, squares).sqrt())

    def pair(self, x: Unbiased, y: Unbiased) -> Tensor:
        return (_hsic(x.x, y.x, x.squares, y.squares) / (x.own * y.own)).clamp(-1, 1)


def _hsic(x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
    n = len(x)
    return cross(x, y) - (n / (n - 2)) * (a @ b) + a.sum() * b.sum() / ((n - 1) * (n - 2))


@measure(
    kind="similarity", range=(0, 1), input="samples", invariances=SHAPE, nulls=OF_SAMPLES, label="RBF CKA"
)
class cka_rbf:
    """Do two representations place the same samples near one another, as neighbourhoods of some width see it?

    Equation: ⟨HKH, HLH⟩_F / (‖HKH‖_F ‖HLH‖_F), K_ij = exp(−|x_i − x_j|²/(2σ²)), σ = ``bandwidth`` × the median distance between
    different samples, of each representation by itself.

    Range 0 … 1; 1: the same up to rotation, scale and translation. A matrix of n × n.
    High: for a large bandwidth it is linear CKA, for a small one every sample is alone and the value is near 1 whatever is
    compared: print the bandwidth, and the null. Biased upwards for few samples, as ``cka_linear``. Source: Kornblith et al. 2019.
    """

    bandwidth: float = 1.0

    def prepare(self, x: Tensor) -> Tensor:
        if not self.bandwidth > 0:
            raise UserError(f"bandwidth = {self.bandwidth}: a positive multiple of the median distance.")
        distances = dissimilarities(x, "euclidean")
        upper = pack(distances, diagonal=False).cpu().numpy() / math.sqrt(2)
        sigma = self.bandwidth * float(np.median(upper))
        kernel = distances.square_().mul_(-1 / (2 * sigma**2) if sigma else math.nan).exp_()
        vector = pack(double_centre(kernel), diagonal=True)
        return vector / vector.norm(dtype=torch.float64).to(vector.dtype)

    def pairs(self, x: Sequence[Tensor], y: Sequence[Tensor]) -> Tensor:
        return inner_products(x, y).clamp(0, 1)

    def shuffled(self, x: Tensor, y: Tensor, orders: Tensor) -> Tensor:
        return renamed(x, y, orders, diagonal=True).clamp(0, 1)

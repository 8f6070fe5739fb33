"""Column spaces compared: their angles, their overlap, and what a ridge regression could predict from either."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.measures.base import measure
from ontogeny.measures.kinds import AFFINE, LINEAR, OF_SAMPLES, SHAPE
from ontogeny.numerics.bases import basis, centre


@measure(
    kind="distance",
    range=(0, math.inf),
    input="samples",
    invariances=AFFINE,
    nulls=OF_SAMPLES,
    label="principal angles",
    units="rad",
)
class principal_angles:
    """By what angles do the column spaces of two representations differ?

    Equation: θ = arccos of the canonical correlations of C(X) and C(Y), min(rank) of them, small ones by their sine (Björck & Golub);
    ``reduce``: their "mean", the "largest", or the "norm" √Σθ² (Grassmann's geodesic).

    Range 0 … π/2 rad for mean and largest; 0: one space holds the other. Low: n ≤ d makes it 0; directions of hardly any variance count as
    much as the largest. Null: samples shuffled; untrained models.
    """

    reduce: Literal["mean", "largest", "norm"] = "mean"

    def prepare(self, x: Tensor) -> Tensor:
        return basis(centre(x)).u

    def pair(self, x: Tensor, y: Tensor) -> Tensor:
        if x.shape[-1] < y.shape[-1]:
            x, y = y, x
        products = x.mT @ y
        cos = torch.linalg.svdvals(products).clamp(0, 1)
        sin = (
            torch.linalg.svdvals(y - x @ products).clamp(0, 1).flip(-1)
        )  # smallest sine beside largest cosine
        angles = torch.where(cos > math.sqrt(0.5), sin.arcsin(), cos.arccos())
        if self.reduce == "norm":
            return angles.square().sum().sqrt()
        return angles.max() if self.reduce == "largest" else angles.mean()


@measure(
    kind="similarity",
    range=(0, 1),
    input="samples",
    invariances=LINEAR,
    nulls=OF_SAMPLES,
    label="eigenspace overlap",
)
class eigenspace_overlap:
    """What share of the larger column space do two representations have in common?

    Equation: ‖UxᵀUy‖²_F / max(rank), U an orthonormal basis of X, not centred.

    Range 0 … 1; 1: the same space; at most min(rank)/max(rank). High: n ≤ d; a mean that both have is one shared direction.
    Null: samples shuffled; independent Gaussians give min(rank)/n. Source: May, Zhang, Dao & Ré 2019.
    """

    def prepare(self, x: Tensor) -> Tensor:
        return basis(x).u

    def pair(self, x: Tensor, y: Tensor) -> Tensor:
        return ((x.mT @ y).square().sum() / max(x.shape[-1], y.shape[-1])).clamp(0, 1)


class Ridge(NamedTuple):
    """A basis of C(X), each direction weighed by what a ridge regression keeps of it: w = s²/(s² + λ), Σ s² = 1."""

    u: Tensor  # (n, k) × √w
    own: Tensor  # Σ w²


@measure(
    kind="distance",
    range=(0, math.inf),
    input="samples",
    invariances=SHAPE,
    nulls=OF_SAMPLES,
    label="GULP",
)
class gulp:
    """How differently would ridge regressions on two representations predict, at worst on average over targets?

    Equation: √(Σ w_X² + Σ w_Y² − 2 ‖W_X^½ UxᵀUy W_Y^½‖²_F), w = s²/(s² + ``ridge``), C(X) = U S Vᵀ scaled to Σ s² = 1.

    Range 0 … √(k + l); 0: the same predictions for every target. Small ``ridge``: distance between column spaces, as CCA; large: between
    inner products, as CKA: the value means nothing without it. Null: samples shuffled; untrained models.
    Source: Boix-Adserà, Lawrence, Stepaniants & Rigollet 2022.
    """

    ridge: float = 0.01

    def prepare(self, x: Tensor) -> Ridge:
        if not self.ridge > 0:
            raise UserError(f"ridge = {self.ridge}: a positive number, in shares of the total variance.")
        b = basis(centre(x))
        energy = b.s.square() / b.s.square().sum()
        w = energy / (energy + self.ridge)
        return Ridge(b.u * w.sqrt(), w.square().sum())

    def pair(self, x: Ridge, y: Ridge) -> Tensor:
        return (x.own + y.own - 2 * (x.u.mT @ y.u).square().sum()).clamp(min=0).sqrt()

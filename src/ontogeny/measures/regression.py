"""What of one representation can be read off the other by a linear map?"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from ontogeny.measures.base import measure
from ontogeny.measures.kinds import AFFINE, OF_SAMPLES, SHAPE
from ontogeny.numerics.bases import basis, centre


class Target(NamedTuple):
    """C(X), its squared norm, and an orthonormal basis of its columns."""

    x: Tensor
    square: Tensor
    u: Tensor


@measure(
    kind="similarity",
    range=(0, 1),
    input="samples",
    invariances=SHAPE,
    invariances_other=AFFINE,
    nulls=OF_SAMPLES,
    symmetric=False,
    label="linear regression R²",
)
class linear_regression:
    """What share of the first representation's variance does a linear map of the second explain?

    Equation: ‖UyᵀC(X)‖²_F / ‖C(X)‖²_F, Uy an orthonormal basis of C(Y): R² of least squares, all units together.

    Range 0 … 1; asymmetric; 1: the first is a linear function of the second, or n ≤ d. Fitted and scored on the same samples: independent
    Gaussians give rank(Y)/(n − 1). Directions of large variance decide. Null: samples shuffled, fitted anew; untrained models.
    Source: Kornblith et al. 2019.
    """

    def prepare(self, x: Tensor) -> Target:
        c = centre(x.double())
        return Target(c, c.square().sum(), basis(centre(x)).u)

    def pair(self, x: Target, y: Target) -> Tensor:
        return ((y.u.mT @ x.x).square().sum() / x.square).clamp(0, 1)

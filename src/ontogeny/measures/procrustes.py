"""How far apart are two representations once one is turned as well as can be? (Williams, Kunz, Kornblith & Linderman 2021)"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ontogeny.measures.base import measure
from ontogeny.measures.kinds import OF_SAMPLES, ORTHOGONAL, SHAPE, TRANSLATION
from ontogeny.numerics.bases import centre, compress, nuclear

#: Below this share of ‖X‖² + ‖Y‖² a squared distance is a difference of nearly equal numbers, and float32 products are not enough.
NEAR = 0.02


class Placed(NamedTuple):
    """C(X), as narrow as it can be, and ‖C(X)‖²_F."""

    x: Tensor
    square: Tensor


def placed(x: Tensor, unit: bool) -> Placed:
    c = compress(centre(x.double()))
    square = c.square().sum()
    return Placed((c / square.sqrt()).to(x.dtype), square / square) if unit else Placed(c.to(x.dtype), square)


def distance(x: Placed, y: Placed) -> Tensor:
    """√(‖X‖² + ‖Y‖² − 2‖XᵀY‖_*); products in the dtype of X unless the two are near, singular values in float64."""
    if x is y:
        return torch.zeros_like(x.square)
    both = x.square + y.square
    square = both - 2 * nuclear(x.x, y.x)
    if x.x.dtype == torch.float32 and square < NEAR * both:
        wide = [z.x.double() for z in (x, y)]
        square = sum(z.square().sum() for z in wide) - 2 * nuclear(*wide)
    return square.clamp(min=0).sqrt()


@measure(
    kind="distance",
    range=(0, math.inf),
    input="samples",
    invariances=(*ORTHOGONAL, TRANSLATION),
    nulls=OF_SAMPLES,
    label="Procrustes distance (size and shape)",
    units="units of the activations",
)
class procrustes:
    """How far apart are two representations after the best rotation, size included?

    Equation: min over orthogonal Q ‖C(X) − C(Y)Q‖_F = √(‖X‖² + ‖Y‖² − 2‖XᵀY‖_*), after centring; the narrower one has zero units added.

    Range 0 … ∞, in units of the activations × √n; a metric. Low: representations that are small are near one another.
    Null: samples shuffled; untrained models.
    """

    def prepare(self, x: Tensor) -> Placed:
        return placed(x, unit=False)

    def pair(self, x: Placed, y: Placed) -> Tensor:
        return distance(x, y)


@measure(
    kind="distance",
    range=(0, math.sqrt(2)),
    input="samples",
    invariances=SHAPE,
    nulls=OF_SAMPLES,
    label="normalised Procrustes distance",
)
class procrustes_normalized:
    """How far apart are the shapes of two representations after the best rotation?

    Equation: √(2 − 2‖XᵀY‖_*) after centring and scaling to ‖X‖_F = ‖Y‖_F = 1. 1 − SciPy's disparity is (‖XᵀY‖_*)².

    Range 0 … √2; a metric; 0: the same up to rotation, scale and translation.
    Low: the rotation is fitted on the samples that are scored, and with d near n it fits noise: independent Gaussians of n = d are far below √2.
    Null: samples shuffled, rotated anew; untrained models.
    """

    def prepare(self, x: Tensor) -> Placed:
        return placed(x, unit=True)

    def pair(self, x: Placed, y: Placed) -> Tensor:
        return distance(x, y)


@measure(
    kind="distance",
    range=(0, math.pi / 2),
    input="samples",
    invariances=SHAPE,
    nulls=OF_SAMPLES,
    label="angular Procrustes distance",
    units="rad",
)
class procrustes_angular:
    """What is the angle between the shapes of two representations after the best rotation?

    Equation: arccos(‖XᵀY‖_* / (‖X‖_F ‖Y‖_F)) after centring.

    Range 0 … π/2 rad; a metric, along the sphere of shapes. Low: as ``procrustes_normalized``. Null: samples shuffled; untrained models.
    """

    def prepare(self, x: Tensor) -> Placed:
        return placed(x, unit=True)

    def pair(self, x: Placed, y: Placed) -> Tensor:
        # arccos loses half of the digits near 0; the chord 2 sin(θ/2) has them
        return 2 * torch.arcsin((distance(x, y) / 2).clamp(max=1))

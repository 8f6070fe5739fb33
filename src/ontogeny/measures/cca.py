"""Canonical correlations: what two column spaces share, whatever their coordinates."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.measures.base import measure
from ontogeny.measures.kinds import AFFINE, OF_SAMPLES, PERMUTATION, SCALE, SHAPE, SIGN, TRANSLATION
from ontogeny.numerics.bases import Basis, basis, canonical_correlations, centre


def directions(x: Tensor) -> Tensor:
    """An orthonormal basis of C(X), found in float64 and kept in the dtype of X: canonical correlations lose nothing to its rounding."""
    return basis(centre(x)).u.to(x.dtype)


@measure(
    kind="similarity", range=(0, 1), input="samples", invariances=AFFINE, nulls=OF_SAMPLES, label="mean CCA"
)
class cca_mean:
    """How much do two representations share, up to any invertible map of either?

    Equation: mean of the canonical correlations ρ, the singular values of UxᵀUy, U an orthonormal basis of C(X): min(rank) of them.

    Range 0 … 1; 1: one is an invertible image of the other, or n ≤ d, where any two representations of full rank share everything.
    High: directions of hardly any variance count as much as the largest, so noise counts; and few samples raise it: independent
    Gaussians of n = 2000 in 100 and 50 dimensions give 0.205. Null: samples shuffled; untrained models. Source: Raghu et al. 2017.
    """

    def prepare(self, x: Tensor) -> Tensor:
        return directions(x)

    def pair(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        return {"value": canonical_correlations(x, y).mean(), **_kept(x, y)}


@measure(
    kind="similarity",
    range=(0, 1),
    input="samples",
    invariances=AFFINE,
    nulls=OF_SAMPLES,
    label="mean squared CCA",
)
class cca_mean_squared:
    """How much variance do two representations share, up to any invertible map of either?

    Equation: mean of ρ², the canonical correlations squared: ‖UxᵀUy‖²_F / min(rank).

    Range 0 … 1; 1: one is an invertible image of the other, or n ≤ d. High: as ``cca_mean``; of independent Gaussians max(d)/(n − 1).
    Null: samples shuffled; untrained models. Source: Yanai's generalised coefficient of determination; Kornblith et al. 2019.
    """

    def prepare(self, x: Tensor) -> Tensor:
        return directions(x)

    def pair(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        share = (x.mT @ y).double().square().sum() / min(x.shape[-1], y.shape[-1])
        return {"value": share.clamp(0, 1), **_kept(x, y)}


def _kept(x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """How many directions of either side were compared."""
    return {"k": torch.tensor(float(x.shape[-1])), "k_other": torch.tensor(float(y.shape[-1]))}


@measure(kind="similarity", range=(0, 1), input="samples", invariances=SHAPE, nulls=OF_SAMPLES, label="SVCCA")
class svcca:
    """Do two representations share their large directions, up to any invertible map of these?

    Equation: mean canonical correlation of the first k principal components of each side, k the smallest with Σ_{i ≤ k} s_i² ≥ ``keep`` Σ s²;
    k and k_other are returned with the value.

    Range 0 … 1; 1: the kept subspaces are the same. High: as ``cca_mean``, less so; where one direction has 99 % of the variance, k = 1
    and the value is one correlation. It jumps where a direction passes the threshold. Null: samples shuffled; untrained models.
    Source: Raghu, Gilmer, Yosinski & Sohl-Dickstein 2017.
    """

    keep: float = 0.99

    def prepare(self, x: Tensor) -> Tensor:
        if not 0 < self.keep <= 1:
            raise UserError(f"keep = {self.keep}: a share of the variance, above 0 and at most 1.")
        b = basis(centre(x))
        energy = b.s.square().cumsum(0)
        enough = energy >= self.keep * energy[-1:]
        kept = b.u[:, : int(enough.int().argmax()) + 1] if len(energy) else b.u
        return kept.to(x.dtype)

    def pair(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        return {"value": canonical_correlations(x, y).mean(), **_kept(x, y)}


@measure(
    kind="similarity",
    range=(0, 1),
    input="samples",
    invariances=(*SHAPE[:3], TRANSLATION),
    nulls=OF_SAMPLES,
    label="SVCCA as published with one component",
)
class svcca_first_component:
    """What would a published "SVCCA" say that compared a share of the variance with 99 % of the total variance?

    Equation: as ``svcca`` with k the first for which Σ_{i ≤ k} s_i²/Σ s² ≥ .99 · Σ s²/(n − 1), or 1 if there is none: the share is at most 1, so k = 1 wherever
    the total variance exceeds 1.01. The value is then the correlation of the two first principal components.

    Range 0 … 1. It is here so that published numbers can be checked, and it is no SVCCA: most of a representation is not compared,
    and the unit of measurement decides how much of it. Null: samples shuffled (√(2/π n) for one component).
    """

    def prepare(self, x: Tensor) -> Tensor:
        b = basis(centre(x))
        total = b.s.square().sum()
        enough = b.s.square().cumsum(0) / total >= 0.99 * total / (len(x) - 1)
        return b.u[:, : int(enough.int().argmax()) + 1] if len(b.s) else b.u

    def pair(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        return {"value": canonical_correlations(x, y).mean(), **_kept(x, y)}


class Weighed(NamedTuple):
    """A basis of C(X), and C(X)'s units in it: C(X) = U A."""

    u: Tensor
    units: Tensor  # (k, d)


@measure(
    kind="similarity",
    range=(0, 1),
    input="samples",
    invariances=(PERMUTATION, SIGN, SCALE, TRANSLATION),
    invariances_other=AFFINE,
    nulls=OF_SAMPLES,
    symmetric=False,
    label="PWCCA",
)
class pwcca:
    """How much of the first representation is shared with the second, canonical directions counted by how much of the first they carry?

    Equation: Σ α_i ρ_i / Σ α_i, α_i = Σ_j |⟨h_i, x_j⟩|, h_i the canonical variates of C(X) (orthonormal over samples), x_j its units.

    Range 0 … 1; asymmetric: the weights are the first's. 1: all that the first carries is in the second, or n ≤ d.
    High: as ``cca_mean``, but for the noise of directions that carry nothing. Null: samples shuffled; untrained models.
    Source: Morcos, Raghu & Bengio 2018.
    """

    def prepare(self, x: Tensor) -> Weighed:
        b: Basis = basis(centre(x))
        return Weighed(b.u, b.s[:, None] * b.v.mT)

    def pair(self, x: Weighed, y: Weighed) -> Tensor:
        left, rho, _ = torch.linalg.svd(x.u.mT @ y.u, full_matrices=False)
        alpha = (left.mT @ x.units).abs().sum(-1)
        return (alpha * rho.clamp(0, 1)).sum() / alpha.sum()

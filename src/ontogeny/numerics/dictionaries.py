"""Dictionaries against true features, where these are known: who is near whom, how many atoms a feature has, who stands in for whom.

Atoms (…, atom, d) and features (feature, d) are rows of any norm; a row of zeros has cosine 0 with everything.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ontogeny.numerics.transport import assignment


def cosines(atoms: Tensor, features: Tensor) -> Tensor:
    """(…, atom, feature)."""
    return normalize(atoms, dim=-1) @ normalize(features, dim=-1).mT


def matched(cosine: Tensor) -> tuple[Tensor, Tensor]:
    """The pairing of atoms and features, each with one at most, that has the largest Σ |cos|: rows and columns of (atom, feature)."""
    rows, columns = assignment(cosine.abs().double().cpu().numpy())
    return torch.as_tensor(rows), torch.as_tensor(columns)


class Counts(NamedTuple):
    """Who shares what, at a threshold of the cosine."""

    own: Tensor  # (…, atom, feature) whether the feature is the atom's nearest, and near it
    atoms_of_feature: Tensor  # (…, feature)
    features_of_atom: Tensor  # (…, atom) features that are near the atom, nearest or not


def counts(cosine: Tensor, near: float) -> Counts:
    """Splitting and merging by (…, atom, feature) cosines; near is at least ``near``."""
    nearest = torch.zeros_like(cosine, dtype=torch.bool).scatter(-1, cosine.argmax(-1, keepdim=True), True)
    is_near = cosine >= near
    own = nearest & is_near
    return Counts(own, own.sum(-2), is_near.sum(-1))


class Told(NamedTuple):
    """How codes tell of true features, (feature,) each; NaN where a feature is never active, or has no atom of its own."""

    silent: Tensor
    absorbed: Tensor
    amplitude: Tensor


def told(codes: Tensor, acts: Tensor, atoms: Tensor, features: Tensor, own: Tensor, most: float) -> Told:
    """Whether the atoms of a feature say that it is there, and how much of it.

    codes (example, feature); acts (example, atom); atoms (atom, d); features (feature, d) of unit norm; own (atom, feature) bool.
    silent_i = P(no own atom active | i active). absorbed_i = P(no own atom active, and Σ_j a_j w_j·f_i ≥ most · c_i by others | i active).
    amplitude_i = Σ s c_i / Σ c_i² over the examples on which i and an own atom are active, s = Σ_own a_j w_j·f_i.
    """
    active, on = codes > 0, (acts > 0).to(acts.dtype)
    along = atoms @ features.mT  # (atom, feature)
    heard = on @ own.to(acts.dtype) > 0
    stood_in = active & ~heard & (acts @ along >= most * codes)
    said, c = acts @ (along * own), codes * (active & heard)
    times = torch.where(own.any(0), active.sum(0), 0).to(acts.dtype)
    return Told(
        (active & ~heard).sum(0) / times,
        stood_in.sum(0) / times,
        (said * c).sum(0) / torch.where(own.any(0), c.square().sum(0), 0),
    )

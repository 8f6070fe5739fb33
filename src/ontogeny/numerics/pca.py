"""Principal components of samples × features, over any leading axes."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class PCA(NamedTuple):
    """x ≈ mean + scores @ components; ``explained`` is each component's share of the summed squares."""

    scores: Tensor  # (…, sample, component), in the units of x
    components: Tensor  # (…, component, feature), rows of unit norm
    singular: Tensor  # (…, component), largest first; squares sum to ‖x − mean‖²
    explained: Tensor  # (…, component), sums to 1; NaN where x does not vary
    mean: Tensor  # (…, 1, feature)


def pca(x: Tensor, centre: bool = True) -> PCA:
    """PCA of ``x`` (…, sample, feature), centred over samples; ``centre=False`` is the plain SVD.

    Equation: x − mean = U S Vᵀ, scores = U S, components = Vᵀ, explained = s² / Σ s². min(sample, feature) components.
    Signs: the last sample scores ≥ 0 on every component, so that consecutive checkpoints do not flip at random.
    """
    mean = x.mean(-2, keepdim=True) if centre else torch.zeros_like(x[..., :1, :])
    u, s, vt = torch.linalg.svd(x - mean, full_matrices=False)
    sign = torch.where(u[..., -1, :] < 0, -1.0, 1.0).to(x)
    energy = s.square()
    return PCA(
        u * (s * sign).unsqueeze(-2),
        vt * sign.unsqueeze(-1),
        s,
        energy / energy.sum(-1, keepdim=True),
        mean,
    )


class Path(NamedTuple):
    """Scores of samples on their principal components, and each component's share of the variance."""

    scores: Tensor  # (…, sample, component)
    explained: Tensor  # (…, component)


def pca_of_gram(gram: Tensor) -> Path:
    """PCA from the inner products ⟨x_i, x_j⟩ (…, sample, sample) of centred samples: cheap for few, long vectors.

    Equation: G = U S² Uᵀ, scores = U S. Signs as in :func:`pca`.
    """
    energy, u = torch.linalg.eigh(gram)
    energy, u = energy.flip(-1).clamp(min=0), u.flip(-1)
    sign = torch.where(u[..., -1, :] < 0, -1.0, 1.0).to(gram)
    return Path(u * (energy.sqrt() * sign).unsqueeze(-2), energy / energy.sum(-1, keepdim=True))

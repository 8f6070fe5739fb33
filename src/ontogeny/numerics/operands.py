"""The two numbers a and b of an input, seen through the embedding: principal-component scores, sums, groups of units.

``numbers`` counts the tokens that are numbers; they are the first rows of W_E. Whatever follows ("=") is left out and left alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ontogeny.numerics.pca import keep_components, pca

#: Groups of units by their correlation with a + b, both ends included.
GROUPS = {"r ≥ .9": (0.9, 1.0), ".5 to .9": (0.5, 0.9), "−.9 to −.5": (-0.9, -0.5), "r ≤ −.9": (-1.0, -0.9)}


def operand_scores(W_E: Tensor, inputs: Tensor, numbers: int, components: int = 2) -> Tensor:
    """Scores of the tokens a and b of every input: (…, example, operand, component), PCA over the number rows of W_E."""
    scores = pca(W_E[..., :numbers, :]).scores[..., :components]
    return scores[..., inputs[:, :2], :]


def keep_embedding(W_E: Tensor, numbers: int, components: int) -> Tensor:
    """W_E with the number rows reduced to their mean and first principal components."""
    return torch.cat(
        [keep_components(W_E[..., :numbers, :], components), W_E[..., numbers:, :]],
        -2,
    )


def operands(inputs: Tensor) -> Tensor:
    """a, b and a + b as reals: (example, 3)."""
    a, b = inputs[:, 0].double(), inputs[:, 1].double()
    return torch.stack([a, b, a + b], -1)


def groups(r: Tensor) -> Tensor:
    """Which units belong to which of :data:`GROUPS`: (…, group, unit) booleans. NaN belongs to none.

    A bound shared by two groups belongs to the one further from zero.
    """
    strong, middle = r.abs() >= 0.9, (r.abs() >= 0.5) & (r.abs() < 0.9)
    return torch.stack([strong & (r > 0), middle & (r > 0), middle & (r < 0), strong & (r < 0)], -2)

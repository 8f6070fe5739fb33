"""The two numbers a and b of an input, seen through the embedding: principal-component scores, sums, groups of units.

Tokens that are numbers are the first ones. Whatever follows ("=") is left out and left alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.numerics.pca import pca

#: Groups of units by their correlation with a + b, both ends included.
GROUPS = {"r ≥ .9": (0.9, 1.0), ".5 to .9": (0.5, 0.9), "−.9 to −.5": (-0.9, -0.5), "r ≤ −.9": (-1.0, -0.9)}


def operand_scores(numbers: Tensor, inputs: Tensor, components: int = 2) -> Tensor:
    """Scores of the tokens a and b of every input: (…, example, operand, component), PCA over the embeddings (…, number, vector)."""
    return pca(numbers).scores[..., :components][..., inputs[:, :2], :]


def example_of(grid: Mapping[str, int], a: int, b: int) -> int:
    """The example that holds the input (a, b). Raises UserError for one outside the grid."""
    sizes = tuple(grid.values())
    if not (len(sizes) == 2 and 0 <= a < sizes[0] and 0 <= b < sizes[1]):
        raise UserError(f"There is no input (a, b) = ({a}, {b}); the probe's grid is {dict(grid)}.")
    return a * sizes[1] + b


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

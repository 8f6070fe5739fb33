"""Inner products of bilinear networks as tensors, for all pairs of models of any widths, whole or in part.

    ⟨1|2⟩ = Σ_r ⟨B₁[r], B₂[r]⟩_F = Σ_hg pp ⊙ ½ (ll ⊙ rr + lr ⊙ rl)

with ll = W_l1 W_l2ᵀ, rr = W_r1 W_r2ᵀ, lr = W_l1 W_r2ᵀ, rl = W_r1 W_l2ᵀ, pp = W_p1ᵀ W_p2, all (d1, d2). The *invisible* part,
which no one-hot input touches, is the off-diagonal of the blocks of one position with itself: the same kernel on the inputs of
that position alone, less the diagonal of B, Σ_i l_hi r_hi l_gi r_gi. The visible part is the rest.

Norms use that kernel. All pairs are taken from the upper triangles of B, written out some entries at a time so that memory stays
small: each pair is then one inner product of two rows, whatever the widths, and does not know the other models.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ontogeny.errors import UnknownName
from ontogeny.numerics.bilinear import visible_mask
from ontogeny.numerics.cores import one_core_each
from ontogeny.numerics.gram import gram

PARTS = ("whole", "visible", "invisible")
Factors = tuple[Tensor, Tensor, Tensor]  # W_l, W_r (d_hidden, input), W_p (output, d_hidden)
ENTRIES = 1024  # of the triangle held at once, for every output of every model


def kernel(l1: Tensor, r1: Tensor, l2: Tensor, r2: Tensor, positions: int, part: str = "whole") -> Tensor:
    """Inner products of the units' symmetrised l ⊗ r, all entries or those of one part: (…, d1, input), … → (…, d1, d2)."""
    if part not in PARTS:
        raise UnknownName("part of the weights", part, PARTS)
    if part == "whole":
        return _half(l1, r1, l2, r2)
    own = sum(
        _half(*block) for block in zip(*(w.chunk(positions, -1) for w in (l1, r1, l2, r2)), strict=True)
    )
    invisible = own - (l1 * r1) @ (l2 * r2).mT
    return invisible if part == "invisible" else _half(l1, r1, l2, r2) - invisible


def _half(l1: Tensor, r1: Tensor, l2: Tensor, r2: Tensor) -> Tensor:
    return ((l1 @ l2.mT) * (r1 @ r2.mT) + (l1 @ r2.mT) * (r1 @ l2.mT)) / 2


def squared_norms(W_l: Tensor, W_r: Tensor, W_p: Tensor, positions: int) -> Tensor:
    """‖B[r]‖² of the whole, its visible and its invisible part: (…, part, output), in float64."""
    left, right, p = (w.double() for w in (W_l, W_r, W_p))
    kernels = torch.stack([kernel(left, right, left, right, positions, part) for part in PARTS], dim=-3)
    return torch.einsum("...rh,...xhg,...rg->...xr", p, kernels, p).clamp_min(0)  # rounding


def inner_products(x: Sequence[Factors], y: Sequence[Factors], positions: int, part: str = "whole") -> Tensor:
    """⟨i|j⟩ for every model i of ``x`` and j of ``y``, whole or in part: (len(x), len(y)) in float64.

    Models may differ in width and share inputs and outputs. Raises :class:`~ontogeny.errors.UnknownName` for another part.
    """
    if part not in PARTS:
        raise UnknownName("part of the weights", part, PARTS)
    entries = upper_triangle(x[0][0].shape[-1], positions, part)
    total = torch.zeros(len(x), len(y), dtype=torch.float64)
    for some in entries.split(ENTRIES, -1):

        def row(model: Factors, at: Tensor = some) -> Tensor:
            W_l, W_r, W_p = (w.double() for w in model)
            return triangle(W_l, W_r, W_p, at)

        with one_core_each() as share:
            rows = [torch.stack(share(row, models)) for models in ((x,) if x is y else (x, y))]
        total += gram(*rows)
    return total.to(x[0][0].device)


def upper_triangle(inputs: int, positions: int, part: str) -> Tensor:
    """Rows and columns of the entries of B on and above the diagonal that belong to a part: (2, entry)."""
    mask = torch.ones(inputs, inputs, dtype=torch.bool)
    if part != "whole":
        mask = visible_mask(positions, inputs // positions) == (part == "visible")
    return mask.triu().nonzero().mT


def triangle(W_l: Tensor, W_r: Tensor, W_p: Tensor, entries: Tensor) -> Tensor:
    """These entries of every B[r] as one vector, those off the diagonal times √2, so that inner products are those of B:
    (output · entry,)."""
    i, j = entries
    units = W_l[:, i] * W_r[:, j] + W_r[:, i] * W_l[:, j]
    units *= torch.where(i == j, 0.25, 0.5).to(units).sqrt()
    return (W_p @ units).flatten()

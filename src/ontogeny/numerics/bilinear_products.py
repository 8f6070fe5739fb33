"""Inner products of bilinear networks as tensors, for all pairs of models of any widths at once, whole or in part.

    ⟨1|2⟩ = Σ_r ⟨B₁[r], B₂[r]⟩_F = Σ_hg pp ⊙ ½ (ll ⊙ rr + lr ⊙ rl)

with ll = W_l1 W_l2ᵀ, rr = W_r1 W_r2ᵀ, lr = W_l1 W_r2ᵀ, rl = W_r1 W_l2ᵀ, pp = W_p1ᵀ W_p2, all (d1, d2). The *invisible* part, which no
one-hot input touches, is the off-diagonal of the blocks of one position with itself: the same kernel on the inputs of that position
alone, less the diagonal of B, Σ_i l_hi r_hi l_gi r_gi. The visible part is the rest.

Two routes give the same numbers. The *kernel* route stacks the hidden units of all models: five wide matrix products, whose cost
grows with the square of the widths. The *tensor* route writes out the upper triangles of all B, one row of inputs at a time, so that
memory stays small, and takes their Gram matrix: its cost does not know the widths. The cheaper one is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ontogeny.errors import UnknownName
from ontogeny.numerics.bilinear import visible_mask

PARTS = ("whole", "visible", "invisible")
Factors = tuple[Tensor, Tensor, Tensor]  # W_l, W_r (d_hidden, input), W_p (output, d_hidden)
ENTRIES = 2**20  # of a kernel held at once: 8 MB an array


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
    outputs, inputs = len(x[0][2]), x[0][0].shape[-1]
    units_x, units_y = (sum(len(W_l) for W_l, _, _ in models) for models in (x, y))
    by_kernel = units_x * units_y * (4 * inputs + outputs)
    by_tensor = outputs * inputs**2 // 2 * (len(x) * len(y) + units_x + units_y)
    route = by_kernels if by_kernel <= by_tensor else by_tensors
    return route(x, y, positions, part)


def by_kernels(x: Sequence[Factors], y: Sequence[Factors], positions: int, part: str) -> Tensor:
    """The kernel route: units of all models as rows, in chunks of whole models. Where x is y, one triangle is enough."""
    widths_x, widths_y = ([len(W_l) for W_l, _, _ in models] for models in (x, y))
    l2, r2, p2 = _stacked(y)
    total = l2.new_zeros(len(x), len(y))
    for first, last in _chunks(widths_x, max(1, ENTRIES // len(l2))):
        start = first if x is y else 0
        unit = sum(widths_y[:start])
        l1, r1, p1 = _stacked(x[first:last])
        products = kernel(l1, r1, l2[unit:], r2[unit:], positions, part).mul_(p1 @ p2[unit:].mT)
        rows = torch.stack([block.sum(0) for block in products.split(widths_x[first:last])])
        total[first:last, start:] = torch.stack(
            [block.sum(-1) for block in rows.split(widths_y[start:], -1)], -1
        )
    return total.triu() + total.triu(1).mT if x is y else total


def _stacked(models: Sequence[Factors]) -> Factors:
    """Hidden units of all models as rows: (unit, input), (unit, input), (unit, output)."""
    W_l, W_r, W_p = zip(*models, strict=True)
    return torch.cat(W_l).double(), torch.cat(W_r).double(), torch.cat([w.mT for w in W_p]).double()


def _chunks(widths: Sequence[int], units: int) -> Iterator[tuple[int, int]]:
    """First and last + 1 of consecutive models with at most so many hidden units together, one model at least."""
    first = held = 0
    for model, width in enumerate(widths):
        if held and held + width > units:
            yield first, model
            first, held = model, 0
        held += width
    yield first, len(widths)


def by_tensors(x: Sequence[Factors], y: Sequence[Factors], positions: int, part: str) -> Tensor:
    """The tensor route: row i of the upper triangles of all B at once, off-diagonal entries times √2."""
    inputs = x[0][0].shape[-1]
    mask = torch.ones(inputs, inputs, dtype=torch.bool)
    if part != "whole":
        mask = visible_mask(positions, inputs // positions) == (part == "visible")
    padded_x = _padded(x)
    padded_y = padded_x if x is y else _padded(y)
    total = padded_x[0].new_zeros(len(x), len(y))
    for i, columns in enumerate(mask.triu()):
        rows_x = _row(*padded_x, i, columns)
        rows_y = rows_x if x is y else _row(*padded_y, i, columns)
        total += rows_x @ rows_y.mT
    return total


def _padded(models: Sequence[Factors]) -> Factors:
    """Zero units up to the widest model, which add nothing to B: (model, unit, input) twice, (model, output, unit)."""
    W_l, W_r, W_p = zip(*((left, right, p.mT) for left, right, p in models), strict=True)
    left, right, p = (pad_sequence(list(w), batch_first=True).double() for w in (W_l, W_r, W_p))
    return left, right, p.mT


def _row(left: Tensor, right: Tensor, p: Tensor, i: int, columns: Tensor) -> Tensor:
    """Row i of every model's B at the given columns, as one vector over outputs and columns: (model, output · column)."""
    j = columns.nonzero().squeeze(-1)
    units = left[..., i, None] * right[..., j] + right[..., i, None] * left[..., j]
    units *= torch.where(j == i, 0.25, 0.5).to(units).sqrt()
    return (p @ units).flatten(1)

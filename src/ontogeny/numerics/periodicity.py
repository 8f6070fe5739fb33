"""A logit cube L[a, b, c] against cos w_k(a + b − c): the projection that the published algorithm predicts.

The direction depends on d = (a + b − c) mod p alone, so the projection of the cube is that of a function of d, p numbers,
and every frequency comes out of one p × p product. Logits are not centred.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ontogeny.numerics.fourier import fourier_basis, frequency_of_row


class Periodicity(NamedTuple):
    """Per frequency 0 … ⌊p/2⌋, (…, frequency); sine entries are 0 where there is no sine (k = 0, and k = p/2 of even p)."""

    cos_coefficient: Tensor  # L ≈ Σ_k coefficient · cos w_k d
    sin_coefficient: Tensor
    cos_similarity: Tensor  # cosine of the angle between L and the direction
    sin_similarity: Tensor
    energy: Tensor  # share of ‖L‖² along both


def by_difference(logits: Tensor) -> Tensor:
    """Mean over s of a table (…, s, c) at d = (s − c) mod p: (…, d)."""
    s = torch.arange(logits.shape[-1], device=logits.device)
    c = (s - s[:, None]) % len(s)  # c[d, s] = s − d
    return logits[..., s, c].mean(-1)


def periodicity(logits: Tensor, square_norm: Tensor, copies: int) -> Periodicity:
    """Projections of the cube whose table of means by answer is ``logits`` (…, s, c).

    ``square_norm`` (…): ‖L‖² of the whole cube; ``copies``: inputs per answer.
    Equation: with unit rows f_h over d, e_h = Σ_d D[d] f_h[d], cos∠(L, f_h(a + b − c)) = √(copies · p) e_h / ‖L‖.
    """
    p = logits.shape[-1]
    basis = fourier_basis(p, logits.dtype, logits.device)
    along = by_difference(logits) @ basis.mT
    similarity = along * (copies * p / square_norm.unsqueeze(-1)).sqrt()
    amplitude = along * along.new_tensor(_scale(p))
    (c, s), (cs, ss) = _by_phase(amplitude), _by_phase(similarity)
    return Periodicity(c, s, cs, ss, cs.square() + ss.square())


def cosine_logits(coefficient: Tensor, p: int) -> Tensor:
    """Logits as a function of d = 0 … p − 1 from cosine coefficients (…, frequency): Σ_k coefficient_k cos w_k d, (…, d)."""
    k, d = torch.arange(p // 2 + 1), torch.arange(p)
    waves = (2 * torch.pi * (k[:, None] * d % p).double() / p).cos().to(coefficient)
    return coefficient @ waves


def _scale(p: int) -> list[float]:
    """What a unit row of the basis is worth in plain cosines: √(2/p), or √(1/p) where there is no sine."""
    return [(1 / p if k == 0 or 2 * k == p else 2 / p) ** 0.5 for k in frequency_of_row(p).tolist()]


def _by_phase(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Harmonics (…, p) as cosines and sines by frequency, (…, ⌊p/2⌋ + 1) each."""
    p = rows.shape[-1]
    cosine, sine = rows.new_zeros(2, *rows.shape[:-1], p // 2 + 1)
    cosine[..., 0] = rows[..., 0]
    cosine[..., 1:] = rows[..., 1::2]
    sine[..., 1 : (p + 1) // 2] = rows[..., 2::2]
    return cosine, sine

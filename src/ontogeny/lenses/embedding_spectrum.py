"""The Fourier spectrum of the number embedding."""

from __future__ import annotations

import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.fourier import power_by_frequency
from ontogeny.subject import Subject


@lens(
    reads=("site:embedding", "grid"),
    gives={
        "norm": gives("frequency", long_name="norm of W_E by frequency"),
        "share": gives("frequency", long_name="share of the energy of W_E, the constant left out"),
    },
)
def embedding_spectrum(model: Subject) -> Found:
    """Which frequencies over the numbers does the embedding hold?

    Equation: norm(k) = √ of the power of the columns of W_E[0 … p − 1] at k cycles over p, summed over d_model; ``share``: of the energy
    without the constant.

    Numbers are counted as they are, in every task; ``fourier_embedding`` counts them as elements of a group.

    On numbers that are no circle (addition without modulus) a straight line alone has power 1/sin²(πk/p) at every k, most at k = 1: a
    low-frequency spectrum is then a sign of smoothness and not of waves.
    """
    p = max(model.probe.grid.values())
    power = power_by_frequency(model.site("embedding")[..., :p, :], axis=-2).sum(-1)
    varying = power.index_fill(-1, torch.tensor(0, device=power.device), 0)
    return Found(norm=power.sqrt(), share=varying / varying.sum(-1, keepdim=True))

"""Circles in the planes of an embedding, found by their topology."""

from __future__ import annotations

import numpy as np
import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.fourier import fold, fourier_basis
from ontogeny.numerics.topology import loop_share, persistence
from ontogeny.subject import Subject


@lens(
    reads=("site:embedding", "period"),
    gives={
        "energy_share": gives("frequency", long_name="energy share of the embedding map"),
        "loops": gives("frequency", long_name="loops in the plane of the frequency", units="loops"),
        "longest": gives("frequency", long_name="longest loop, beside that of a perfect circle"),
        "second": gives("frequency", long_name="second longest loop, beside that of a perfect circle"),
        "circles": gives(long_name="planes with exactly one loop", units="planes"),
    },
    cost="moderate",
    keep=False,
)
def circles(model: Subject, *, planes: int = 6, least: float = 0.4) -> Found:
    """Do the numbers lie on a circle in the planes of the strongest frequencies of the embedding?

    Equation: with F the orthonormal Fourier basis over Z_p, the plane of frequency k is spanned by the rows cos k and sin k of F W_E (number
    tokens only). The embeddings, less their mean, are projected onto it, and loops are bars of H1 of the Vietoris–Rips complex of these p points; a bar counts for
    (death − birth)/(√3 · root mean square radius), which is 1 − 2 sin(π/p)/√3 for a regular polygon and tends to 1. loops: bars of at least ``least``. Of the
    ``planes`` frequencies with the largest energy; the others are NaN.

    Shapes: energy_share, loops, longest, second (frequency,); circles (). Exactly one loop: a circle, however often it is gone around (k and p
    have no common factor, so each number has a place of its own). Random planes hold loops of .1 to .3. It misleads: a plane has a loop, which says nothing of whether it is
    used; frequencies whose planes overlap blur each other; and few numbers (p < 12) make polygons whose loop is short.
    Needs the extra ``topology``. Source: Ripser (Bauer 2021); circles of numbers, Nanda et al. 2023.
    """
    p = model.period
    W_E = model.site("embedding")[..., :p, :].double()
    waves = fourier_basis(p, W_E.dtype, W_E.device) @ W_E
    energy = fold(waves.square().sum(-1))
    energy[..., 0] = 0
    share = energy / energy.sum(-1, keepdim=True).clamp_min(1e-300)
    flat_E, flat_waves, flat_share = (x.reshape(-1, *x.shape[len(model.lead) :]) for x in (W_E, waves, share))
    found = np.full((3, len(flat_E), share.shape[-1]), np.nan)
    for i, (points, rows, of) in enumerate(zip(flat_E, flat_waves, flat_share, strict=True)):
        centred = points - points.mean(0)
        for k in of.argsort(descending=True, stable=True)[: min(planes, (p - 1) // 2)].tolist():
            if k == 0 or 2 * k == p:  # a constant, or a line
                continue
            plane = torch.linalg.qr(rows[2 * k - 1 : 2 * k + 1].mT).Q
            here = (centred @ plane).cpu().numpy()
            bars = [*loop_share(persistence(here)[1], here), 0.0, 0.0]
            found[:, i, k] = sum(bar >= least for bar in bars), bars[0], bars[1]
    loops, longest, second = (torch.from_numpy(x).reshape(share.shape) for x in found)
    return Found(
        energy_share=share, loops=loops, longest=longest, second=second, circles=(loops == 1).sum(-1).double()
    )

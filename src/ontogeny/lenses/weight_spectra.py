"""Singular values of every weight matrix."""

from __future__ import annotations

import torch

from ontogeny.errors import UserError
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.spectra import entropy_rank, participation_ratio, singular_values
from ontogeny.subject import Subject


@lens(
    reads=("weights",),
    gives={
        "singular_values": gives("matrix", "component", long_name="singular value"),
        "participation_ratio": gives("matrix", long_name="participation ratio", units="directions"),
        "entropy_rank": gives("matrix", long_name="entropy rank", units="directions"),
        "norm": gives("matrix", long_name="Frobenius norm"),
    },
)
def weight_spectra(model: Subject) -> Found:
    """How many directions does each weight matrix use?

    Equation: singular values s of each matrix (of each head where there are heads; vectors are left out), largest first, NaN beyond a
    matrix's own number. Participation ratio (Σ s²)² / Σ s⁴, entropy rank exp(−Σ q ln q) with q = s / Σ s, Frobenius norm √Σ s².

    Both counts run from 1 (one direction) to min(rows, columns). Random matrices are not full: a square Gaussian one has a
    participation ratio of half its size, so compare with the initialisation (step 0). A zero matrix is NaN.
    """
    spectra = {}
    for name, axes in model.architecture.axes.items():
        if len(axes) < 2:
            continue
        s = singular_values(model.weights[name])
        own = s.shape[len(model.lead) : -1]  # heads
        for index, values in enumerate(s.flatten(len(model.lead), -2).unbind(-2) if own else [s]):
            spectra[f"{name}[{index}]" if own else name] = values
    if not spectra:
        raise UserError(f"This model has no weight matrices; its weights are {', '.join(model.weights)}.")
    longest = max(s.shape[-1] for s in spectra.values())
    padded = [
        torch.nn.functional.pad(s, (0, longest - s.shape[-1]), value=torch.nan) for s in spectra.values()
    ]
    return Found(
        singular_values=torch.stack(padded, -2),
        participation_ratio=torch.stack([participation_ratio(s) for s in spectra.values()], -1),
        entropy_rank=torch.stack([entropy_rank(s) for s in spectra.values()], -1),
        norm=torch.stack([s.norm(dim=-1) for s in spectra.values()], -1),
        ticks={"matrix": list(spectra)},
    )

"""How the embedding of the numbers, and the map from neurons to logits, look in the Fourier basis."""

from __future__ import annotations

import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.fourier import fold, fourier_basis
from ontogeny.subject import Subject


@lens(
    reads=("site:embedding", "site:readout[{layer}]", "period"),
    gives={
        "embedding_norm": gives("harmonic", long_name="norm of the embedding direction"),
        "embedding_share": gives("frequency", long_name="energy share of the embedding map"),
        "neuron_logit_norm": gives("harmonic", long_name="norm of the neuron_logit direction"),
        "neuron_logit_share": gives("frequency", long_name="energy share of the neuron-to-logit map"),
        "gram": gives("harmonic", "harmonic_other", long_name="cosine between embedding directions"),
    },
)
def fourier_embedding(model: Subject, *, layer: int = -1) -> Found:
    """Which waves over the numbers does the network embed, and which waves over the answers do its neurons write?

    Equation: with F the orthonormal Fourier basis over Z_p, the directions are the rows of F W_E (number tokens only) and the
    columns of W_L Fᵀ, W_L the read-out of the neurons; their norms by harmonic, and energy shares by frequency (the constant left out of
    the total). gram = cosines between all embedding directions: two frequencies in orthogonal planes of equal radius give the
    identity.

    Shapes: embedding_norm, neuron_logit_norm (harmonic,); embedding_share, neuron_logit_share (frequency,); gram (harmonic,
    harmonic_other). Units: norms in the weights' own, shares and cosines pure. A peak says that the wave is there, not that it
    is used: compare with the key frequencies. Which frequencies count as low depends on the labels of the numbers; multiplying
    them by a unit of Z_p permutes all frequencies. Errors: neurons without a linear path to the logits.
    Source: Nanda et al. 2023, "Progress measures for grokking via mechanistic interpretability", section 4.
    """
    W_E, W_L = model.site("embedding")[..., : model.period, :], model.site(f"readout[{layer}]")
    model.needs_outputs_of_the_period(W_L)
    basis = fourier_basis(model.period, W_E.dtype, W_E.device)
    waves = {"embedding": basis @ W_E, "neuron_logit": (W_L @ basis.mT).mT}
    found = {}
    for name, directions in waves.items():
        power = directions.square().sum(-1)
        energy = fold(power)
        energy[..., 0] = 0
        found[f"{name}_norm"] = power.sqrt()
        found[f"{name}_share"] = energy / energy.sum(-1, keepdim=True)
    unit = torch.nn.functional.normalize(waves["embedding"], dim=-1)
    return Found(found, gram=unit @ unit.mT)

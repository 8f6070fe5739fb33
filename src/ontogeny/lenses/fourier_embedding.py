"""How the embedding of the numbers, and the map from neurons to logits, look in the Fourier basis."""

from __future__ import annotations

import torch

from ontogeny.axes import Labelled, array
from ontogeny.lenses.base import lens
from ontogeny.numerics.composites import neuron_logit_map
from ontogeny.numerics.fourier import fold, fourier_basis, harmonic_names
from ontogeny.subject import Subject


@lens(reads=("weights:embed.W_E", "weights:blocks.0.mlp.W_out", "weights:unembed.W_U", "period"))
def fourier_embedding(model: Subject) -> dict[str, Labelled]:
    """Which waves over the numbers does the network embed, and which waves over the answers do its neurons write?

    Equation: with F the orthonormal Fourier basis over Z_p, the directions are the rows of F W_E (number tokens only) and the
    columns of W_L Fᵀ with W_L = W_out W_U; their norms by harmonic, and energy shares by frequency (the constant left out of
    the total). gram = cosines between all embedding directions: two frequencies in orthogonal planes of equal radius give the
    identity.

    Shapes: embedding_norm, neuron_logit_norm (harmonic,); embedding_share, neuron_logit_share (frequency,); gram (harmonic,
    harmonic_other). Units: norms in the weights' own, shares and cosines pure. A peak says that the wave is there, not that it
    is used: compare with the key frequencies. Which frequencies count as low depends on the labels of the numbers; multiplying
    them by a unit of Z_p permutes all frequencies. Errors: more than one layer is refused.
    Source: Nanda et al. 2023, "Progress measures for grokking via mechanistic interpretability", section 4.
    """
    p = model.probe.period or model.signature.outputs
    W_E = model.weights["embed.W_E"][..., :p, :]
    W_L = neuron_logit_map(model.weights)
    waves = {"embedding": fourier_basis(p, W_E.dtype, W_E.device) @ W_E}
    if W_L.shape[-1] == p:
        waves["neuron_logit"] = (W_L @ fourier_basis(p, W_L.dtype, W_L.device).mT).mT
    names, frequencies = harmonic_names(p), range(p // 2 + 1)
    found = {}
    for name, directions in waves.items():
        power = directions.square().sum(-1)
        energy = fold(power)
        energy[..., 0] = 0
        found[f"{name}_norm"] = array(
            power.sqrt(), "harmonic", long_name=f"norm of the {name} direction", coords={"harmonic": names}
        )
        found[f"{name}_share"] = array(
            energy / energy.sum(-1, keepdim=True),
            "frequency",
            long_name=f"energy share of the {name.replace('_', '-to-')} map",
            coords={"frequency": frequencies},
        )
    unit = torch.nn.functional.normalize(waves["embedding"], dim=-1)
    found["gram"] = array(
        unit @ unit.mT,
        "harmonic",
        "harmonic_other",
        long_name="cosine between embedding directions",
        coords={"harmonic": names, "harmonic_other": names},
    )
    return found

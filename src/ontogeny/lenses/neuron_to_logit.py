"""What the neurons of each frequency write to the logits, and as which function of the inputs."""

from __future__ import annotations

import torch

from ontogeny.axes import Labelled, array
from ontogeny.errors import UserError
from ontogeny.lenses.base import lens
from ontogeny.numerics.answers import inputs_by_answer, table
from ontogeny.numerics.composites import neuron_logit_map
from ontogeny.numerics.fourier import fourier_basis, harmonic_names, power_by_frequency
from ontogeny.subject import Subject


@lens(
    reads=(
        "tap:last:blocks.0.mlp.hook_post",
        "weights:blocks.0.mlp.W_out",
        "weights:unembed.W_U",
        "period",
        "lens:neuron_fourier",
    ),
    cost="moderate",
)
def neuron_to_logit(model: Subject, *, threshold: float = 0.85) -> dict[str, Labelled]:
    """Do the neurons of one frequency write to the logits at that frequency, and do they feed it the cosine and sine of the sum?

    Equation: W_L = W_out W_U; cluster_energy[j, k] = energy at output frequency k of the rows of W_L whose neuron is
    specialised in j (share at least ``threshold``), as a share of the cluster's. Along the output direction f_h (cos or sin w_k
    c) the neurons feed the function g_h(a, b) = activations(a, b) · W_L f_h; fed_share[h] is the share of its variance along
    the same wave of the answer, cos or sin w_k(a + b), and fed_amplitude[h] = √(mean g_h²) about its mean says whether there is
    anything to explain.

    Shapes: cluster_energy (frequency, frequency_other), NaN rows without neurons; fed_share, fed_amplitude (harmonic,),
    fed_share NaN where nothing is fed. Units: shares; amplitude in logits along a unit direction. A high fed_share at an
    amplitude near 0 means nothing; read both. Errors: more than one layer; outputs that are not the period.
    Source: Nanda et al. 2023, section 4.3 (there u_kᵀ MLP ≈ cos w_k(a + b)).
    """
    p = model.probe.period or model.signature.outputs
    W_L = neuron_logit_map(model.weights)
    if W_L.shape[-1] != p:
        raise UserError(
            f"The network has {W_L.shape[-1]} outputs, the period is {p}: output waves need them equal."
        )
    ticks = torch.arange(p // 2 + 1, device=W_L.device)
    dominant = model.result("neuron_fourier", "dominant_frequency")
    specialised = model.result("neuron_fourier", "dominant_share") >= threshold
    member = ((dominant.unsqueeze(-2) == ticks[:, None]) & specialised.unsqueeze(-2)).to(W_L.dtype)
    energy = member @ power_by_frequency(W_L)

    basis = fourier_basis(p, W_L.dtype, W_L.device)
    fed = model.tap("last:blocks.0.mlp.hook_post") @ (W_L @ basis.mT)  # (…, example, harmonic)
    inputs = inputs_by_answer(model.probe.labels, p)
    along = torch.einsum("hs,...sh->...h", basis, table(fed, inputs)).square() * inputs.shape[1]
    variance = fed.var(-2, correction=0)
    share = torch.where(variance > 0, along / (variance * fed.shape[-2]), torch.nan)
    share[..., 0] = torch.nan  # the constant wave has no variance
    names = harmonic_names(p)
    return {
        "cluster_energy": array(
            energy / energy.sum(-1, keepdim=True),
            "frequency",
            "frequency_other",
            long_name="share of the cluster's energy by output frequency",
            coords={"frequency": range(p // 2 + 1), "frequency_other": range(p // 2 + 1)},
            threshold=threshold,
        ),
        "fed_share": array(
            share,
            "harmonic",
            long_name="variance along the same wave of a + b",
            coords={"harmonic": names},
        ),
        "fed_amplitude": array(
            variance.sqrt(),
            "harmonic",
            long_name="amplitude fed to the output direction",
            units="logit",
            coords={"harmonic": names},
        ),
    }

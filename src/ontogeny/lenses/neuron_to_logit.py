"""What the neurons of each frequency write to the logits, and as which function of the inputs."""

from __future__ import annotations

import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.answers import inputs_by_answer, table
from ontogeny.numerics.fourier import fourier_basis, power_by_frequency
from ontogeny.subject import Subject


@lens(
    reads=(
        "site:neurons[{layer}]",
        "site:readout[{layer}]",
        "group",
        "lens:neuron_fourier(layer={layer})",
    ),
    gives={
        "cluster_energy": gives(
            "frequency", "frequency_other", long_name="share of the cluster's energy by output frequency"
        ),
        "fed_share": gives("harmonic", long_name="variance along the same wave of a + b"),
        "fed_amplitude": gives("harmonic", long_name="amplitude fed to the output direction", units="logit"),
    },
    cost="moderate",
)
def neuron_to_logit(model: Subject, *, layer: int = -1, threshold: float = 0.85) -> Found:
    """Do the neurons of one frequency write to the logits at that frequency, and do they feed it the cosine and sine of the sum?

    Equation: W_L, the read-out of the neurons; cluster_energy[j, k] = energy at output frequency k of the rows of W_L whose neuron is
    specialised in j (share at least ``threshold``), as a share of the cluster's. Along the output direction f_h (cos or sin w_k
    c) the neurons feed the function g_h(a, b) = activations(a, b) · W_L f_h; fed_share[h] is the share of its variance along
    the same wave of the answer, cos or sin w_k(a + b), and fed_amplitude[h] = √(mean g_h²) about its mean says whether there is
    anything to explain.

    Shapes: cluster_energy (frequency, frequency_other), NaN rows without neurons; fed_share, fed_amplitude (harmonic,),
    fed_share NaN where nothing is fed. Units: shares; amplitude in logits along a unit direction. A high fed_share at an
    amplitude near 0 means nothing; read both. Errors: neurons without a linear path to the logits;
    a task that is no addition in Z_n.
    Source: Nanda et al. 2023, section 4.3 (there u_kᵀ MLP ≈ cos w_k(a + b)).
    """
    p, W_L = model.period, model.site(f"readout[{layer}]")
    model.needs_outputs_of_the_period(W_L)
    ticks = torch.arange(p // 2 + 1, device=W_L.device)
    dominant = model.result("neuron_fourier", "dominant_frequency")
    specialised = model.result("neuron_fourier", "dominant_share") >= threshold
    member = ((dominant.unsqueeze(-2) == ticks[:, None]) & specialised.unsqueeze(-2)).to(W_L.dtype)
    energy = member @ power_by_frequency(W_L)

    basis = fourier_basis(p, W_L.dtype, W_L.device)
    fed = model.site(f"neurons[{layer}]") @ (W_L @ basis.mT)  # (…, example, harmonic)
    inputs = inputs_by_answer(model.probe.labels, p)
    along = torch.einsum("hs,...sh->...h", basis, table(fed, inputs)).square() * inputs.shape[1]
    variance = fed.var(-2, correction=0)
    share = torch.where(variance > 0, along / (variance * fed.shape[-2]), torch.nan)
    share[..., 0] = torch.nan  # the constant wave has no variance
    return Found(
        cluster_energy=energy / energy.sum(-1, keepdim=True),
        fed_share=share,
        fed_amplitude=variance.sqrt(),
        of={"cluster_energy": {"threshold": threshold}},
    )

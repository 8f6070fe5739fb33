"""Principal components of W_L."""

from __future__ import annotations

import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.fourier import power_by_frequency
from ontogeny.numerics.pca import pca
from ontogeny.subject import Subject


@lens(
    reads=("site:readout[{layer}]",),
    gives={
        "explained": gives("component", long_name="share of W_L's variance over neurons"),
        "cumulative": gives("component", long_name="cumulative share of W_L's variance"),
        "components": gives("component", "output", long_name="component over outputs"),
        "frequency_nearest": gives("component", long_name="nearest frequency", units="cycles"),
        "cosine": gives("component", "variable", long_name="cosine similarity with the nearest frequency"),
        "wave": gives("component", long_name="cosine similarity with the nearest wave of any phase"),
    },
)
def wl_pca(model: Subject, *, layer: int = -1) -> Found:
    """How many directions over the outputs do the neurons write, and are they waves?

    Equation: PCA of W_L, the read-out, with neurons as samples and outputs as features, centred over neurons. For each component, a vector
    over outputs: the frequency ≥ 1 with most power (period: number of outputs), its cosine similarity with cos and with sin of that
    frequency, and with the wave of the best phase, √(power at k / power): 1 for a pure wave.

    A cosine near 1 at frequency 1 is also what a smooth bump or a slope looks like; compare it with the next component, which a
    travelling wave would share its frequency with.
    """
    W_L = model.site(f"readout[{layer}]")
    of = pca(W_L)
    outputs = W_L.shape[-1]
    power = power_by_frequency(of.components)
    nearest = power[..., 1:].argmax(-1) + 1
    angle = (2 * torch.pi / outputs) * torch.arange(outputs, device=W_L.device) * nearest.unsqueeze(-1)
    waves = torch.stack([angle.cos(), angle.sin()], -2).to(of.components)  # (…, component, 2, output)
    cosine = torch.einsum("...co,...cwo->...cw", of.components, waves) / waves.norm(dim=-1).clamp(min=1e-3)
    best = power.gather(-1, nearest.unsqueeze(-1)).squeeze(-1) / power.sum(-1)
    return Found(
        explained=of.explained,
        cumulative=of.explained.cumsum(-1),
        components=of.components,
        frequency_nearest=nearest,
        cosine=cosine,
        wave=best.sqrt(),
        ticks={"component": range(1, of.explained.shape[-1] + 1), "variable": ["cos", "sin"]},
    )

"""Each neuron as a function of the two numbers, in the 2-D Fourier basis."""

from __future__ import annotations

from functools import cache

import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.fourier2d import block_share, harmonics_2d, shares_of
from ontogeny.numerics.random import Key
from ontogeny.subject import Subject

TIED = 1e-5  # of a share: less than that apart, and rounding decides which is larger


@lens(
    reads=("site:neurons[{layer}]", "grid", "period"),
    gives={
        "share": gives("frequency", "neuron", long_name="share of the neuron's variance"),
        "dominant_frequency": gives("neuron", long_name="dominant frequency", units="cycles"),
        "dominant_share": gives("neuron", long_name="share at the dominant frequency"),
        "specialised": gives(long_name="share of neurons with at least {threshold:g} at one frequency"),
        "cluster_size": gives("frequency", long_name="specialised neurons"),
        "norm_2d": gives("harmonic", "harmonic_other", long_name="2-D Fourier norm over neurons"),
        "control_mean": gives(long_name="dominant share of random maps"),
        "control_max": gives(long_name="largest dominant share of random maps"),
    },
    cost="moderate",
)
def neuron_fourier(
    model: Subject, *, layer: int = -1, threshold: float = 0.85, controls: int = 64, seed: int = 0
) -> Found:
    """Does each neuron compute with one frequency, and which?

    Equation: for activations m(a, b) at the last position, after the non-linearity, C = F m Fᵀ; the share of frequency k is the
    energy of C in the block {1, cos k, sin k}² over that of all C, the constant left out of both. The dominant frequency is the
    largest share's, the lowest of those that are tied (a neuron that answers to one input has all of them alike); a neuron is
    specialised if that share is at least ``threshold``. norm_2d = √Σ_neurons C².
    Controls: ``controls`` maps of independent normal numbers (seeded), their mean and largest dominant share.

    Shapes: share (frequency, neuron); dominant_frequency, dominant_share (neuron,), NaN for a constant (dead) neuron;
    specialised () as a share of all neurons; cluster_size (frequency,) counts specialised neurons; norm_2d (harmonic,
    harmonic_other); control_mean, control_max (). Units: shares; norm_2d in units of the activations. A ReLU neuron of one
    frequency leaks into 2k, 3k, …, so a perfect one stays below 1 (its cosine alone would give 1). Smooth maps have high shares
    at low k whatever they compute; which frequencies are low depends on the labels. Source: Nanda et al. 2023, 4.2.
    """
    post = model.site(f"neurons[{layer}]")
    power = harmonics_2d(model.on_grid(post, example_axis=-2)).square_()
    share = shares_of(power)
    top = share.amax(-2)
    at = (share >= top.unsqueeze(-2) * (1 - TIED)).to(torch.uint8).argmax(-2)
    dominant = torch.where(top.isnan(), torch.nan, at)
    specialised = top >= threshold
    frequencies = torch.arange(share.shape[-2], device=post.device)
    clusters = ((dominant.unsqueeze(-2) == frequencies[:, None]) & specialised.unsqueeze(-2)).sum(-1)
    control = random_maps(model.period, controls, seed).to(post)
    return Found(
        share=share,
        dominant_frequency=dominant,
        dominant_share=top,
        specialised=specialised.to(post.dtype).mean(-1),
        cluster_size=clusters,
        norm_2d=power.sum(-1).sqrt(),
        control_mean=control.mean().expand(model.lead),
        control_max=control.max().expand(model.lead),
        of={name: {"threshold": threshold} for name in ("specialised", "cluster_size")},
    )


@cache
def random_maps(p: int, controls: int, seed: int) -> torch.Tensor:
    """Dominant shares of ``controls`` maps of independent normal numbers; the same for every step and run."""
    draws = torch.randn(p, p, controls, generator=Key(seed, "neuron_fourier").generator("controls"))
    return block_share(draws).amax(-2)

"""Each neuron as a function of the two numbers, in the 2-D Fourier basis."""

from __future__ import annotations

from functools import cache

import torch

from ontogeny.axes import Labelled, array
from ontogeny.lenses.base import lens
from ontogeny.numerics.fourier import harmonic_names
from ontogeny.numerics.fourier2d import block_share, harmonics_2d, shares_of
from ontogeny.numerics.random import Key
from ontogeny.subject import Subject

TIED = 1e-5  # of a share: less than that apart, and rounding decides which is larger


@lens(reads=("tap:last:blocks.0.mlp.hook_post", "grid", "period"), cost="moderate")
def neuron_fourier(
    model: Subject, *, threshold: float = 0.85, controls: int = 64, seed: int = 0
) -> dict[str, Labelled]:
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
    p = model.probe.period or model.signature.outputs
    post = model.tap("last:blocks.0.mlp.hook_post")
    power = harmonics_2d(model.on_grid(post, example_axis=-2)).square_()
    share = shares_of(power)
    top = share.amax(-2)
    at = (share >= top.unsqueeze(-2) * (1 - TIED)).to(torch.uint8).argmax(-2)
    dominant = torch.where(top.isnan(), torch.nan, at)
    specialised = top >= threshold
    frequencies = torch.arange(p // 2 + 1, device=post.device)
    clusters = ((dominant.unsqueeze(-2) == frequencies[:, None]) & specialised.unsqueeze(-2)).sum(-1)
    control = random_maps(p, controls, seed).to(post)
    names = harmonic_names(p)
    ticks = {"frequency": range(p // 2 + 1)}
    return {
        "share": array(
            share, "frequency", "neuron", long_name="share of the neuron's variance", coords=ticks
        ),
        "dominant_frequency": array(dominant, "neuron", long_name="dominant frequency", units="cycles"),
        "dominant_share": array(top, "neuron", long_name="share at the dominant frequency"),
        "specialised": array(
            specialised.to(post.dtype).mean(-1),
            long_name=f"share of neurons with at least {threshold:g} at one frequency",
            threshold=threshold,
        ),
        "cluster_size": array(
            clusters, "frequency", long_name="specialised neurons", coords=ticks, threshold=threshold
        ),
        "norm_2d": array(
            power.sum(-1).sqrt(),
            "harmonic",
            "harmonic_other",
            long_name="2-D Fourier norm over neurons",
            coords={"harmonic": names, "harmonic_other": names},
        ),
        "control_mean": array(control.mean().expand(model.lead), long_name="dominant share of random maps"),
        "control_max": array(
            control.max().expand(model.lead), long_name="largest dominant share of random maps"
        ),
    }


@cache
def random_maps(p: int, controls: int, seed: int) -> torch.Tensor:
    """Dominant shares of ``controls`` maps of independent normal numbers; the same for every step and run."""
    draws = torch.randn(p, p, controls, generator=Key(seed, "neuron_fourier").generator("controls"))
    return block_share(draws).amax(-2)

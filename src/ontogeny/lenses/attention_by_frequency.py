"""With which frequencies attention varies over the inputs."""

from __future__ import annotations

import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.fourier2d import harmonics_2d, shares_of
from ontogeny.subject import Subject


@lens(
    reads=("site:attention[{layer}]", "grid", "period"),
    gives={
        "share": gives("frequency", "head", "key", long_name="share of the attention weight's variance"),
        "dominant_frequency": gives("head", "key", long_name="dominant frequency", units="cycles"),
        "dominant_share": gives("head", "key", long_name="share at the dominant frequency"),
        "mean": gives("head", "key", long_name="mean attention weight"),
        "std": gives("head", "key", long_name="spread of the attention weight over inputs"),
    },
)
def attention_by_frequency(model: Subject, *, layer: int = -1) -> Found:
    """With which frequencies of the inputs does each head's attention from the last position vary?

    Equation: for the weight A(a, b) of a head on a position, the share of its energy about the mean in the 2-D Fourier block
    {1, cos k, sin k}², as for neurons. mean and std are those of A over the inputs.

    Shapes: share (frequency, head, key), NaN where the weight is constant; mean, std, dominant_share (head, key);
    dominant_frequency (head, key), NaN likewise. Units: shares. A share says nothing about size: a head whose std is .001 can
    have all of it at one frequency. Weights sum to 1 over positions, so with three positions only two maps are free. "Low"
    frequencies depend on the labels of the numbers.
    """
    pattern = model.site(f"attention[{layer}]")  # (…, example, head, key)
    maps = model.on_grid(pattern.flatten(-2), example_axis=-2)
    share = shares_of(harmonics_2d(maps).square()).unflatten(-1, pattern.shape[-2:])
    top, at = share.max(-3)
    return Found(
        share=share,
        dominant_frequency=torch.where(top.isnan(), torch.nan, at),
        dominant_share=top,
        mean=pattern.mean(-3),
        std=pattern.std(-3, correction=0),
    )

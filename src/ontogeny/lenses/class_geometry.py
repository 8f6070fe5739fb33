"""The geometry of what a model holds of inputs with the same answer: clouds, their centres, and the circle that these may form."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.answers import inputs_by_answer, table
from ontogeny.numerics.pca import pca
from ontogeny.subject import Subject


@lens(
    reads=("tap:{tap}", "group"),
    gives={
        "radius": gives("output", long_name="radius of the cloud of an answer"),
        "dimension": gives(
            "output", long_name="directions that the cloud of an answer uses", units="directions"
        ),
        "spread": gives(long_name="spread of the centres of the answers"),
        "signal_to_noise": gives(long_name="spread² over mean radius²"),
        "centre_dimension": gives(long_name="directions that the centres use", units="directions"),
        "place": gives("output", "component", long_name="place of the centre of an answer in their plane"),
        "plane_share": gives(long_name="share of the centres' variance in their plane"),
        "circularity": gives(long_name="how evenly far the centres lie from their middle"),
        "alignment": gives(long_name="how well the angles are those of one frequency"),
        "alignment_frequency": gives(long_name="frequency of the angles", units="cycles"),
        "alignment_chance": gives(long_name="the same of random angles, expected"),
        "nearest": gives(long_name="smallest Fisher distance of two answers"),
        "nearest_pair": gives("side", long_name="the two answers that are nearest", units="answer"),
    },
    cost="moderate",
)
def class_geometry(model: Subject, *, tap: str = "neurons[-1]") -> Found:
    """Do inputs with the same answer come to lie together, and their centres on a circle?

    Equation: x are the activations at ``tap``, all its axes but the examples flattened, μ_r their mean over the n inputs with answer r. radius_r² =
    mean |x − μ_r|²; spread² = mean_r |μ_r − μ|²; signal_to_noise = spread² / mean_r radius_r². dimension_r = tr(C)² / tr(C²), the participation
    ratio of the covariance of a cloud, which is at most n − 1; centre_dimension the same of the centres. The plane is that of the first two principal components of
    the centres, θ_r the angles in it: circularity = 1 − sd/mean of the distances from the middle (0 at least), alignment = max over k and
    ± of |mean_r exp i(θ_r ∓ 2πkr/p)|², its frequency that k; alignment_chance = (1/p) Σ_{j ≤ p−1} 1/j, the mean of the largest of p − 1 exponential variables of mean 1/p.
    Fisher distance of r and s: |μ_r − μ_s|² / (radius_r² + radius_s²).

    Shapes: radius, dimension (output,), place (output, component), nearest_pair (side,), the others (). Units: those of the activations; ratios are pure. Circularity of a
    Gaussian cloud is about .5, of a line lower, of a circle 1; it does not ask in which order the answers come, alignment does. It misleads: a network that computes with several frequencies has
    a circle in the plane of each, and the first two components hold one of them at most; a cloud's radius counts directions that nothing reads; with
    float32 activations that do not vary ratios are NaN. Errors: answers that are not equally common.
    Source: participation ratio, Gao et al. 2017; Fisher's criterion, Fisher 1936.
    """
    model.needs_one_answer()
    p = model.period
    x = model.tap(tap).double().flatten(len(model.lead) + 1)
    inputs = inputs_by_answer(model.probe.labels, p)
    centres = table(x, inputs)
    clouds = x[..., inputs, :] - centres.unsqueeze(-2)
    squared = clouds.square().sum((-2, -1)) / inputs.shape[1]
    middle = centres.mean(-2, keepdim=True)
    spread = (centres - middle).square().sum(-1).mean(-1)
    of = pca(centres)
    place = of.scores[..., :2]
    far = torch.linalg.vector_norm(place, dim=-1)
    frequency, alignment = _aligned(torch.atan2(place[..., 1], place[..., 0]))
    between = torch.cdist(centres, centres).square()
    fisher = between / (squared.unsqueeze(-1) + squared.unsqueeze(-2))
    upper = torch.ones(p, p, dtype=torch.bool, device=x.device).triu(1)
    smallest = fisher.masked_fill(~upper, math.inf).flatten(-2)
    nearest, pair = smallest.min(-1)
    return Found(
        radius=squared.sqrt(),
        dimension=_participation(clouds),
        spread=spread.sqrt(),
        signal_to_noise=spread / squared.mean(-1),
        centre_dimension=_participation(centres - middle),
        place=place,
        plane_share=of.explained[..., :2].sum(-1),
        circularity=(1 - far.std(-1, correction=0) / far.mean(-1)).clamp_min(0),
        alignment=alignment,
        alignment_frequency=frequency,
        alignment_chance=torch.full(
            model.lead, sum(1 / j for j in range(1, p)) / p, dtype=torch.float64, device=x.device
        ),
        nearest=torch.where(nearest.isfinite(), nearest, math.nan),
        nearest_pair=torch.stack([pair // p, pair % p], -1).double(),
        ticks={"output": range(p), "component": [1, 2], "side": ["first", "second"]},
        attrs={"tap": tap},
    )


def _participation(centred: Tensor) -> Tensor:
    """tr(C)² / tr(C²) of centred samples (…, sample, d), from the smaller of the two Gram matrices."""
    wide = centred.shape[-1] > centred.shape[-2]
    gram = centred @ centred.mT if wide else centred.mT @ centred
    return gram.diagonal(dim1=-2, dim2=-1).sum(-1).square() / gram.square().sum((-2, -1))


def _aligned(angle: Tensor) -> tuple[Tensor, Tensor]:
    """Which frequency the angles (…, r) run at, in either direction, and how well: (frequency, |mean|²)."""
    p = angle.shape[-1]
    r = torch.arange(p, dtype=torch.float64, device=angle.device)
    k = torch.arange(1, p // 2 + 1, dtype=torch.float64, device=angle.device)
    wave = torch.exp(-2j * torch.pi * k.unsqueeze(-1) * r / p)
    turning = torch.exp(1j * angle)
    both = (
        torch.stack([torch.einsum("kr,...r->...k", w, turning) / p for w in (wave, wave.conj())])
        .abs()
        .square()
    )
    best, at = both.amax(0).max(-1)
    return k[at], best

"""What each attention head does, in numbers and in words."""

from __future__ import annotations

import torch
from torch import Tensor

from ontogeny.interventions.base import intervene
from ontogeny.interventions.mean_ablate import MeanAblate
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.fourier2d import block_energy, centred_energy, harmonics_2d
from ontogeny.numerics.scale import by_frequencies, coarse
from ontogeny.subject import Subject


@lens(
    reads=("site:attention[{layer}]", "site:heads[{layer}]", "outputs", "grid", "period"),
    gives={
        "dominant_frequency": gives(
            "head", long_name="frequency at which its attention varies most", units="cycles"
        ),
        "dominant_share": gives("head", long_name="share of its attention's variance at that frequency"),
        "low_share": gives("head", long_name="share of its attention's variance at low frequencies"),
        "spread": gives("head", long_name="spread of its attention over inputs"),
        "favourite": gives("head", long_name="position it attends to most, counted from 0"),
        "favourite_weight": gives("head", long_name="mean attention on that position"),
        "loss_without": gives("head", long_name="rise of the loss without it", units="nats"),
        "accuracy_without": gives("head", long_name="fall of the accuracy without it"),
        "steady": gives("head", long_name="attends the same whatever the input"),
        "tuned": gives("head", long_name="varies with one frequency"),
        "coarse": gives("head", long_name="varies slowly over the labels"),
        "leaning": gives("head", long_name="attends to one position most of the time"),
        "needed": gives("head", long_name="the model needs it"),
    },
    cost="costly",
)
def head_roles(
    model: Subject,
    *,
    layer: int = -1,
    radius: float = 0.125,
    moves: float = 0.02,
    most: float = 0.5,
    matters: float = 0.05,
) -> Found:
    """What does each head do: with which frequency does its attention vary, how coarsely, where does it look, and is it needed?

    Equation: with A(a, b) a head's weights on all positions, from the position that answers, and C their 2-D Fourier coefficients without
    the constant: ``dominant_share`` = max_k Σ_keys ‖C in {1, cos k, sin k}²‖² / Σ_keys ‖C‖²; ``low_share`` the same for
    √(j² + k²) ≤ ``radius`` · p; ``spread`` = √(Σ_keys var A). ``favourite`` = argmax of the mean weight. Without a head: what it adds
    is set to its mean over inputs, so that it is there and tells no input from another; loss and accuracy of all inputs, against the
    untouched model.

    Labels are rules, 1 or 0: *steady* where ``spread`` < ``moves``; else *tuned* where ``dominant_share`` ≥ ``most``, and *coarse* where
    ``low_share`` ≥ ``most``. *leaning* where ``favourite_weight`` ≥ ``most``. *needed* where the accuracy falls by at least ``matters``.

    Shapes: (head,). Shares [0, 1], NaN of a head that never varies. It misleads: heads that do the same are each unneeded
    alone; a model of chance accuracy needs none; "coarse" is of the labels of the numbers, not of the function (see map_scale).
    """
    pattern = model.site(f"attention[{layer}]")  # (…, example, head, key)
    n_heads = pattern.shape[-2]
    maps = model.on_grid(pattern.flatten(-2), example_axis=-2)  # (…, a, b, head · key)
    maps = maps - maps.mean((-3, -2), keepdim=True)

    def by_head(of: Tensor) -> Tensor:
        return of.unflatten(-1, (n_heads, -1)).sum(-1)

    power = harmonics_2d(maps).square()
    total = by_head(centred_energy(power))
    spread = by_head(maps.square().mean((-3, -2))).sqrt()
    varies = spread > 1e-6
    blocks = by_head(block_energy(power))  # (…, frequency, head)
    low = by_head(
        torch.einsum("jk,...jkm->...m", coarse(maps.shape[-2], radius).to(maps), by_frequencies(power))
    )

    def share(of: Tensor) -> Tensor:
        return torch.where(varies, of / total, torch.nan)

    top, at = blocks.max(-2)
    weight, favourite = pattern.mean(-3).max(-1)
    loss, accuracy = (model.examples[name].double().mean(-1) for name in ("loss", "accuracy"))
    tap = model.where(f"heads[{layer}]")
    without = [intervene(model, MeanAblate(tap, (head,), "head")) for head in range(n_heads)]
    rise = torch.stack([one.examples["loss"].double().mean(-1) - loss for one in without], -1)
    fall = torch.stack([accuracy - one.examples["accuracy"].double().mean(-1) for one in without], -1)
    dominant, low_share, steady = share(top), share(low), spread < moves
    return Found(
        dominant_frequency=torch.where(varies, at.to(top), torch.nan),
        dominant_share=dominant,
        low_share=low_share,
        spread=spread,
        favourite=favourite,
        favourite_weight=weight,
        loss_without=rise,
        accuracy_without=fall,
        steady=steady,
        tuned=~steady & (dominant >= most),
        coarse=~steady & (low_share >= most),
        leaning=weight >= most,
        needed=fall >= matters,
        attrs={"positions": pattern.shape[-1]},
    )

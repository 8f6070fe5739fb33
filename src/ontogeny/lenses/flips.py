"""Neurons that turn on or off at one input when the embedding is ablated, and what that does to the logits."""

from __future__ import annotations

from dataclasses import replace

import torch

from ontogeny.axes import Labelled, array
from ontogeny.errors import UserError
from ontogeny.lenses.base import lens
from ontogeny.numerics.correlation import pearson
from ontogeny.numerics.dft import partial_sums
from ontogeny.numerics.operands import keep_embedding
from ontogeny.subject import Subject

ON = 1e-5  # a neuron is on above this share of the layer's largest activation; rounding is not an activation


@lens(
    reads=("weights:embed.W_E", "weights:unembed.W_U", "tap:last:blocks.0.mlp.hook_post", "outputs", "grid")
)
def flips(
    model: Subject,
    *,
    a: int = 0,
    b: int = 0,
    layer: int = 0,
    components: int = 1,
    top: int = 20,
    alike: float = 0.9,
) -> dict[str, Labelled]:
    """Which neurons turn on or off at the input (a, b) when the embedding keeps its first components only, and how do they move the logits?

    Equation: Δact = ablated − full activation after the nonlinearity at (a, b); the change of the logits through the MLP is Δact W_L with
    W_L = W_out W_U; ``from_flips`` counts the flipping neurons alone (on: above 1e−5 of the layer's largest activation).
    ``contribution``: act_i W_L[i] of the full model, of the ``top`` neurons by norm, with their Pearson correlation with the
    model's logits at this input over the outputs; ``shaped_alike`` counts correlations above ``alike``. ``change_explained``: share of the variance over outputs of the change in its
    strongest frequencies (period: number of outputs).

    A share near 1 at the first frequency: the change is a cosine over the outputs. It misleads on few outputs: a smooth bump is mostly
    frequency 1, too.

    Raises UserError for an input outside the grid.
    """
    sizes = tuple(model.probe.grid.values())
    if not (len(sizes) == 2 and 0 <= a < sizes[0] and 0 <= b < sizes[1]):
        raise UserError(
            f"There is no input (a, b) = ({a}, {b}); the probe's grid is {dict(model.probe.grid)}."
        )
    at, tap = a * sizes[1] + b, f"last:blocks.{layer}.mlp.hook_post"
    W_E = keep_embedding(model.weights["embed.W_E"], max(sizes), components)
    without = replace(model, weights={**model.weights, "embed.W_E": W_E}, _taps={})
    act, ablated = (one.tap(tap)[..., at, :] for one in (model, without))
    logits = model.outputs[..., at, :]
    W_L = model.weights[f"blocks.{layer}.mlp.W_out"] @ model.weights["unembed.W_U"]
    on = ON * model.tap(tap).amax((-1, -2)).unsqueeze(-1)
    flip = (ablated > on).int() - (act > on).int()
    change = (ablated - act).unsqueeze(-1) * W_L  # (…, neuron, output)
    total, sums = change.sum(-2), partial_sums(change.sum(-2))
    contribution = act.unsqueeze(-1) * W_L
    order = contribution.norm(dim=-1).argsort(dim=-1, descending=True)[..., :top]
    largest = contribution.gather(-2, order.unsqueeze(-1).expand(*order.shape, W_L.shape[-1]))
    correlation = pearson(largest.mT, logits.unsqueeze(-1))[..., 0]
    flipped = torch.stack([flip < 0, flip > 0], -2).to(W_L)
    ticks = {"kept": range(1, sums.order.shape[-1] + 1)}
    return {
        "flip": array(flip, "neuron", long_name=f"−1 turned off, +1 turned on at ({a}, {b})"),
        "count": array(
            flipped.sum(-1),
            "group",
            long_name="flipping neurons",
            units="neurons",
            coords={"group": ["turned off", "turned on"]},
        ),
        "flipped_readout": array(
            flipped @ W_L / flipped.sum(-1, keepdim=True),
            "group",
            "output",
            long_name="mean W_L of the flipping neurons",
            units="nats/activation",
        ),
        "change": array(
            total, "output", long_name=f"change of the logits through the MLP at ({a}, {b})", units="nats"
        ),
        "from_flips": array(
            (change * (flip != 0).unsqueeze(-1)).sum(-2),
            "output",
            long_name="change of the logits by flipping neurons",
            units="nats",
        ),
        "change_frequency": array(
            sums.order,
            "kept",
            long_name="frequency of the change, strongest first",
            units="cycles",
            coords=ticks,
        ),
        "change_explained": array(sums.explained, "kept", long_name="share of the change's variance"),
        "logits": array(logits, "output", long_name=f"logits at ({a}, {b})", units="nats"),
        "top_neuron": array(order, "rank", long_name="neuron, by the norm of its contribution"),
        "contribution": array(
            largest, "rank", "output", long_name="contribution to the logits", units="nats"
        ),
        "contribution_correlation": array(
            correlation, "rank", long_name="correlation of the contribution with the logits over outputs"
        ),
        "shaped_alike": array(
            (correlation > alike).sum(-1),
            long_name=f"of the {order.shape[-1]} largest contributions, those that correlate above {alike} with the logits",
            units="neurons",
        ),
    }

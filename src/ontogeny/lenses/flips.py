"""Neurons that turn on or off at one input when the embedding is ablated, and what that does to the logits."""

from __future__ import annotations

import torch

from ontogeny.interventions.base import intervene
from ontogeny.interventions.components import KeepComponents
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.correlation import pearson
from ontogeny.numerics.dft import partial_sums
from ontogeny.numerics.operands import example_of
from ontogeny.subject import Subject

ON = 1e-5  # a neuron is on above this share of the layer's largest activation; rounding is not an activation


@lens(
    reads=(
        "site:lookup",
        "site:embedded",
        "site:neurons[{layer}]",
        "site:readout[{layer}]",
        "outputs",
        "grid",
    ),
    gives={
        "flip": gives("neuron", long_name="−1 turned off, +1 turned on at ({a}, {b})"),
        "count": gives("group", long_name="flipping neurons", units="neurons"),
        "flipped_readout": gives(
            "group", "output", long_name="mean W_L of the flipping neurons", units="nats/activation"
        ),
        "change": gives(
            "output", long_name="change of the logits through the neurons at ({a}, {b})", units="nats"
        ),
        "from_flips": gives("output", long_name="change of the logits by flipping neurons", units="nats"),
        "change_frequency": gives(
            "kept", long_name="frequency of the change, strongest first", units="cycles"
        ),
        "change_explained": gives("kept", long_name="share of the change's variance"),
        "logits": gives("output", long_name="logits at ({a}, {b})", units="nats"),
        "top_neuron": gives("rank", long_name="neuron, by the norm of its contribution"),
        "contribution": gives("rank", "output", long_name="contribution to the logits", units="nats"),
        "contribution_correlation": gives(
            "rank", long_name="correlation of the contribution with the logits over outputs"
        ),
        "shaped_alike": gives(
            long_name="of the {top} largest contributions, those that correlate above {alike} with the logits",
            units="neurons",
        ),
    },
)
def flips(
    model: Subject,
    *,
    a: int = 0,
    b: int = 0,
    layer: int = -1,
    components: int = 1,
    top: int = 20,
    alike: float = 0.9,
) -> Found:
    """Which neurons turn on or off at the input (a, b) when the embedding keeps its first components only, and how do they move the logits?

    Equation: Δact = ablated − full activation after the nonlinearity at (a, b); the change of the logits through the neurons is Δact W_L with W_L
    their read-out; ``from_flips`` counts the flipping neurons alone (on: above 1e−5 of the layer's largest activation).
    ``contribution``: act_i W_L[i] of the full model, of the ``top`` neurons by norm, with their Pearson correlation with the
    model's logits at this input over the outputs; ``shaped_alike`` counts correlations above ``alike``. ``change_explained``: share of the variance over outputs of the change in its
    strongest frequencies (period: number of outputs).

    A share near 1 at the first frequency: the change is a cosine over the outputs. It misleads on few outputs: a smooth bump is mostly
    frequency 1, too.

    Raises UserError for an input outside the grid.
    """
    at, neurons = example_of(model.probe.grid, a, b), f"neurons[{layer}]"
    without = intervene(model, KeepComponents(tuple(range(components))))
    act, ablated = (one.site(neurons)[..., at, :] for one in (model, without))
    logits, W_L = model.outputs[..., at, :], model.site(f"readout[{layer}]")
    on = ON * model.site(neurons).amax((-1, -2)).unsqueeze(-1)
    flip = (ablated > on).int() - (act > on).int()
    change = (ablated - act).unsqueeze(-1) * W_L  # (…, neuron, output)
    total, sums = change.sum(-2), partial_sums(change.sum(-2))
    contribution = act.unsqueeze(-1) * W_L
    order = contribution.norm(dim=-1).argsort(dim=-1, descending=True)[..., :top]
    largest = contribution.gather(-2, order.unsqueeze(-1).expand(*order.shape, W_L.shape[-1]))
    correlation = pearson(largest.mT, logits.unsqueeze(-1))[..., 0]
    flipped = torch.stack([flip < 0, flip > 0], -2).to(W_L)
    return Found(
        flip=flip,
        count=flipped.sum(-1),
        flipped_readout=flipped @ W_L / flipped.sum(-1, keepdim=True),
        change=total,
        from_flips=(change * (flip != 0).unsqueeze(-1)).sum(-2),
        change_frequency=sums.order,
        change_explained=sums.explained,
        logits=logits,
        top_neuron=order,
        contribution=largest,
        contribution_correlation=correlation,
        shaped_alike=(correlation > alike).sum(-1),
        ticks={"group": ["turned off", "turned on"], "kept": range(1, sums.order.shape[-1] + 1)},
        attrs={"top": order.shape[-1]},
    )

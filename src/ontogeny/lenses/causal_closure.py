"""Do the key frequencies, and the neurons that carry them, do the work? Answered by leaving everything else out."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.answers import inputs_by_answer, keep_frequencies, rows_loss, table
from ontogeny.numerics.random import Key
from ontogeny.subject import Subject

GROUPS = ("key frequencies", "key neurons")
SIDES = ("kept", "removed")


@lens(
    reads=(
        "outputs",
        "site:neurons[{layer}]",
        "site:readout[{layer}]",
        "split",
        "group",
        "lens:neuron_fourier(layer={layer})",
        "lens:key_frequencies@final",
    ),
    gives={
        "loss": gives("group", "quantity", long_name="held-out loss", units="nat"),
        "control_loss": gives(
            "group", "quantity", long_name="held-out loss, matched random controls", units="nat"
        ),
        "recovered": gives("group", "quantity", long_name="loss recovered"),
        "control_recovered": gives("group", "quantity", long_name="loss recovered, matched random controls"),
        "cluster_loss": gives(
            "frequency", "quantity", long_name="held-out loss, one cluster of neurons", units="nat"
        ),
        "cluster_control_loss": gives(
            "frequency", "quantity", long_name="held-out loss, as many random neurons", units="nat"
        ),
        "full_loss": gives(long_name="held-out loss", units="nat"),
        "none_loss": gives(long_name="held-out loss with the neurons at their mean", units="nat"),
    },
    cost="costly",
    keep=False,
)
def causal_closure(
    model: Subject, *, layer: int = -1, threshold: float = 0.85, draws: int = 4, seed: int = 0
) -> Found:
    """If only the key frequencies, or only the neurons that carry them, are left, how much of the task is left?

    Equation: part = the components of the neurons' activations along cos, sin w_k(a + b) of the key frequencies of the
    final step, or the deviation from their mean of neurons specialised in one (share at least ``threshold``). *Kept*: the
    activations are their mean plus the part. *Removed*: the activations less the part. The rest of the network, residual stream
    included, is as it was; the read-out of the neurons is linear. recovered = 1 − (loss − full)/(none − full) on the held-out part, none being the loss with all
    activations at their mean.
    Controls, matched and seeded: as many frequencies drawn from the others, as many neurons drawn from all; the mean of
    ``draws`` draws.

    Shapes: loss, control_loss, recovered, control_recovered (group, quantity), quantity being kept or removed; cluster_loss,
    cluster_control_loss (frequency, quantity) for the neurons of one key frequency alone, NaN where it has none; full_loss,
    none_loss (). Units: nats; recovered pure, 1 is everything. recovered means nothing where none_loss is not above full_loss,
    as before grokking, when the neurons hurt on held-out inputs. Frequencies are matched in number, not in energy: the key ones
    have most of it by definition. recovered above 1 says that what was left out did harm. Errors: neurons without a linear path to the logits.
    """
    rows = list(model.split.values())[1]
    labels = model.probe.labels[rows]
    post, W_L = model.site(f"neurons[{layer}]"), model.site(f"readout[{layer}]")
    by_answer = table(post, inputs_by_answer(model.probe.labels, W_L.shape[-1]))
    deviation = post[..., rows, :] - post.mean(-2, keepdim=True)
    full = model.outputs[..., rows, :]
    none = full - deviation @ W_L

    def along(frequencies: Tensor) -> Tensor:
        return (keep_frequencies(by_answer, frequencies) @ W_L)[..., labels, :]

    def of(neurons: Tensor) -> Tensor:
        return (deviation * neurons.unsqueeze(-2)) @ W_L

    def losses(part: Tensor) -> Tensor:
        return torch.stack([rows_loss(none + part, labels), rows_loss(full - part, labels)], -1)

    def matched(logits: Callable[[Tensor], Tensor], chosen: Tensor, order: list[Tensor]) -> Tensor:
        """Mean loss over draws; a draw takes the first items of an order, as many as were chosen."""
        count = chosen.sum(-1, keepdim=True)
        return torch.stack([losses(logits(rank < count)) for rank in order]).mean(0)

    def orders(n: int, last: Tensor | None = None) -> list[Tensor]:
        """Ranks of n items in random order, those in ``last`` behind all others."""
        key = Key(seed, "causal_closure")
        draw = [torch.rand(n, generator=key.generator(n, i)).to(post.device) for i in range(draws)]
        return [(x if last is None else x + last).argsort().argsort() for x in draw]

    is_key = model.final("key_frequencies", "is_key").bool()
    dominant = model.result("neuron_fourier", "dominant_frequency")
    specialised = model.result("neuron_fourier", "dominant_share") >= threshold
    key_neurons = specialised & is_key[dominant.nan_to_num(0).long()]
    constant = torch.zeros_like(is_key).index_fill(0, torch.zeros(1, dtype=torch.long), True)
    by_neurons = orders(post.shape[-1])
    loss = torch.stack([losses(along(is_key)), losses(of(key_neurons))], -2)
    control = torch.stack(
        [
            matched(along, is_key, orders(len(is_key), is_key + 2.0 * constant)),
            matched(of, key_neurons, by_neurons),
        ],
        -2,
    )
    cluster = loss.new_full((*model.lead, len(is_key), 2), torch.nan)
    cluster_control = cluster.clone()
    for k in is_key.nonzero().flatten().tolist():
        members = specialised & (dominant == k)
        some = members.any(-1, keepdim=True)
        cluster[..., k, :] = torch.where(some, losses(of(members)), torch.nan)
        cluster_control[..., k, :] = torch.where(some, matched(of, members, by_neurons), torch.nan)

    full_loss, none_loss = rows_loss(full, labels), rows_loss(none, labels)

    def recovered(value: Tensor) -> Tensor:
        start, span = full_loss[..., None, None], (none_loss - full_loss)[..., None, None]
        return 1 - (value - start) / span

    return Found(
        loss=loss,
        control_loss=control,
        recovered=recovered(loss),
        control_recovered=recovered(control),
        cluster_loss=cluster,
        cluster_control_loss=cluster_control,
        full_loss=full_loss,
        none_loss=none_loss,
        ticks={"group": list(GROUPS), "quantity": list(SIDES)},
        attrs={"threshold": threshold},
    )

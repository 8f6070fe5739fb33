"""Restricted and excluded loss: the two progress measures of grokking."""

from __future__ import annotations

import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.answers import (
    inputs_by_answer,
    keep_frequencies,
    rows_accuracy,
    rows_loss,
    table,
    table_accuracy,
    table_loss,
)
from ontogeny.subject import Subject


@lens(
    reads=(
        "outputs",
        "site:neurons[{layer}]",
        "site:readout[{layer}]",
        "split",
        "group",
        "lens:key_frequencies@final",
    ),
    gives={
        "restricted_loss": gives("split", long_name="restricted loss", units="nat"),
        "excluded_loss": gives("split", long_name="excluded loss", units="nat"),
        "restricted_accuracy": gives("split", long_name="accuracy of the restricted logits"),
        "excluded_accuracy": gives("split", long_name="accuracy of the excluded logits"),
        "restricted_ratio": gives(long_name="restricted over full loss, {held_out}"),
    },
    cost="moderate",
)
def progress_measures(model: Subject, *, layer: int = -1) -> Found:
    """How well does the network do with nothing but its final key frequencies, and how well without them?

    Equation: let K(a, b) be the components of the neurons along cos w_k(a + b) and sin w_k(a + b), k key,
    and W_L their read-out. Restricted logits = (mean activations + K) W_L, without the residual stream, then shifted so that their
    mean over all inputs is the network's: that is mean logits + K W_L. Excluded logits = the network's − K W_L (mean and
    residual stream kept). The restricted loss is taken on the held-out part, the excluded loss on the training part; both are
    given for all parts. The key frequencies are those of the final step for the whole curve. The answer label stands for a + b.

    Shapes: restricted_loss, excluded_loss and the accuracies of the same logits (split,), restricted_ratio () = restricted over full loss, held-out part. Units:
    nats, float64. A low restricted loss says that the key frequencies suffice; a high excluded loss on the training part says
    that the network leans on them rather than on memory. Both presuppose the key frequencies: with the wrong ones restricted
    loss stays near ln p. K is read after the nonlinearity and applied to the logits, so this is a claim about the
    linear read-out of the neurons. In a task that is addition under other names, its elements alone are counted.
    Errors: neurons without a linear path to the logits; a task that is no addition in Z_n.
    Source: Nanda et al. 2023, section 5.1.
    """
    p, labels = model.period, model.probe.labels
    post, W_L = model.site(f"neurons[{layer}]"), model.site(f"readout[{layer}]")
    by_answer = table(post, inputs_by_answer(labels, p))
    is_key = model.final("key_frequencies", "is_key").bool()
    is_key = is_key & (torch.arange(len(is_key), device=is_key.device) > 0)  # the mean is not a component
    key_logits = keep_frequencies(by_answer, is_key) @ W_L  # (…, s, output)
    restricted_table = model.outputs.mean(-2, keepdim=True) + key_logits
    parts = {**model.split, "all": torch.arange(len(labels), device=labels.device)}
    restricted, excluded, restricted_right, excluded_right = [], [], [], []
    for rows in parts.values():
        counts = torch.bincount(labels[rows], minlength=p)
        restricted.append(table_loss(restricted_table, counts))
        restricted_right.append(table_accuracy(restricted_table, counts))
        logits = model.outputs[..., rows, :] - key_logits[..., labels[rows], :]
        excluded.append(rows_loss(logits, labels[rows]))
        excluded_right.append(rows_accuracy(logits, labels[rows]))
    held_out = list(parts)[1]
    full = rows_loss(model.outputs[..., parts[held_out], :], labels[parts[held_out]])
    return Found(
        restricted_loss=torch.stack(restricted, -1),
        excluded_loss=torch.stack(excluded, -1),
        restricted_accuracy=torch.stack(restricted_right, -1),
        excluded_accuracy=torch.stack(excluded_right, -1),
        restricted_ratio=restricted[1] / full,
        ticks={"split": list(parts)},
        attrs={"held_out": held_out},
    )

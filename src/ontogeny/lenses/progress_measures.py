"""Restricted and excluded loss: the two progress measures of grokking."""

from __future__ import annotations

import torch

from ontogeny.axes import Labelled, array
from ontogeny.lenses.base import lens
from ontogeny.numerics.answers import (
    inputs_by_answer,
    keep_frequencies,
    rows_accuracy,
    rows_loss,
    table,
    table_accuracy,
    table_loss,
)
from ontogeny.numerics.composites import neuron_logit_map
from ontogeny.subject import Subject


@lens(
    reads=(
        "outputs",
        "tap:last:blocks.0.mlp.hook_post",
        "weights:blocks.0.mlp.W_out",
        "weights:unembed.W_U",
        "split",
        "period",
        "lens:key_frequencies@final",
    ),
    cost="moderate",
)
def progress_measures(model: Subject) -> dict[str, Labelled]:
    """How well does the network do with nothing but its final key frequencies, and how well without them?

    Equation: let K(a, b) be the components of the last-position MLP activations along cos w_k(a + b) and sin w_k(a + b), k key,
    and W_L = W_out W_U. Restricted logits = (mean activations + K) W_L, without the residual stream, then shifted so that their
    mean over all inputs is the network's: that is mean logits + K W_L. Excluded logits = the network's − K W_L (mean and
    residual stream kept). The restricted loss is taken on the held-out part, the excluded loss on the training part; both are
    given for all parts. The key frequencies are those of the final step for the whole curve. The answer label stands for a + b.

    Shapes: restricted_loss, excluded_loss and the accuracies of the same logits (split,), restricted_ratio () = restricted over full loss, held-out part. Units:
    nats, float64. A low restricted loss says that the key frequencies suffice; a high excluded loss on the training part says
    that the network leans on them rather than on memory. Both presuppose the key frequencies: with the wrong ones restricted
    loss stays near ln p. K is read after a ReLU and applied to the logits, so this is a claim about the MLP's linear read-out.
    Errors: more than one layer; answers not equally common.
    Source: Nanda et al. 2023, section 5.1.
    """
    p = model.probe.period or model.signature.outputs
    post, W_L = model.tap("last:blocks.0.mlp.hook_post"), neuron_logit_map(model.weights)
    answer, labels = model.probe.labels, model.probe.labels
    by_answer = table(post, inputs_by_answer(answer, p))
    is_key = model.final("key_frequencies", "is_key").bool()
    is_key = is_key & (torch.arange(len(is_key), device=is_key.device) > 0)  # the mean is not a component
    key_logits = keep_frequencies(by_answer, is_key) @ W_L  # (…, s, output)
    restricted_table = model.outputs.mean(-2, keepdim=True) + key_logits
    parts = {**model.split, "all": torch.arange(len(labels), device=labels.device)}
    restricted, excluded, restricted_right, excluded_right = [], [], [], []
    for rows in parts.values():
        counts = torch.bincount(answer[rows], minlength=p)
        restricted.append(table_loss(restricted_table, counts))
        restricted_right.append(table_accuracy(restricted_table, counts))
        logits = model.outputs[..., rows, :] - key_logits[..., answer[rows], :]
        excluded.append(rows_loss(logits, labels[rows]))
        excluded_right.append(rows_accuracy(logits, labels[rows]))
    names = list(parts)
    held_out = names[1]
    full = rows_loss(model.outputs[..., parts[held_out], :], labels[parts[held_out]])
    ticks = {"split": names}
    return {
        "restricted_loss": array(
            torch.stack(restricted, -1), "split", long_name="restricted loss", units="nat", coords=ticks
        ),
        "excluded_loss": array(
            torch.stack(excluded, -1), "split", long_name="excluded loss", units="nat", coords=ticks
        ),
        "restricted_accuracy": array(
            torch.stack(restricted_right, -1), "split", long_name="accuracy of the restricted logits"
        ),
        "excluded_accuracy": array(
            torch.stack(excluded_right, -1), "split", long_name="accuracy of the excluded logits"
        ),
        "restricted_ratio": array(
            restricted[1] / full, long_name=f"restricted over full loss, {held_out}", held_out=held_out
        ),
    }

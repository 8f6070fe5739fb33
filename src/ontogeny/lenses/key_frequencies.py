"""Which frequencies the network answers with, by a stated rule."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ontogeny.axes import Labelled, array
from ontogeny.errors import UnknownName, UserError
from ontogeny.lenses.base import lens
from ontogeny.numerics.answers import inputs_by_answer, table
from ontogeny.numerics.composites import neuron_logit_map
from ontogeny.numerics.fourier import power_by_frequency
from ontogeny.numerics.periodicity import cosine_logits, periodicity
from ontogeny.numerics.selection import above_mean, elbow
from ontogeny.subject import Subject

RULES = {"mean": lambda share, times: above_mean(share, times), "elbow": lambda share, _: elbow(share)}


@lens(
    reads=(
        "outputs",
        "tap:last:blocks.0.mlp.hook_post",
        "weights:blocks.0.mlp.W_out",
        "weights:unembed.W_U",
        "period",
    )
)
def key_frequencies(
    model: Subject,
    *,
    source: Literal["logits", "neurons", "W_L"] = "logits",
    rule: Literal["mean", "elbow"] = "mean",
    times_mean: float = 0.5,
) -> dict[str, Labelled]:
    """Which frequencies does the network answer with, and how much of it do they explain?

    Equation: share_k = energy at frequency k / energy at all k ≥ 1, where energy is that of the logit cube along cos and sin
    w_k(a + b − c) (``source="logits"``), of the last-position neurons along cos and sin w_k(a + b) ("neurons"), or of the rows
    of W_L = W_out W_U over the outputs ("W_L"). Key are the k with share_k > ``times_mean`` × the mean share (``rule="mean"``),
    or those before the elbow of the sorted shares ("elbow"). interference(x) = mean over key k of cos w_k x: 1 at x = 0, small
    elsewhere if the frequencies interfere constructively at the right answer alone.

    Shapes: is_key (frequency,) bool; share (frequency,); share_explained () of the key frequencies together; count ();
    interference (output,), NaN without a key frequency. Units: shares. Any spectrum has frequencies above its mean: at
    initialisation there are "key" frequencies too, with a low share_explained. A threshold cuts weak ones off, so look at the
    shares: the mean itself would miss a third frequency with a sixth of the neurons and .8 of the mean share, without which the held-out
    loss is 10⁵ times higher (study grokking, seed 5), hence half of it. A ReLU neuron of frequency k also carries 2k; the network may not use it, and "neurons" counts it. Errors: answers
    that are not equally common, an unknown source or rule.
    Source: Nanda et al. 2023; the rule is ours, stated because none is published.
    """
    if rule not in RULES:
        raise UnknownName("rule for key frequencies", rule, RULES)
    p = model.probe.period or model.signature.outputs
    energy = _energy(model, source, p)
    energy[..., 0] = 0
    share = energy / energy.sum(-1, keepdim=True)
    is_key = torch.nn.functional.pad(RULES[rule](share[..., 1:], times_mean), (1, 0), value=False)
    count = is_key.sum(-1, keepdim=True)
    frequency = {"frequency": range(p // 2 + 1)}
    return {
        "is_key": array(
            is_key, "frequency", long_name="key frequency", coords=frequency, source=source, rule=rule
        ),
        "share": array(share, "frequency", long_name=f"share of the {source}' energy", coords=frequency),
        "share_explained": array((share * is_key).sum(-1), long_name="share at the key frequencies"),
        "count": array(count.squeeze(-1), long_name="number of key frequencies"),
        "interference": array(
            cosine_logits(is_key / count, p),
            "output",
            long_name="mean cos w_k x over key frequencies",
            coords={"output": range(p)},
        ),
    }


def _energy(model: Subject, source: str, p: int) -> Tensor:
    if source == "W_L":
        W_L = neuron_logit_map(model.weights)
        if W_L.shape[-1] != p:
            raise UserError(f"W_L has {W_L.shape[-1]} outputs, the period is {p}: they must be equal.")
        return power_by_frequency(W_L).sum(-2)
    if source not in ("logits", "neurons"):
        raise UnknownName("source of key frequencies", source, ("logits", "neurons", "W_L"))
    inputs = inputs_by_answer(model.probe.labels, p)
    if source == "neurons":
        return power_by_frequency(table(model.tap("last:blocks.0.mlp.hook_post"), inputs), axis=-2).sum(-1)
    logits = table(model.outputs, inputs)
    return periodicity(logits, model.outputs.square().sum((-2, -1)), inputs.shape[1]).energy

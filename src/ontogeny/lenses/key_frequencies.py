"""Which frequencies the network answers with, by a stated rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from ontogeny.errors import UnknownName
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.answers import inputs_by_answer, table
from ontogeny.numerics.fourier import power_by_frequency
from ontogeny.numerics.periodicity import cosine_logits, periodicity
from ontogeny.numerics.selection import above_mean, elbow
from ontogeny.subject import Subject

RULES = {"mean": lambda share, times: above_mean(share, times), "elbow": lambda share, _: elbow(share)}
SOURCES = {"logits": "outputs", "neurons": "site:neurons[{layer}]", "W_L": "site:readout[{layer}]"}


def _reads(options: Mapping[str, Any]) -> tuple[str, ...]:
    """A source is all that is looked at: logits every network has."""
    if options["source"] not in SOURCES:
        raise UnknownName("source of key frequencies", options["source"], SOURCES)
    return SOURCES[options["source"]], "outputs", "group"


@lens(
    reads=_reads,
    gives={
        "is_key": gives("frequency", long_name="key frequency"),
        "share": gives("frequency", long_name="share of the {source}' energy"),
        "share_explained": gives(long_name="share at the key frequencies"),
        "count": gives(long_name="number of key frequencies"),
        "interference": gives("output", long_name="mean cos w_k x over key frequencies"),
    },
)
def key_frequencies(
    model: Subject,
    *,
    source: Literal["logits", "neurons", "W_L"] = "logits",
    rule: Literal["mean", "elbow"] = "mean",
    times_mean: float = 0.5,
    layer: int = -1,
) -> Found:
    """Which frequencies does the network answer with, and how much of it do they explain?

    Equation: share_k = energy at frequency k / energy at all k ≥ 1, where energy is that of the logit cube along cos and sin
    w_k(a + b − c) (``source="logits"``), of the neurons along cos and sin w_k(a + b) ("neurons"), or of the rows
    of W_L, the read-out of the neurons, over the outputs ("W_L"). Key are the k with share_k > ``times_mean`` × the mean share (``rule="mean"``),
    or those before the elbow of the sorted shares ("elbow"). interference(x) = mean over key k of cos w_k x: 1 at x = 0, small
    elsewhere if the frequencies interfere constructively at the right answer alone.

    Shapes: is_key (frequency,) bool; share (frequency,); share_explained () of the key frequencies together; count ();
    interference (output,), NaN without a key frequency. Units: shares. Any spectrum has frequencies above its mean: at
    initialisation there are "key" frequencies too, with a low share_explained. A threshold cuts weak ones off, so look at the
    shares: the mean itself would miss a third frequency with a sixth of the neurons and .8 of the mean share, without which the held-out
    loss is 10⁵ times higher (study grokking, seed 5), hence half of it. A ReLU neuron of frequency k also carries 2k; the network may not use it, and "neurons" counts it. In a task that
    is addition under other names, a, b and c are elements of its group: of multiplication the frequencies are characters, waves over
    discrete logarithms. Errors: a task that is no addition in Z_n, an unknown source or rule.
    Source: Nanda et al. 2023; the rule is ours, stated because none is published.
    """
    if rule not in RULES:
        raise UnknownName("rule for key frequencies", rule, RULES)
    energy = _energy(model, source, layer)
    energy[..., 0] = 0
    share = energy / energy.sum(-1, keepdim=True)
    is_key = torch.nn.functional.pad(RULES[rule](share[..., 1:], times_mean), (1, 0), value=False)
    count = is_key.sum(-1, keepdim=True)
    return Found(
        is_key=is_key,
        share=share,
        share_explained=(share * is_key).sum(-1),
        count=count.squeeze(-1),
        interference=cosine_logits(is_key / count, model.period),
        of={"is_key": {"source": source, "rule": rule}},
    )


def _energy(model: Subject, source: str, layer: int) -> Tensor:
    if source == "W_L":
        W_L = model.site(f"readout[{layer}]")
        model.needs_outputs_of_the_period(W_L)
        return power_by_frequency(W_L).sum(-2)
    inputs = inputs_by_answer(model.probe.labels, model.period)
    if source == "neurons":
        return power_by_frequency(table(model.site(f"neurons[{layer}]"), inputs), axis=-2).sum(-1)
    logits = table(model.outputs, inputs)
    return periodicity(logits, model.outputs.square().sum((-2, -1)), inputs.shape[1]).energy

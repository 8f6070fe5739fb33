"""How much of the logits is cos w_k(a + b − c)."""

from __future__ import annotations

import torch
from torch import Tensor

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.answers import inputs_by_answer, table
from ontogeny.numerics.periodicity import Periodicity, cosine_logits, periodicity
from ontogeny.numerics.random import Key
from ontogeny.subject import Subject


@lens(
    reads=("outputs", "group", "lens:key_frequencies@final"),
    gives={
        "cos_coefficient": gives("frequency", long_name="coefficient of cos w_k(a + b − c)", units="logit"),
        "cos_similarity": gives("frequency", long_name="cosine similarity to cos w_k(a + b − c)"),
        "sin_similarity": gives("frequency", long_name="cosine similarity to sin w_k(a + b − c)"),
        "control": gives("frequency", long_name="cosine similarity of a random cube"),
        "residual": gives(long_name="share of the logits' norm left over"),
        "control_residual": gives(long_name="the same of a random cube"),
        "rebuilt_loss": gives(long_name="loss of the rebuilt logits", units="nat"),
    },
)
def logit_periodicity(model: Subject, *, seed: int = 0) -> Found:
    """How much of the logits is the sum of cosines that the published algorithm predicts?

    Equation: the logit cube L[a, b, c], not centred, is projected on cos w_k(a + b − c): coefficient = ⟨L, cos⟩/⟨cos, cos⟩,
    cosine similarity = ⟨L, cos⟩/(‖L‖ ‖cos‖), likewise for sin. residual = ‖r‖/‖L‖ = √(1 − Σ similarity²) over the key
    frequencies of the final step, cosines only. rebuilt_loss is the cross-entropy of Σ_key coefficient_k cos w_k(a + b − c)
    alone, the same for every input. The answer label stands for a + b.
    Control: a cube of independent normal numbers (seeded).

    Shapes: cos_coefficient, cos_similarity, sin_similarity, control (frequency,); residual, control_residual, rebuilt_loss ().
    Units: coefficient in logits, loss in nats, the rest pure. Logits are defined up to a constant per input, which counts in
    ‖L‖: a network can be fully periodic and leave a residual. In p³ numbers even a similarity of .01 is far from chance;
    compare with the control. a, b and c are elements of the task's group. Errors: a
    task that is no addition in Z_n.
    Source: Nanda et al. 2023, section 4.1.
    """
    model.needs_outputs_of_the_period(model.outputs)
    inputs = inputs_by_answer(model.probe.labels, model.period)
    is_key = model.final("key_frequencies", "is_key").bool()
    found = _project(model.outputs, inputs)
    noise = Key(seed, "logit_periodicity").generator("cube")
    control = _project(torch.randn(model.outputs.shape[-2:], generator=noise).to(model.outputs), inputs)
    logits = cosine_logits(found.cos_coefficient * is_key, model.period).double()
    return Found(
        cos_coefficient=found.cos_coefficient,
        cos_similarity=found.cos_similarity,
        sin_similarity=found.sin_similarity,
        control=control.cos_similarity.expand_as(found.cos_similarity),
        residual=_residual(found, is_key),
        control_residual=_residual(control, is_key).expand(model.lead),
        rebuilt_loss=-logits.log_softmax(-1)[..., 0],
    )


def _project(logits: Tensor, inputs: Tensor) -> Periodicity:
    return periodicity(table(logits, inputs), logits.square().sum((-2, -1)), inputs.shape[1])


def _residual(found: Periodicity, is_key: Tensor) -> Tensor:
    return (1 - (found.cos_similarity.square() * is_key).sum(-1)).clamp(min=0).sqrt()

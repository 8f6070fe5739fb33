"""What any intervention, or several composed, does to the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ontogeny.errors import UserError
from ontogeny.interventions.base import intervene
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.parts import by_part, with_all
from ontogeny.registry import interventions
from ontogeny.subject import Subject


@lens(
    reads=("outputs", "grid"),
    gives={
        "accuracy": gives("condition", "split", long_name="accuracy"),
        "loss": gives("condition", "split", long_name="loss", units="nats"),
        "error": gives("grid", long_name="prediction − truth", units="outputs"),
        "correct": gives("grid", long_name="prediction is right"),
        "logit_of_label": gives("grid", long_name="change of the label's logit", units="nats"),
        "logit_of_prediction": gives(
            "grid", long_name="change of the logit of the full model's prediction", units="nats"
        ),
    },
    keep=False,
    cost="moderate",
)
def intervention_effect(model: Subject, *, intervention: Sequence[Mapping[str, Any]] | None = None) -> Found:
    """What changes when the model is intervened upon: its accuracy and loss, which inputs fail, their logits?

    ``intervention``: specs in the order in which they act, each fitted on the model as the ones before it left it:
    ``[{"kind": "keep_components", "components": [0]}, {"kind": "zero_ablate", "tap": …, "units": [3]}]``.
    Changes are intervened − full: of the logit of the label, and of the logit of the class that the full model predicts. What any lens
    says under an intervention, and how that differs: ``run.lens(…, under=…)`` and ``run.change``.

    Failing inputs are those with ``correct`` false. A drop in accuracy says that what was removed is needed *here*, in a model that was never
    trained without it; compare with a random edit of the same size.

    Raises UserError without an intervention.
    """
    if not intervention:
        raise UserError(
            "The lens 'intervention_effect' needs intervention=[{\"kind\": …}, …]. "
            f"Known kinds: {', '.join(interventions)}."
        )
    axis, cut = len(model.lead), intervene(model, *intervention)
    labels = model.probe.labels.expand(model.outputs.shape[:-1])
    full, changed = model.outputs, cut.outputs
    rows = with_all(model.split, len(model.probe.inputs), full.device)

    def change_of(classes: torch.Tensor) -> torch.Tensor:
        return model.on_grid((changed - full).gather(-1, classes.unsqueeze(-1)).squeeze(-1))

    def by_split(name: str) -> torch.Tensor:
        return by_part(torch.stack([one.examples[name].double() for one in (model, cut)], axis), rows)

    error = changed.argmax(-1) - labels
    return Found(
        accuracy=by_split("accuracy"),
        loss=by_split("loss"),
        error=model.on_grid(error),
        correct=model.on_grid(error == 0),
        logit_of_label=change_of(labels),
        logit_of_prediction=change_of(full.argmax(-1)),
        ticks={"condition": ["full", "intervened"], "split": list(rows)},
    )

"""Loss, accuracy and margin on each part of the examples."""

from __future__ import annotations

import torch

from ontogeny.lenses.base import ANY, Found, gives, lens
from ontogeny.numerics.answers import margin
from ontogeny.subject import Subject

UNITS = {"loss": "nat", "margin": "logit"}


@lens(
    reads=("outputs",),
    gives={
        "loss": gives("split", long_name="loss, mean over examples", units="nat"),
        ANY: gives("split", long_name="{name}, mean over examples"),
    },
)
def performance(model: Subject) -> Found:
    """How well does the model do its task: on what it was trained on, on what was held out, on everything?

    Equation: the mean, over the examples of a part, of all that the objective reports (loss, accuracy, …); where each example has
    one class for a label, also margin = logit[label] − max over the other classes.

    Shapes: each (split,). The parts are those of the task's split; the last is "all", every example of the probe.
    Units: loss in nats, accuracy a share, margin in logits.
    High accuracy on "all" may be memory: most of it can be training examples, so read the held-out part for generalisation. The
    margin grows with the norm of the weights even when no answer changes.
    """
    values = dict(model.examples)
    labels = model.probe.labels
    if labels.ndim == 1 and not labels.is_floating_point() and model.outputs.shape[-1] > 1:
        values["margin"] = margin(model.outputs, labels)
    parts = {**model.split, "all": torch.arange(len(labels), device=labels.device)}
    return Found(
        {
            name: torch.stack([value.index_select(-1, rows).mean(-1) for rows in parts.values()], dim=-1)
            for name, value in values.items()
        },
        ticks={"split": list(parts)},
        of={name: {"units": UNITS.get(name, "1")} for name in values},
    )

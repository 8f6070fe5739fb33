"""Which labels the training part of the split holds at all."""

from __future__ import annotations

import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.coverage import probability_of_cover
from ontogeny.subject import Subject


@lens(
    reads=("outputs", "split"),
    gives={
        "examples": gives("output", long_name="training examples of the label", units="inputs"),
        "untrained": gives(long_name="labels without a training example", units="labels"),
        "accuracy": gives("group", long_name="accuracy by whether the label was trained"),
        "probability": gives(long_name="probability that a random split trains every label"),
    },
)
def coverage(model: Subject) -> Found:
    """Was every label trained on, and what becomes of inputs whose label was not?

    Equation: ``examples``: training examples of each label; ``untrained``: labels that the probe has and the training part has not;
    ``accuracy``: over all inputs whose label was, and was not, trained (NaN where there are none). ``probability``: that a random
    training part of this size holds every label, exact.

    The first three numbers are those of the split and the same at every step. A label that was never trained is only ever pushed down
    by cross-entropy, so its inputs can be right only against that push: their accuracy says nothing of how well the model adds.
    """
    labels = model.probe.labels
    rows = next(iter(model.split.values()))
    outputs = model.outputs.shape[-1]
    sizes = torch.bincount(labels, minlength=outputs)
    examples = torch.bincount(labels[rows], minlength=outputs)
    missing = (sizes > 0) & (examples == 0)
    right = (model.outputs.argmax(-1) == labels).double()
    parts = torch.stack([~missing[labels], missing[labels]]).to(right)  # (group, example)
    probability = probability_of_cover([n for n in sizes.tolist() if n], len(rows))

    def constant(values: torch.Tensor) -> torch.Tensor:
        return values.expand((*model.lead, *values.shape))

    return Found(
        examples=constant(examples),
        untrained=constant(missing.sum()),
        accuracy=right @ parts.mT / parts.sum(-1),
        probability=constant(torch.tensor(probability, dtype=torch.float64)),
        ticks={"group": ["label trained", "label untrained"]},
    )

"""What the model says of every input: right or wrong, and how sure."""

from __future__ import annotations

import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.answers import log_probability
from ontogeny.subject import Subject


@lens(
    reads=("outputs", "grid", "split?"),
    gives={
        "right": gives("grid", long_name="answered rightly"),
        "confidence": gives("grid", long_name="probability of the right answer"),
        "trained_on": gives("grid", long_name="trained on"),
    },
)
def predictions(model: Subject) -> Found:
    """Which inputs does the model answer rightly, and with which probability?

    Equation: right = (argmax logits = label); confidence = softmax(logits)[label].

    Shapes: right (a, b) bool; confidence (a, b); trained_on (a, b) bool, whether the input is in the first part of the split.
    Units: probability. Confidence is that of the right answer, not of the answer given; it grows with the norm of the weights
    while no answer changes.
    """
    labels = model.probe.labels
    trained = torch.zeros(len(labels), dtype=torch.bool, device=labels.device)
    if model.split:
        trained[next(iter(model.split.values()))] = True
    confidence = log_probability(model.outputs, labels).exp().to(model.outputs.dtype)
    return Found(
        right=model.on_grid(model.outputs.argmax(-1) == labels),
        confidence=model.on_grid(confidence),
        trained_on=model.on_grid(trained).expand(*model.lead, -1, -1),
    )

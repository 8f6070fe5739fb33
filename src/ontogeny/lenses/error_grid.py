"""Predictions and their errors over the grid of operands."""

from __future__ import annotations

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.answers import margin
from ontogeny.subject import Subject


@lens(
    reads=("outputs", "grid"),
    gives={
        "prediction": gives("grid", long_name="predicted output"),
        "error": gives("grid", long_name="prediction − truth", units="outputs"),
        "correct": gives("grid", long_name="prediction is right"),
        "margin": gives("grid", long_name="logit of the label − largest other logit", units="nats"),
        "errors": gives(long_name="inputs predicted wrongly", units="inputs"),
        "largest_error": gives(long_name="largest |error|", units="outputs"),
    },
)
def error_grid(model: Subject) -> Found:
    """Where over (a, b) is the model wrong, and by how much?

    Equation: error = argmax(logits) − label. Where the outputs are the remainders of one period, the shortest way round it:
    (error + p/2) mod p − p/2, so predicting 0 for p − 1 is +1. ``margin``: logit of the label minus the largest other logit, > 0
    exactly where the prediction is right.
    """
    logits, truth = model.outputs, model.probe.labels
    predicted = logits.argmax(-1)
    error, outputs = predicted - truth, logits.shape[-1]
    if model.probe.period == outputs:
        error = (error + outputs // 2) % outputs - outputs // 2
    return Found(
        prediction=model.on_grid(predicted),
        error=model.on_grid(error),
        correct=model.on_grid(error == 0),
        margin=model.on_grid(margin(logits, truth)),
        errors=(error != 0).sum(-1),
        largest_error=error.abs().amax(-1),
    )

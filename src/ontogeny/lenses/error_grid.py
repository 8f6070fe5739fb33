"""Predictions and their errors over the grid of operands."""

from __future__ import annotations

from ontogeny.axes import Labelled, array
from ontogeny.lenses.base import lens
from ontogeny.subject import Subject


@lens(reads=("outputs", "grid"))
def error_grid(model: Subject) -> dict[str, Labelled]:
    """Where over (a, b) is the model wrong, and by how much?

    Equation: error = argmax(logits) − label. Where the outputs are the remainders of one period, the shortest way round it:
    (error + p/2) mod p − p/2, so predicting 0 for p − 1 is +1. ``margin``: logit of the label minus the largest other logit, > 0
    exactly where the prediction is right.
    """
    logits, truth = model.outputs, model.probe.labels.expand(model.outputs.shape[:-1])
    predicted = logits.argmax(-1)
    error, outputs = predicted - truth, logits.shape[-1]
    if model.probe.period == outputs:
        error = (error + outputs // 2) % outputs - outputs // 2
    of_label = logits.gather(-1, truth.unsqueeze(-1))
    others = logits.scatter(-1, truth.unsqueeze(-1), -float("inf")).amax(-1)
    a_b = {name: range(size) for name, size in model.probe.grid.items()}
    return {
        "prediction": array(model.on_grid(predicted), *model.grid, long_name="predicted output", coords=a_b),
        "error": array(model.on_grid(error), *model.grid, long_name="prediction − truth", units="outputs"),
        "correct": array(model.on_grid(error == 0), *model.grid, long_name="prediction is right"),
        "margin": array(
            model.on_grid(of_label.squeeze(-1) - others),
            *model.grid,
            long_name="logit of the label − largest other logit",
            units="nats",
        ),
        "errors": array((error != 0).sum(-1), long_name="inputs predicted wrongly", units="inputs"),
        "largest_error": array(error.abs().amax(-1), long_name="largest |error|", units="outputs"),
    }

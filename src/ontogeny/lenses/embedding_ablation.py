"""The model with fewer principal components in its embedding, and models of what it then predicts."""

from __future__ import annotations

from dataclasses import replace

import torch

from ontogeny.axes import Labelled, array
from ontogeny.lenses.base import lens
from ontogeny.numerics.operands import keep_embedding, operand_scores, operands
from ontogeny.numerics.regression import least_squares, polynomial
from ontogeny.subject import Subject

CONDITIONS = ("full", "PC1", "PC1 + PC2")


@lens(reads=("weights:embed.W_E", "outputs", "grid"))
def embedding_ablation(model: Subject) -> dict[str, Labelled]:
    """What is left of the model when the numbers' embedding keeps its first one or two principal components only?

    Equation: W_E[0 … p − 1] ← mean + Σ_{i<m} score_i component_i for both operands, m = 1, 2; other tokens are left alone. Accuracy, loss,
    prediction and error = prediction − truth under each condition (accuracy and loss also by split), and R² of least squares
    of the prediction on a + b, on (a, b), and on all monomials of degree 2 in (a, b); of the error on the PC2 scores of a and b, and on
    these and their squares and product. ``slope``, ``intercept``: of the prediction on a + b.

    R² on (a, b) no larger than on a + b: the model is a function of the sum, right or wrong. R² of the error on PC2 near 1 would say that
    what was removed is missing linearly. R² never falls as terms are added, so compare it with the number of terms in mind. An
    error that is 0 everywhere has no R²: NaN.
    """
    n, inputs = max(model.probe.grid.values()), model.probe.inputs
    W_E, axis = model.weights["embed.W_E"], len(model.lead)
    kept = [W_E, keep_embedding(W_E, n, 1), keep_embedding(W_E, n, 2)]
    conditions = [
        model,
        *(replace(model, weights={**model.weights, "embed.W_E": w}, _taps={}) for w in kept[1:]),
    ]
    predicted = torch.stack([one.outputs.argmax(-1) for one in conditions], axis)
    error = predicted - model.probe.labels
    examples = {
        name: torch.stack([one.examples[name].double() for one in conditions], axis)
        for name in ("loss", "accuracy")
    }
    rows = {"all": torch.arange(inputs.shape[0], device=error.device), **model.split}
    by_split = {
        name: torch.stack([values[..., part].mean(-1) for part in rows.values()], -1)
        for name, values in examples.items()
    }

    numbers = operands(inputs).to(error.device)
    pc2 = operand_scores(W_E, inputs, n)[..., 1].double().unsqueeze(axis)  # (…, 1, example, operand)
    of_prediction = {
        "a + b": numbers[:, 2:],
        "a, b": numbers[:, :2],
        "quadratic in a, b": polynomial(numbers[:, :2], ("a", "b")).values,
    }
    of_error = {
        "PC2(a), PC2(b)": pc2,
        "quadratic in PC2(a), PC2(b)": polynomial(pc2, ("PC2(a)", "PC2(b)")).values,
    }
    y, residual = predicted.double().unsqueeze(-1), error.double().unsqueeze(-1)
    fits = {name: least_squares(x, y) for name, x in of_prediction.items()}
    r2 = [fit.r2 for fit in fits.values()] + [least_squares(x, residual).r2 for x in of_error.values()]
    a_b = {name: range(size) for name, size in model.probe.grid.items()}
    ticks = {"condition": list(CONDITIONS), "split": list(rows)}
    names = [f"prediction on {name}" for name in of_prediction] + [f"error on {name}" for name in of_error]
    return {
        "accuracy": array(by_split["accuracy"], "condition", "split", long_name="accuracy", coords=ticks),
        "loss": array(by_split["loss"], "condition", "split", long_name="loss", units="nats"),
        "prediction": array(
            model.on_grid(predicted), "condition", *model.grid, long_name="predicted output", coords=a_b
        ),
        "error": array(
            model.on_grid(error), "condition", *model.grid, long_name="prediction − truth", units="outputs"
        ),
        "largest_error": array(
            error.abs().amax(-1), "condition", long_name="largest |error|", units="outputs"
        ),
        "r2": array(
            torch.cat(r2, -1), "condition", "fit", long_name="R² of the error model", coords={"fit": names}
        ),
        "slope": array(
            fits["a + b"].coefficients[..., 0, 0], "condition", long_name="slope of the prediction on a + b"
        ),
        "intercept": array(
            fits["a + b"].intercept[..., 0, 0], "condition", long_name="intercept of the prediction on a + b"
        ),
    }

"""The model with fewer principal components in its embedding, and models of what it then predicts."""

from __future__ import annotations

import torch

from ontogeny.interventions.base import intervene
from ontogeny.interventions.components import KeepComponents
from ontogeny.interventions.embedding import number_rows
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.operands import operand_scores, operands
from ontogeny.numerics.parts import by_part, with_all
from ontogeny.numerics.regression import least_squares, polynomial
from ontogeny.subject import Subject

CONDITIONS = ("full", "PC1", "PC1 + PC2")


@lens(
    reads=("site:lookup", "site:embedded", "outputs", "grid"),
    gives={
        "accuracy": gives("condition", "split", long_name="accuracy"),
        "loss": gives("condition", "split", long_name="loss", units="nats"),
        "prediction": gives("condition", "grid", long_name="predicted output"),
        "error": gives("condition", "grid", long_name="prediction − truth", units="outputs"),
        "largest_error": gives("condition", long_name="largest |error|", units="outputs"),
        "r2": gives("condition", "fit", long_name="R² of the error model"),
        "slope": gives("condition", long_name="slope of the prediction on a + b"),
        "intercept": gives("condition", long_name="intercept of the prediction on a + b"),
    },
)
def embedding_ablation(model: Subject) -> Found:
    """What is left of the model when the numbers' embedding keeps its first one or two principal components only?

    Equation: W_E[0 … p − 1] ← mean + Σ_{i<m} score_i component_i for both operands, m = 1, 2; other tokens are left alone. Accuracy, loss,
    prediction and error = prediction − truth under each condition (accuracy and loss also by split), and R² of least squares
    of the prediction on a + b, on (a, b), and on all monomials of degree 2 in (a, b); of the error on the PC2 scores of a and b, and on
    these and their squares and product. ``slope``, ``intercept``: of the prediction on a + b.

    R² on (a, b) no larger than on a + b: the model is a function of the sum, right or wrong. R² of the error on PC2 near 1 would say that
    what was removed is missing linearly. R² never falls as terms are added, so compare it with the number of terms in mind. An
    error that is 0 everywhere has no R²: NaN.
    """
    inputs, axis = model.probe.inputs, len(model.lead)
    kept = [intervene(model, KeepComponents(components)) for components in ((0,), (0, 1))]
    conditions = [model, *kept]
    predicted = torch.stack([one.outputs.argmax(-1) for one in conditions], axis)
    error = predicted - model.probe.labels
    examples = {
        name: torch.stack([one.examples[name].double() for one in conditions], axis)
        for name in ("loss", "accuracy")
    }
    rows = with_all(model.split, len(inputs), error.device)
    by_split = {name: by_part(values, rows) for name, values in examples.items()}

    numbers = operands(inputs).to(error.device)
    pc2 = (
        operand_scores(number_rows(model), inputs)[..., 1].double().unsqueeze(axis)
    )  # (…, 1, example, operand)
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
    names = [f"prediction on {name}" for name in of_prediction] + [f"error on {name}" for name in of_error]
    return Found(
        by_split,
        prediction=model.on_grid(predicted),
        error=model.on_grid(error),
        largest_error=error.abs().amax(-1),
        r2=torch.cat(r2, -1),
        slope=fits["a + b"].coefficients[..., 0, 0],
        intercept=fits["a + b"].intercept[..., 0, 0],
        ticks={"condition": list(CONDITIONS), "split": list(rows), "fit": names},
    )

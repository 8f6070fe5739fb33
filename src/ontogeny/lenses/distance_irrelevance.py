"""Does the logit of the right answer depend on how far apart the operands are?"""

from __future__ import annotations

import torch

from ontogeny.axes import Labelled, array
from ontogeny.errors import UserError
from ontogeny.lenses.base import lens
from ontogeny.numerics.circuits import distance_irrelevance as irrelevance
from ontogeny.subject import Subject


@lens(reads=("outputs", "grid", "period"))
def distance_irrelevance(model: Subject) -> dict[str, Labelled]:
    """How little does the logit of the right answer depend on how far apart the operands are?

    Equation: with L[a, b] = logit of (a + b) mod p at the input (a, b), the mean over d of std_a L[a, a + d], over std_{a, b} L.

    Shapes: irrelevance, spread () = std_{a, b} L in logits. Range 0 to 1. Near 0: L is a function of b − a, as that of *pizzas*, which average the
    operands and lose those that are nearly opposite; the paper reports .17 for one. Near 1: the distance plays no part, as in
    *clocks*; .85 for the paper's.

    It misleads: a perfect clock has one logit for every right answer and no irrelevance at all (0/0: NaN), so what is measured in a real one is
    the pattern of what is left over; read ``spread`` beside it. Noise that differs at every input gives about 1, so an untrained network is no clock. A common
    constant of an input's logits counts, and no answer depends on it.

    Errors: a grid that is not square, labels that are not (a + b) mod p.
    Source: Zhong, Liu, Tegmark & Andreas 2023, "The Clock and the Pizza", definition 4.2.
    """
    sizes, p = tuple(model.probe.grid.values()), model.probe.period
    labels = model.probe.labels
    if p is None or sizes != (p, p) or labels.shape != model.outputs.shape[len(model.lead) : -1]:
        raise UserError(
            f"Distance irrelevance needs one answer at every (a, b) of a grid of {p} by {p}; "
            f"the grid is {dict(model.probe.grid)} and the outputs have the shape {tuple(model.outputs.shape[len(model.lead) :])}."
        )
    a, b = model.probe.inputs[:, 0], model.probe.inputs[:, 1]
    if not torch.equal(labels, (a + b) % p):
        raise UserError(
            "Distance irrelevance is defined for the sum (a + b) mod p; this task's labels are another function of (a, b)."
        )
    logit = model.outputs.gather(-1, labels.expand(model.outputs.shape[:-1]).unsqueeze(-1)).squeeze(-1)
    return {
        "irrelevance": array(irrelevance(model.on_grid(logit)), long_name="distance irrelevance"),
        "spread": array(
            logit.double().std(-1, correction=0),
            long_name="standard deviation of the right answer's logit",
            units="nat",
        ),
    }

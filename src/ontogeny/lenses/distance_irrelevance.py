"""Does the logit of the right answer depend on how far apart the operands are?"""

from __future__ import annotations

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.circuits import distance_irrelevance as irrelevance
from ontogeny.subject import Subject


@lens(
    reads=("outputs", "grid", "group"),
    gives={
        "irrelevance": gives(long_name="distance irrelevance"),
        "spread": gives(long_name="standard deviation of the right answer's logit", units="nat"),
    },
)
def distance_irrelevance(model: Subject) -> Found:
    """How little does the logit of the right answer depend on how far apart the operands are?

    Equation: with L[a, b] = logit of (a + b) mod p at the input (a, b), the mean over d of std_a L[a, a + d], over std_{a, b} L.

    Shapes: irrelevance, spread () = std_{a, b} L in logits. Range 0 to 1. Near 0: L is a function of b − a, as that of *pizzas*, which average the
    operands and lose those that are nearly opposite; the paper reports .17 for one. Near 1: the distance plays no part, as in
    *clocks*; .85 for the paper's.

    It misleads: a perfect clock has one logit for every right answer and no irrelevance at all (0/0: NaN), so what is measured in a real one is
    the pattern of what is left over; read ``spread`` beside it. Noise that differs at every input gives about 1, so an untrained network is no clock. A common
    constant of an input's logits counts, and no answer depends on it.

    In a task that is addition under other names, a and b are elements of the group: the distance under multiplication is the discrete
    logarithm of a quotient. Errors: a task that is no addition in Z_n.
    Source: Zhong, Liu, Tegmark & Andreas 2023, "The Clock and the Pizza", definition 4.2.
    """
    model.needs_one_answer()
    labels = model.probe.labels
    logit = model.outputs.gather(-1, labels.expand(model.outputs.shape[:-1]).unsqueeze(-1)).squeeze(-1)
    return Found(irrelevance=irrelevance(model.on_grid(logit)), spread=logit.double().std(-1, correction=0))

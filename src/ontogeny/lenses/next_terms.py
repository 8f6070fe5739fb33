"""The next term at every place of a sequence, counted or not."""

from __future__ import annotations

import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.parts import by_part, with_all
from ontogeny.subject import Subject


@lens(
    reads=("outputs", "sequences", "period"),
    gives={
        "accuracy": gives("position", "split", long_name="share of next terms that are right"),
        "doubled": gives(long_name="share of first terms that are answered by their double"),
    },
)
def next_terms(model: Subject) -> Found:
    """How many terms must be seen before the next is right, how far does it go on, and for which starts?

    Equation: mean over the starts of a part of [argmax of the logits behind term n = term n + 1], also at places that the loss does
    not count. doubled: mean of [answer behind x_1 = 2 x_1], what adding would give that has nothing but x_1 to read.

    Shapes: accuracy (position, split), doubled (). Units: shares. Behind the first term nobody can do better than 1/p; places beyond
    those that were trained have positional vectors that nothing trained.
    """
    guess, labels = model.outputs.argmax(-1), model.probe.labels
    rows = with_all(model.split, len(labels), guess.device)
    right = (guess == labels).double()  # (…, example, position)
    first = 2 * model.probe.inputs[:, 0] % model.period
    return Found(
        accuracy=torch.stack([by_part(of, rows) for of in right.unbind(-1)], -2),
        doubled=(guess[..., 0] == first).double().mean(-1),
        ticks={"split": list(rows), "position": range(1, labels.shape[-1] + 1)},
    )

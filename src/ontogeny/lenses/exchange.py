"""The same two numbers the other way round."""

from __future__ import annotations

import torch

from ontogeny.errors import UserError
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.subject import Subject

GROUPS = ("(b, a) trained", "(b, a) held out")


@lens(
    reads=("outputs", "grid", "split"),
    gives={
        "accuracy": gives("group", long_name="accuracy on held-out inputs"),
        "inputs": gives("group", long_name="held-out inputs", units="inputs"),
        "symmetric": gives(long_name="share of inputs answered as (b, a) is"),
    },
)
def exchange(model: Subject) -> Found:
    """Does the model generalise to (a, b), or was it trained on (b, a) and cannot tell the two apart?

    Equation: accuracy over the held-out inputs whose exchange (b, a) was trained on, and over those whose exchange was held out as well
    (an input with a = b is its own exchange); NaN for an empty group. ``symmetric``: share of the inputs with a ≠ b that get the answer
    of (b, a).

    Where ``symmetric`` is 1, the first accuracy is no generalisation in a commutative task: equal attention to both operands gives it for
    nothing. Test accuracy mixes the two, and with a random split the first group is the larger when more than half are trained on.

    Raises UserError unless the grid is a square of two numbers.
    """
    sizes = list(model.probe.grid.values())
    if len(sizes) != 2 or sizes[0] != sizes[1]:
        raise UserError(
            f"Exchanging a and b needs a square grid of two numbers; this one is {dict(model.probe.grid)}."
        )
    labels, n = model.probe.labels, len(model.probe.labels)
    trained = torch.zeros(n, dtype=torch.bool, device=labels.device)
    trained[next(iter(model.split.values()))] = True
    other = torch.arange(n, device=labels.device).reshape(sizes).mT.flatten()  # (b, a) of every (a, b)
    answer = model.outputs.argmax(-1)
    groups = [~trained & trained[other], ~trained & ~trained[other]]
    held_out = torch.stack(groups).double()  # (group, example)
    ordered = torch.arange(n, device=labels.device) != other
    return Found(
        accuracy=(answer == labels).double() @ held_out.mT / held_out.sum(-1),
        inputs=held_out.sum(-1).expand((*model.lead, 2)),
        symmetric=(answer == answer[..., other])[..., ordered].double().mean(-1),
        ticks={"group": list(GROUPS)},
    )

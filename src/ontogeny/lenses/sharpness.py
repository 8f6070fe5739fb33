"""How sharply the loss curves at a model."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.landscape import curvature
from ontogeny.numerics.random import Key
from ontogeny.subject import Subject


@lens(
    reads=("weights", "outputs"),
    gives={
        "largest": gives(
            "split", "rank", long_name="largest eigenvalues of the Hessian", units="loss per squared weight"
        ),
        "smallest": gives(
            "split", "rank", long_name="smallest eigenvalues of the Hessian", units="loss per squared weight"
        ),
        "residual": gives("split", long_name="how far they are from eigenvalues"),
    },
    cost="costly",
    keep=False,
)
def sharpness(model: Subject, *, count: int = 3, seed: int = 0) -> Found:
    """How sharply does the loss curve, upwards and downwards, in the directions in which it curves most?

    Equation: the ``count`` largest and the ``count`` smallest eigenvalues of H = ∂²L/∂θ², L the mean loss of a part, by Lanczos on products
    Hv (SciPy's eigsh, from a start drawn by ``seed``); written out for up to 64 weights; all in float64. residual = max ‖Hv − λv‖ / max |λ|.

    Shapes: largest, smallest (split, rank), outermost first; residual (split). Units: loss per squared weight. Gradient descent of step size
    η is unstable where the largest is above 2/η; with Adam the Hessian that counts is preconditioned, so there the rule does not apply. A
    smallest below 0 is a way down that the gradient does not show.

    Sharpness is no property of the function: neurons of ReLUs that are made larger and read less compute the same, and curve
    otherwise. Compare it along one run, with the norm of its weights. Kinks of ReLUs have no curvature here.

    Raises UserError if fewer than one eigenvalue is asked for, or the loss is not finite. Source: Ghorbani, Krishnan & Xiao 2019; Cohen et al. 2021.
    """
    if count < 1:
        raise UserError(f"sharpness was asked for {count} eigenvalues; it needs 1 or more.")
    lead, parts = model.lead, list(model.split) or ["all"]
    found = []
    for one in map(_double, model.each()):
        moving = {n: w for n, w in one.weights.items() if n not in model.architecture.frozen}
        for part in parts:

            def loss(moved: dict[str, Tensor], one: Subject = one, part: str = part) -> Tensor:
                return one.losses(moved)[part]

            with torch.no_grad():
                here = loss(moving)
            if not here.isfinite():
                raise UserError(
                    f"The {part} loss of this model is {here.item()}; its curvature is not defined."
                )
            found.append(curvature(loss, moving, count, Key(seed, "sharpness")))
    shape = (*lead, len(parts))

    def stacked(values: list[Tensor]) -> Tensor:
        return torch.stack(values).unflatten(0, shape)

    return Found(
        largest=stacked([c.largest for c in found]),
        smallest=stacked([c.smallest for c in found]),
        residual=stacked([torch.tensor(c.residual, dtype=torch.float64) for c in found]),
        ticks={"split": parts, "rank": range(1, found[0].largest.shape[-1] + 1)},
    )


def _double(model: Subject) -> Subject:
    """The same in float64: late in training what is left of a loss is rounding in float32."""

    def of(x: Tensor) -> Tensor:
        return x.double() if x.is_floating_point() else x

    probe = replace(model.probe, inputs=of(model.probe.inputs), labels=of(model.probe.labels))
    return replace(model, weights={n: of(w) for n, w in model.weights.items()}, probe=probe)

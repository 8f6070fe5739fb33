"""Which frequencies the loss gradient strengthens."""

from __future__ import annotations

import torch
from torch import Tensor

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.models.sites import Absent, find
from ontogeny.numerics.fourier import power_by_frequency
from ontogeny.numerics.fourier2d import block_energy, harmonics_2d
from ontogeny.subject import Subject

MATRICES = ("W_E", "W_in", "W_L")


@lens(
    reads=(
        "gradients",
        "site:embedding",
        "site:inward[{layer}]",
        "site:neurons[{layer}]?",
        "site:neurons[{layer}].pre?",
        "site:readout[{layer}]",
        "grid",
        "period",
        "split",
    ),
    gives={
        "energy": gives("matrix", "split", "frequency", long_name="energy of the loss gradient"),
        "share": gives("matrix", "split", "frequency", long_name="share of the gradient's energy"),
    },
    cost="costly",
)
def gradient_by_frequency(model: Subject, *, layer: int = -1) -> Found:
    """At which frequencies does the loss gradient change the embedding, the neurons and their map to the logits?

    Equation: with G the gradient of the mean loss of a part, the energy by frequency of: W_E, ‖F G_E‖² over the numbers; W_in,
    the first-order change of the neurons before their nonlinearity when the weights that make them move by G (of products: of the
    neurons themselves), by 2-D Fourier block {1, cos k, sin k}², as a mean over inputs (W_in has no axis of numbers of its own); W_L,
    the first-order change of the read-out when its weights move by G, by output frequency.

    Shapes: energy, share (matrix, split, frequency); the constant is left out of the shares. Units: energy in squared gradient
    units that differ between matrices: compare shares. The gradient is that of the loss alone, without weight decay and without
    the optimiser's scaling, so it is not the step that is taken. A part that is not trained on has a gradient too: it shows
    what would help there. Errors: neurons without a linear path to the logits; outputs that
    are not the period.
    """
    neurons, readout = f"neurons[{layer}]", f"readout[{layer}]"
    pre = f"{neurons}.pre"
    made = neurons if isinstance(find(model.architecture, pre), Absent) else pre
    model.needs_outputs_of_the_period(model.site(readout))
    inward = model.inward(layer)

    def of(grad: dict[str, Tensor]) -> Tensor:
        change = model.on_grid(model.change(made, {name: grad[name] for name in inward}), example_axis=-2)
        by_matrix = (
            power_by_frequency(model.change("embedding", grad)[..., : model.period, :], axis=-2).sum(-1),
            block_energy(harmonics_2d(change).square()).sum(-1) / len(model.probe.inputs),
            power_by_frequency(model.change(readout, grad)).sum(-2),
        )
        return torch.stack(by_matrix, -2)

    total = torch.stack([of(grad) for grad in model.gradients.values()], -2)  # (…, matrix, split, frequency)
    total[..., 0] = 0
    return Found(
        energy=total,
        share=total / total.sum(-1, keepdim=True),
        ticks={"matrix": list(MATRICES), "split": list(model.gradients)},
    )

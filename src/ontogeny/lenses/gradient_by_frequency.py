"""Which frequencies the loss gradient strengthens."""

from __future__ import annotations

import torch

from ontogeny.axes import Labelled, array
from ontogeny.errors import UserError
from ontogeny.lenses.base import lens
from ontogeny.numerics.composites import neuron_logit_map
from ontogeny.numerics.fourier import power_by_frequency
from ontogeny.numerics.fourier2d import block_energy, harmonics_2d
from ontogeny.subject import Subject

MATRICES = ("W_E", "W_in", "W_L")


@lens(
    reads=(
        "gradients",
        "tap:last:blocks.0.hook_resid_mid",
        "weights:embed.W_E",
        "weights:blocks.0.mlp.W_in",
        "weights:blocks.0.mlp.W_out",
        "weights:unembed.W_U",
        "grid",
        "period",
        "split",
    ),
    cost="costly",
)
def gradient_by_frequency(model: Subject) -> dict[str, Labelled]:
    """At which frequencies does the loss gradient change the embedding, the neurons and their map to the logits?

    Equation: with G the gradient of the mean loss of a part, the energy by frequency of: W_E, ‖F G_E‖² over the numbers; W_in,
    the first-order change of the pre-activations resid_mid(a, b) G_in, by 2-D Fourier block {1, cos k, sin k}², as a mean over
    inputs (W_in has no axis of numbers of its own); W_L, the first-order change of W_out W_U, G_out W_U + W_out G_U, by output
    frequency.

    Shapes: energy, share (matrix, split, frequency); the constant is left out of the shares. Units: energy in squared gradient
    units that differ between matrices: compare shares. The gradient is that of the loss alone, without weight decay and without
    the optimiser's scaling, so it is not the step that is taken. A part that is not trained on has a gradient too: it shows
    what would help there. Errors: more than one layer; outputs that are not the period.
    """
    p = model.probe.period or model.signature.outputs
    neuron_logit_map(model.weights)  # refuses more than one layer
    W_out, W_U = model.weights["blocks.0.mlp.W_out"], model.weights["unembed.W_U"]
    if W_U.shape[-1] != p:
        raise UserError(
            f"The network has {W_U.shape[-1]} outputs, the period is {p}: output waves need them equal."
        )
    resid = model.tap("last:blocks.0.hook_resid_mid")
    energy = []
    for grad in model.gradients.values():
        change = model.on_grid(resid @ grad["blocks.0.mlp.W_in"], example_axis=-2)
        change_L = grad["blocks.0.mlp.W_out"] @ W_U + W_out @ grad["unembed.W_U"]
        by_matrix = (
            power_by_frequency(grad["embed.W_E"][..., :p, :], axis=-2).sum(-1),
            block_energy(harmonics_2d(change).square()).sum(-1) / resid.shape[-2],
            power_by_frequency(change_L).sum(-2),
        )
        energy.append(torch.stack(by_matrix, -2))
    total = torch.stack(energy, -2)  # (…, matrix, split, frequency)
    total[..., 0] = 0
    ticks = {"matrix": list(MATRICES), "split": list(model.gradients), "frequency": range(p // 2 + 1)}
    axes = ("matrix", "split", "frequency")
    return {
        "energy": array(total, *axes, long_name="energy of the loss gradient", coords=ticks),
        "share": array(
            total / total.sum(-1, keepdim=True),
            *axes,
            long_name="share of the gradient's energy",
            coords=ticks,
        ),
    }

"""Fourier spectra of W_L over the outputs."""

from __future__ import annotations

import torch

from ontogeny.axes import Labelled, array
from ontogeny.errors import UserError
from ontogeny.lenses.base import lens
from ontogeny.numerics.fourier import power_by_frequency
from ontogeny.subject import Subject


@lens(reads=("weights:blocks.0.mlp.W_out", "weights:unembed.W_U", "tap:last:blocks.0.mlp.hook_post", "grid"))
def readout_spectrum(model: Subject, *, layer: int = 0, active: int = 20) -> dict[str, Labelled]:
    """Which frequencies over the outputs does each neuron write, and which the whole layer?

    Equation: amplitude of W_L[i, :] at frequency k: √ of its power at k (cosine and sine); period: the number of outputs. ``norm``: √ of
    the power summed over neurons. ``norm_active``: mean amplitude over the ``active`` most active neurons at the first and at the
    last input of the grid.

    Frequency 0 is the mean over outputs and moves no prediction. Low frequencies dominate any smooth read-out; on outputs that are no circle
    (a + b without modulus) a frequency is a description, not a mechanism. The weight of a neuron that never fires counts like any other.
    """
    W_L = model.weights[f"blocks.{layer}.mlp.W_out"] @ model.weights["unembed.W_U"]
    power = power_by_frequency(W_L)
    amplitude, varying = power.sqrt(), power.index_fill(-1, torch.tensor(0, device=power.device), 0)
    post = model.tap(f"last:blocks.{layer}.mlp.hook_post")
    if not 0 < active <= post.shape[-1]:
        raise UserError(f"active = {active}: the layer has {post.shape[-1]} neurons.")
    top = post[..., [0, -1], :].topk(active, -1).indices  # (…, input, active)
    index = top.unsqueeze(-1).expand(*top.shape, amplitude.shape[-1])
    chosen = amplitude.unsqueeze(-3).expand(*top.shape[:-1], *amplitude.shape[-2:]).gather(-2, index)
    units = "nats/activation"
    corners = [tuple(model.probe.inputs[i, :2].tolist()) for i in (0, -1)]
    return {
        "amplitude": array(
            amplitude,
            "neuron",
            "frequency",
            long_name="amplitude of W_L",
            units=units,
            coords={"frequency": range(amplitude.shape[-1])},
        ),
        "norm": array(power.sum(-2).sqrt(), "frequency", long_name="norm of W_L by frequency", units=units),
        "share": array(
            varying.sum(-2) / varying.sum((-1, -2)).unsqueeze(-1),
            "frequency",
            long_name="share of the energy of W_L, the constant left out",
        ),
        "norm_active": array(
            chosen.mean(-2),
            "group",
            "frequency",
            long_name=f"mean amplitude of W_L of the {active} most active neurons",
            units=units,
            coords={"group": [f"at {corner}" for corner in corners]},
        ),
    }

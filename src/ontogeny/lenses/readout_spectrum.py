"""Fourier spectra of W_L over the outputs."""

from __future__ import annotations

import torch

from ontogeny.errors import UserError
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.fourier import power_by_frequency
from ontogeny.subject import Subject


@lens(
    reads=("site:readout[{layer}]", "site:neurons[{layer}]", "grid"),
    gives={
        "amplitude": gives("neuron", "frequency", long_name="amplitude of W_L", units="nats/activation"),
        "norm": gives("frequency", long_name="norm of W_L by frequency", units="nats/activation"),
        "share": gives("frequency", long_name="share of the energy of W_L, the constant left out"),
        "norm_active": gives(
            "group",
            "frequency",
            long_name="mean amplitude of W_L of the {active} most active neurons",
            units="nats/activation",
        ),
    },
)
def readout_spectrum(model: Subject, *, layer: int = -1, active: int = 20) -> Found:
    """Which frequencies over the outputs does each neuron write, and which the whole layer?

    Equation: amplitude of W_L[i, :] at frequency k: √ of its power at k (cosine and sine); period: the number of outputs. ``norm``: √ of
    the power summed over neurons. ``norm_active``: mean amplitude over the ``active`` most active neurons at the first and at the
    last input of the grid.

    Frequency 0 is the mean over outputs and moves no prediction. Low frequencies dominate any smooth read-out; on outputs that are no circle
    (a + b without modulus) a frequency is a description, not a mechanism. The weight of a neuron that never fires counts like any other.
    """
    power = power_by_frequency(model.site(f"readout[{layer}]"))
    amplitude, varying = power.sqrt(), power.index_fill(-1, torch.tensor(0, device=power.device), 0)
    post = model.site(f"neurons[{layer}]")
    if active < 1:
        raise UserError(f"active = {active}: the mean over the most active neurons needs at least one.")
    active = min(active, post.shape[-1])
    top = post[..., [0, -1], :].topk(active, -1).indices  # (…, input, active)
    index = top.unsqueeze(-1).expand(*top.shape, amplitude.shape[-1])
    chosen = amplitude.unsqueeze(-3).expand(*top.shape[:-1], *amplitude.shape[-2:]).gather(-2, index)
    corners = [tuple(model.probe.inputs[i, :2].tolist()) for i in (0, -1)]
    return Found(
        amplitude=amplitude,
        norm=power.sum(-2).sqrt(),
        share=varying.sum(-2) / varying.sum((-1, -2)).unsqueeze(-1),
        norm_active=chosen.mean(-2),
        ticks={"group": [f"at {corner}" for corner in corners]},
        attrs={"active": active},
    )

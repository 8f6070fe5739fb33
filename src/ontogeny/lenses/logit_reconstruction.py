"""The logits at one input, rebuilt from their strongest frequencies."""

from __future__ import annotations

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.dft import partial_sums
from ontogeny.numerics.fourier import power_by_frequency
from ontogeny.numerics.operands import example_of
from ontogeny.subject import Subject


@lens(
    reads=("outputs", "grid"),
    gives={
        "logits": gives("output", long_name="logits at ({a}, {b})", units="nats"),
        "power": gives("frequency", long_name="power of the logits", units="nats²"),
        "order": gives("kept", long_name="frequency, strongest first", units="cycles"),
        "rebuilt": gives("kept", "output", long_name="logits from the strongest frequencies", units="nats"),
        "explained": gives("kept", long_name="share of the variance over outputs"),
        "right": gives("kept", long_name="argmax is the label"),
    },
)
def logit_reconstruction(model: Subject, *, a: int = 0, b: int = 0) -> Found:
    """How many frequencies over the outputs do the logits at one input need before the answer is right?

    Equation: discrete Fourier transform over the outputs (period: their number); the sum of the mean and the strongest 1, 2, …
    frequencies, the variance it explains, and whether its argmax is the label.

    The mean is always kept and not counted. A high share of variance with a wrong argmax is common: neighbouring outputs differ by little.

    Raises UserError for an input outside the grid.
    """
    at = example_of(model.probe.grid, a, b)
    logits, label = model.outputs[..., at, :], int(model.probe.labels[at])
    sums = partial_sums(logits)
    return Found(
        logits=logits,
        power=power_by_frequency(logits),
        order=sums.order,
        rebuilt=sums.signals,
        explained=sums.explained,
        right=sums.signals.argmax(-1) == label,
        ticks={"kept": range(1, sums.order.shape[-1] + 1)},
        of={"logits": {"label": label}},
    )

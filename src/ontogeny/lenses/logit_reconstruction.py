"""The logits at one input, rebuilt from their strongest frequencies."""

from __future__ import annotations

from ontogeny.axes import Labelled, array
from ontogeny.errors import UserError
from ontogeny.lenses.base import lens
from ontogeny.numerics.dft import partial_sums
from ontogeny.numerics.fourier import power_by_frequency
from ontogeny.subject import Subject


@lens(reads=("outputs", "grid"))
def logit_reconstruction(model: Subject, *, a: int = 0, b: int = 0) -> dict[str, Labelled]:
    """How many frequencies over the outputs do the logits at one input need before the answer is right?

    Equation: discrete Fourier transform over the outputs (period: their number); the sum of the mean and the strongest 1, 2, …
    frequencies, the variance it explains, and whether its argmax is the label.

    The mean is always kept and not counted. A high share of variance with a wrong argmax is common: neighbouring outputs differ by little.

    Raises UserError for an input outside the grid.
    """
    sizes = tuple(model.probe.grid.values())
    if not (len(sizes) == 2 and 0 <= a < sizes[0] and 0 <= b < sizes[1]):
        raise UserError(
            f"There is no input (a, b) = ({a}, {b}); the probe's grid is {dict(model.probe.grid)}."
        )
    at = a * sizes[1] + b
    logits, label = model.outputs[..., at, :], int(model.probe.labels[at])
    sums, power = partial_sums(logits), power_by_frequency(logits)
    ticks = {"kept": range(1, sums.order.shape[-1] + 1), "frequency": range(power.shape[-1])}
    return {
        "logits": array(logits, "output", long_name=f"logits at ({a}, {b})", units="nats", label=label),
        "power": array(
            power,
            "frequency",
            long_name="power of the logits",
            units="nats²",
            coords={"frequency": ticks["frequency"]},
        ),
        "order": array(
            sums.order,
            "kept",
            long_name="frequency, strongest first",
            units="cycles",
            coords={"kept": ticks["kept"]},
        ),
        "rebuilt": array(
            sums.signals, "kept", "output", long_name="logits from the strongest frequencies", units="nats"
        ),
        "explained": array(sums.explained, "kept", long_name="share of the variance over outputs"),
        "right": array(sums.signals.argmax(-1) == label, "kept", long_name="argmax is the label"),
    }

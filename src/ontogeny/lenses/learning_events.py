"""When a network memorises and when it groks."""

from __future__ import annotations

import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.events import below_peak, first, lasting, steepest_log_fall
from ontogeny.subject import Subject


@lens(
    reads=("lens:performance", "split"),
    gives={
        "memorised": gives(long_name="memorised", units="step"),
        "grokked": gives(long_name="grokked", units="step"),
        "memorised_nats": gives(long_name="memorised nats", units="step"),
        "grokked_nats": gives(long_name="grokked nats", units="step"),
        "delay": gives(long_name="delay", units="step"),
        "inflection": gives(long_name="inflection", units="step"),
        "below_peak": gives(long_name="below peak", units="step"),
        "rebound": gives(long_name="final − minimum held-out loss", units="nat"),
        "slingshots": gives(
            long_name="checkpoints with training loss above ten times its minimum so far, after memorisation"
        ),
    },
    scope="trajectory",
)
def learning_events(
    model: Subject, *, accuracy: float = 0.99, nats: float = 0.1, peak_fraction: float = 0.1
) -> Found:
    """When is the training set memorised, and when does the network grok?

    Equation: memorised = first step with training accuracy ≥ ``accuracy``; grokked = first step from which held-out accuracy
    stays ≥ ``accuracy``; memorised_nats, grokked_nats = the same of the losses, with < ``nats``; inflection = middle of the checkpoint interval in which the log of the held-out loss falls fastest per
    step; below_peak = first step after the held-out loss's maximum at which it is below ``peak_fraction`` of it. delay =
    grokked − memorised. rebound = final − minimum held-out loss; slingshots = checkpoints at which the training loss is above
    ten times its minimum so far, once the training set is memorised.

    Shapes: all (). Units: steps; rebound in nats; slingshots a count. An event that did not happen is NaN, never a number. The
    resolution is that of the checkpoints. "Stays" reads to the last checkpoint: one late slingshot moves grokked behind it, so
    read it with ``slingshots``; accuracy counts answers and loss weighs
    them, so a network of which 1 % of answers are confidently wrong has grokked by accuracy alone; a run that was cut short may have grokked "from" its last step.
    """
    steps = torch.tensor(model.steps, dtype=torch.float64)
    loss = model.result("performance", "loss").double()  # (step, split)
    score = model.result("performance", "accuracy")
    memorised = first(score[:, 0] >= accuracy, steps)
    grokked = lasting(score[:, 1] >= accuracy, steps)
    train, held_out = loss[:, 0], loss[:, 1]
    burst = (train > 10 * train.cummin(0).values) & (steps >= memorised)
    rules = {
        "memorised": (memorised, f"first step with training accuracy ≥ {accuracy:g}"),
        "grokked": (grokked, f"first step from which held-out accuracy stays ≥ {accuracy:g}"),
        "memorised_nats": (first(train < nats, steps), f"first step with training loss below {nats:g} nats"),
        "grokked_nats": (
            lasting(held_out < nats, steps),
            f"first step from which held-out loss stays below {nats:g} nats",
        ),
        "delay": (grokked - memorised, "grokked − memorised"),
        "inflection": (steepest_log_fall(held_out, steps), "steepest fall of the log of the held-out loss"),
        "below_peak": (
            below_peak(held_out, peak_fraction, steps),
            f"first step after its peak with held-out loss below {peak_fraction:g} of it",
        ),
    }
    return Found(
        {name: step for name, (step, _) in rules.items()},
        rebound=held_out[-1] - held_out.min(),
        slingshots=torch.where(memorised.isnan(), torch.nan, burst.sum().double()),
        of={name: {"rule": rule} for name, (_, rule) in rules.items()},
    )

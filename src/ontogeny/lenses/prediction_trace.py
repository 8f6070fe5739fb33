"""In which order the inputs are learned."""

from __future__ import annotations

import torch

from ontogeny.axes import Labelled, array
from ontogeny.lenses.base import lens
from ontogeny.numerics.events import lasting
from ontogeny.subject import Subject


@lens(reads=("lens:predictions", "grid", "split"), scope="trajectory")
def prediction_trace(model: Subject) -> dict[str, Labelled]:
    """From which step on does each input stay right, and are held-out inputs learned together or one by one?

    Equation: learned_step(a, b) = first step from which the answer is right at every later checkpoint; relapses = how often it
    went from right to wrong. Per part of the split: the median learned step over the inputs that were learned, the spread
    between its 5 % and 95 % quantiles, and the share that was learned.

    Shapes: learned_step, relapses, confidence, trained_on (a, b), the last two at the end; median_step, spread, learned (split,).
    Units: steps. An input that is wrong at the end has NaN; a median is over the learned ones only, so read it with ``learned``.
    The resolution is that of the checkpoints: what is learned between two of them counts for the later one.
    """
    right = model.result("predictions", "right").bool()  # (step, a, b)
    steps = torch.tensor(model.steps, dtype=torch.float64)
    learned_step = lasting(right.movedim(0, -1), steps)
    relapses = (right[:-1] & ~right[1:]).sum(0)
    parts = model.split
    by_part = [learned_step.reshape(-1)[rows] for rows in parts.values()]
    quantiles = torch.stack(
        [torch.nanquantile(part, torch.tensor([0.05, 0.5, 0.95], dtype=torch.float64)) for part in by_part]
    )
    a, b = model.grid
    ticks = {"split": list(parts)}
    return {
        "learned_step": array(learned_step, a, b, long_name="stays right from", units="step"),
        "relapses": array(relapses, a, b, long_name="times the answer became wrong"),
        "confidence": array(
            model.result("predictions", "confidence")[-1],
            a,
            b,
            long_name="probability of the right answer, at the end",
        ),
        "trained_on": array(model.result("predictions", "trained_on")[-1], a, b, long_name="trained on"),
        "median_step": array(
            quantiles[:, 1], "split", long_name="median learned step", units="step", coords=ticks
        ),
        "spread": array(
            quantiles[:, 2] - quantiles[:, 0],
            "split",
            long_name="5 % to 95 % of learned steps",
            units="step",
            coords=ticks,
        ),
        "learned": array(
            torch.stack([(~part.isnan()).double().mean() for part in by_part]),
            "split",
            long_name="share of inputs that stay right",
            coords=ticks,
        ),
    }

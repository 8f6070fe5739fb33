"""In which order the inputs are learned."""

from __future__ import annotations

import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.events import lasting
from ontogeny.subject import Subject


@lens(
    reads=("lens:predictions", "grid", "split"),
    gives={
        "learned_step": gives("grid", long_name="stays right from", units="step"),
        "relapses": gives("grid", long_name="times the answer became wrong"),
        "confidence": gives("grid", long_name="probability of the right answer, at the end"),
        "trained_on": gives("grid", long_name="trained on"),
        "median_step": gives("split", long_name="median learned step", units="step"),
        "spread": gives("split", long_name="5 % to 95 % of learned steps", units="step"),
        "learned": gives("split", long_name="share of inputs that stay right"),
    },
    scope="trajectory",
)
def prediction_trace(model: Subject) -> Found:
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
    parts = [learned_step.reshape(-1)[rows] for rows in model.split.values()]
    levels = torch.tensor([0.05, 0.5, 0.95], dtype=torch.float64)
    quantiles = torch.stack([torch.nanquantile(part, levels) for part in parts])
    return Found(
        learned_step=learned_step,
        relapses=(right[:-1] & ~right[1:]).sum(0),
        confidence=model.result("predictions", "confidence")[-1],
        trained_on=model.result("predictions", "trained_on")[-1],
        median_step=quantiles[:, 1],
        spread=quantiles[:, 2] - quantiles[:, 0],
        learned=torch.stack([(~part.isnan()).double().mean() for part in parts]),
        ticks={"split": list(model.split)},
    )

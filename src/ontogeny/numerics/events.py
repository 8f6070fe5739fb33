"""When something happens in curves over steps: (…, step) → a step number, NaN where it never happens.

A missing event is missing, never a sentinel. NaN in a curve is "not yet": no condition holds there.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


def first(holds: Tensor, steps: Tensor) -> Tensor:
    """First step at which a condition (…, step) holds."""
    return torch.where(holds.any(-1), steps[holds.to(torch.uint8).argmax(-1)], torch.nan)


def lasting(holds: Tensor, steps: Tensor) -> Tensor:
    """First step from which a condition (…, step) holds to the end of the curve."""
    return first(holds.flip(-1).cummin(-1).values.flip(-1), steps)


def log_fall(curve: Tensor, fraction: float, steps: Tensor) -> Tensor:
    """First step at which a positive curve has made ``fraction`` of the fall of its logarithm from maximum to later minimum."""
    log = curve.log()
    peak, at = log.max(-1, keepdim=True)
    after = torch.arange(log.shape[-1], device=log.device) > at
    low = log.masked_fill(~after, torch.inf).amin(-1, keepdim=True)
    return first(after & (low < peak) & (log <= peak + fraction * (low - peak)), steps)


def steepest_log_fall(curve: Tensor, steps: Tensor) -> Tensor:
    """Middle of the interval in which the logarithm of a positive curve falls fastest per step; NaN if it never falls.

    One point has no interval and falls nowhere.
    """
    if curve.shape[-1] < 2:
        return torch.full_like(curve[..., 0], torch.nan)
    slope = curve.log().diff(dim=-1) / steps.diff()
    middle = (steps[1:] + steps[:-1]) / 2
    return torch.where(slope.amin(-1) < 0, middle[slope.argmin(-1)], torch.nan)


def below_peak(curve: Tensor, fraction: float, steps: Tensor) -> Tensor:
    """First step after a curve's maximum at which it is below ``fraction`` of it."""
    peak, at = curve.max(-1, keepdim=True)
    after = torch.arange(curve.shape[-1], device=curve.device) > at
    return first(after & (curve < fraction * peak), steps)


class Run(NamedTuple):
    """The final unbroken run of one value in a sequence (…, step)."""

    start: Tensor  # step at which it begins; NaN if the last value is missing
    switches: Tensor  # how often the value changed, missing values left out


def final_run(values: Tensor, steps: Tensor) -> Run:
    """From which step on a sequence keeps its last value, and how often it switched before; NaN is a missing value."""
    missing = values.isnan()
    start = lasting(values == values[..., -1:], steps)
    filled = _carry_forward(values)
    changed = (filled.diff(dim=-1) != 0) & ~filled[..., :-1].isnan()
    return Run(start, torch.where(missing.all(-1), torch.nan, changed.sum(-1).to(values.dtype)))


def _carry_forward(values: Tensor) -> Tensor:
    """Each NaN replaced by the last value before it."""
    at = torch.arange(values.shape[-1], device=values.device).expand(values.shape)
    last = torch.where(values.isnan(), 0, at).cummax(-1).values
    return values.gather(-1, last)

"""Numbers that rise and fall with the updates."""

from __future__ import annotations


def ramp(update: int, warmup: int = 0, decay_start: int = 0, decay_stop: int = 0) -> float:
    """By what a number is multiplied at this update, counted from 1: in [0, 1].

    It rises linearly over the first ``warmup`` updates, is 1, and falls linearly after ``decay_start``; ``decay_stop`` is the last update
    at which it is above 0 (``decay_stop = 0``: it never falls).
    """
    rising = min(1.0, update / warmup) if warmup else 1.0
    falling = (decay_stop - update + 1) / (decay_stop - decay_start) if decay_stop else 1.0
    return rising * min(1.0, max(0.0, falling))


def wrong_ramp(warmup: int, decay_start: int, decay_stop: int) -> str | None:
    """What is wrong with the numbers of a ramp; ``None`` if nothing is."""
    if warmup < 0:
        return f"warmup = {warmup}: it is a number of updates, 0 or more."
    if (decay_start, decay_stop) != (0, 0) and not 0 <= decay_start < decay_stop:
        return f"decay_start = {decay_start}, decay_stop = {decay_stop}: 0 ≤ decay_start < decay_stop is needed, in updates."
    return None

"""Two ways of doing one thing, timed in turns: a machine that slows down slows both, and the ratio of neighbours stays."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

Row = dict[str, Any]


def paired(ours: Callable[[], object], plain: Callable[[], object], repetitions: int = 5) -> Row:
    """Median, smallest and largest of plain time / our time over pairs; ``ours_s`` and ``plain_s`` are median seconds.

    One pair goes first unrecorded, so that compilation and first-use costs weigh on neither. Who begins alternates.
    """
    ours(), plain()
    times: dict[Callable[[], object], list[float]] = {ours: [], plain: []}
    for repetition in range(repetitions):
        for way in (ours, plain) if repetition % 2 else (plain, ours):
            start = time.perf_counter()
            way()
            times[way].append(time.perf_counter() - start)
    ratios = [slow / fast for slow, fast in zip(times[plain], times[ours], strict=True)]
    return {
        "ratio": statistics.median(ratios),
        "min": min(ratios),
        "max": max(ratios),
        "ours_s": statistics.median(times[ours]),
        "plain_s": statistics.median(times[plain]),
        "repetitions": repetitions,
    }


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def show(rows: list[Row]) -> None:
    """Print the rows that a benchmark module measured."""
    for row in rows:
        print(
            f"{row['what']}: {row['ratio']:.3g} times (pairs from {row['min']:.3g} to {row['max']:.3g}); "
            f"here ours {row['ours_s']:.3g} s, plain {row['plain_s']:.3g} s. {row['note']}"
        )

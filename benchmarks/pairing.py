"""Two ways of doing one thing, timed in turns: a machine that slows down slows both, and the ratio of neighbours stays."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ontogeny.provenance import cores

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


@contextmanager
def on_all_cores() -> Iterator[None]:
    """While this lasts, PyTorch has every core that this process may use."""
    before = torch.get_num_threads()
    torch.set_num_threads(cores())
    try:
        yield
    finally:
        torch.set_num_threads(before)


def show(rows: list[Row]) -> None:
    """Print the rows that a benchmark module measured."""
    for row in rows:
        print(
            f"{row['what']}: {row['ratio']:.3g} times (pairs from {row['min']:.3g} to {row['max']:.3g}); "
            f"here ours {row['ours_s']:.3g} s, plain {row['plain_s']:.3g} s. {row['note']}"
        )

"""Progress as lines: for scripts, notebooks, logs and ``nohup``, where a bar would be noise. Nothing is said of what is quick."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

QUIET = 5.0  # seconds before the first line
BETWEEN = 10.0  # seconds between lines; grows, so that a day of training is a page
ENOUGH = 0.005  # of the work, before the time that is left is told from it


class Lines:
    """Told what is going on; says it now and then: "train  40 %  12 runs  1 min 20 s, about 2 min left"."""

    def __init__(
        self, to: TextIO | None = None, clock: Callable[[], float] = time.monotonic, quiet: float = QUIET
    ) -> None:
        self._to, self._clock = to, clock
        self._begun: dict[str, tuple[float, float]] = {}
        self._next, self._between = clock() + quiet, BETWEEN

    def __call__(self, stage: str, what: str, done: float, total: float) -> None:
        now = self._clock()
        begun, already = self._begun.setdefault(stage, (now, done))
        if now < self._next or not total:
            return
        self._between *= 1.15
        self._next = now + self._between
        gone, share = now - begun, done / total
        # The first bit of work waits for imports and compilation: told from it, five runs of a minute take eleven hours.
        left = gone * (total - done) / (done - already) if done - already >= ENOUGH * total else None
        ahead = f", about {duration(left)} left" if left else ""
        print(
            f"{stage:<8}{share:>4.0%}  {what}  {duration(gone)}{ahead}",
            file=self._to or sys.stderr,
            flush=True,
        )


def duration(seconds: float) -> str:
    """ "45 s", "3 min", "2 h 10 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"

"""In this process, one job after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ontogeny.executors.base import reporting
from ontogeny.plan import Job
from ontogeny.work.base import Outcome, Place, Tell
from ontogeny.work.do import do


class Here:
    """The default."""

    wide = 1

    def carry_out(self, jobs: Sequence[Job], place: Place, tell: Tell) -> Iterator[Outcome]:
        telling = reporting(place.directory.root, tell)
        for job in jobs:
            yield do(job, place, telling)

    def close(self) -> None:
        pass

"""One task of a job array: its share of the jobs, and then what nobody else has in hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ontogeny.errors import UserError
from ontogeny.executors.here import Here
from ontogeny.plan import Job
from ontogeny.work.base import Outcome, Place, Tell


class Shard(Here):
    """The ``i``-th of ``n``. All n see the same plan and begin at different places of it; leases keep them apart."""

    def __init__(self, i: int, n: int) -> None:
        self._i, self.wide = i, n

    @classmethod
    def parse(cls, text: str) -> Shard:
        """ "2/16": the third of sixteen, as they are counted from 0."""
        i, _, n = text.partition("/")
        if not (i.isdigit() and n.isdigit() and int(i) < int(n)):
            raise UserError(f"--shard {text}: write i/n with 0 ≤ i < n, for example 0/16 to 15/16.")
        return cls(int(i), int(n))

    def carry_out(self, jobs: Sequence[Job], place: Place, tell: Tell) -> Iterator[Outcome]:
        mine = [job for k, job in enumerate(jobs) if k % self.wide == self._i]
        yield from super().carry_out([*mine, *(job for job in jobs if job not in mine)], place, tell)

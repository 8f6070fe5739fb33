"""Which executor is meant by ``--on`` and ``--jobs``."""

from __future__ import annotations

from ontogeny.errors import UnknownName, UserError
from ontogeny.executors.base import Executor
from ontogeny.executors.here import Here

KNOWN = ("here", "processes", "ray", "ray://HOST:PORT")


def executor(on: str | None = None, jobs: int | None = None, memory: int | None = None) -> Executor:
    """``on``: here, processes, ray, ray://HOST:PORT; ``jobs``: how many processes go side by side; ``memory``: bytes for all of them."""
    if jobs is not None and jobs < 1:
        raise UserError(f"{jobs} jobs: at least one process has to do the work.")
    if on is None:
        on = "processes" if jobs and jobs > 1 else "here"
    if on == "here":
        if jobs and jobs > 1:
            raise UserError(f"{jobs} jobs in one process: leave out --on here, or --jobs.")
        return Here()
    if on == "processes":
        from ontogeny.executors.processes import Processes, cores

        return Processes(jobs or cores(), memory)
    if on == "ray" or on.startswith("ray://"):
        from ontogeny.executors.cluster import Cluster

        return Cluster(on)
    raise UnknownName("place to work", on, KNOWN)

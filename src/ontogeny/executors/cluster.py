"""A Ray cluster: ``--on ray`` starts one on this machine or joins that of ``RAY_ADDRESS``, ``--on ray://HOST:PORT`` joins another.

Every node must see the study directory under the same path. Ray is asked for cores and memory job by job, and is not asked to try
again: whose worker or node died is planned anew, by whoever plans.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from typing import Any

from ontogeny.errors import UserError
from ontogeny.executors.base import elsewhere
from ontogeny.executors.processes import LOOKS, THREADS, Following, order
from ontogeny.plan import Job
from ontogeny.work.base import Outcome, Place, Tell


class Cluster:
    """``address``: "ray" or "ray://HOST:PORT". ``threads``: cores of one job."""

    def __init__(self, address: str = "ray", threads: int = 1) -> None:
        try:
            import ray
        except ImportError:
            raise UserError(
                "--on ray needs Ray, which is not installed: pip install 'ontogeny[cluster]'."
            ) from None
        self._ray, self._threads = ray, threads
        self._mine = not ray.is_initialized()
        if self._mine:
            where = address if "://" in address else os.environ.get("RAY_ADDRESS")
            try:
                ray.init(
                    address=where,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    include_dashboard=False if where is None else None,
                )
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise UserError(f"There is no Ray cluster at {where or 'this machine'}: {error}") from None
        self._do = ray.remote(max_retries=0, max_calls=0)(_elsewhere)

    @property
    def wide(self) -> int:
        return max(int(self._ray.cluster_resources().get("CPU", 1)) // self._threads, 2)

    def carry_out(self, jobs: Sequence[Job], place: Place, tell: Tell) -> Iterator[Outcome]:
        ray = self._ray
        following = Following(jobs, place, tell)
        variables = dict.fromkeys(THREADS, str(self._threads))
        variables |= {name: os.environ[name] for name in ("ONTOGENY_TRUST",) if name in os.environ}
        running = {}
        for job in sorted(jobs, key=lambda one: -one.cost.seconds):
            options = self._do.options(
                num_cpus=self._threads, memory=self._memory(job), runtime_env={"env_vars": variables}
            )
            running[options.remote(**order(job, place))] = job
        while running:
            done, _ = ray.wait(list(running), timeout=LOOKS)
            following.look()
            for one in done:
                job = running.pop(one)
                try:
                    yield Outcome.from_dict(ray.get(one))
                except ray.exceptions.RayError as error:
                    yield Outcome(job.key, lost=str(error).splitlines()[0])

    def _memory(self, job: Job) -> int:
        """What a job is thought to need; no more than the largest node has, or it would wait for ever."""
        most = max(
            (node["Resources"].get("memory", 0) for node in self._ray.nodes() if node["Alive"]), default=0
        )
        return int(min(job.cost.memory, most * 0.9))

    def close(self) -> None:
        if self._mine:
            self._ray.shutdown()


def _elsewhere(**given: Any) -> dict[str, Any]:
    """By name, so that nothing of this module is pickled by value."""
    return elsewhere(**given)

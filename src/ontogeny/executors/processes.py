"""Local processes: each is handed jobs one by one, as lines of JSON, and keeps what it has imported.

Not ``multiprocessing``: nothing is pickled, the main module of a script or notebook is not imported again, and a process that is
killed takes nobody with it. Jobs are let in while the memory that they are thought to need fits (``memory``), and the cores are shared
out: each process has as many threads as make the cores up with the others.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from ontogeny.executors.base import name_of
from ontogeny.plan import Job
from ontogeny.provenance import cores
from ontogeny.store.events import Follower
from ontogeny.work.base import Outcome, Place, Tell

LOOKS = 0.5  # seconds between two looks at the events of the workers
SHARE = 0.8  # of the machine's memory that jobs may fill together
WORKER = [sys.executable, "-m", "ontogeny.executors.worker"]
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


class Worker:
    """One process, and what it is at."""

    def __init__(self, threads: int) -> None:
        environment = {**os.environ, **dict.fromkeys(THREADS, str(threads))}
        paths = [p for p in sys.path if p]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
        self.process = subprocess.Popen(
            WORKER,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, bufsize=1,
        )  # fmt: skip
        self.job: Job | None = None

    def hand(self, job: Job, place: Place) -> bool:
        """Whether it took the job; a dead one takes none."""
        self.job = job
        try:
            assert self.process.stdin is not None
            self.process.stdin.write(json.dumps(order(job, place)) + "\n")
            return True
        except OSError:
            return False

    def outcome(self) -> Outcome:
        """What became of its job; called when there is something to be read."""
        job, self.job = self.job, None
        assert self.process.stdout is not None and job is not None
        if line := self.process.stdout.readline():
            return Outcome.from_dict(json.loads(line))
        return Outcome(job.key, lost=ended(self.process.wait()))

    def end(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        self.process.terminate()
        self.process.wait()


class Processes:
    """``n`` processes of this machine. ``memory``: bytes that their jobs may take together; by default most of what there is."""

    def __init__(self, n: int, memory: int | None = None) -> None:
        from ontogeny.sizes import memory as whole

        self.wide = n
        self._memory = memory or int(whole() * SHARE)
        self._workers: list[Worker] = []

    def carry_out(self, jobs: Sequence[Job], place: Place, tell: Tell) -> Iterator[Outcome]:
        """The longest first. A job that is thought to need more than there is goes alone."""
        waiting = sorted(jobs, key=lambda job: -job.cost.seconds)
        following = Following(jobs, place, tell)
        busy: list[Worker] = []
        with selectors.DefaultSelector() as selector:
            while waiting or busy:
                while waiting and len(busy) < self.wide and (job := self._fitting(waiting, busy)):
                    worker = self._free(busy)
                    waiting.remove(job)
                    busy.append(worker)
                    worker.hand(job, place)
                    selector.register(worker.process.stdout, selectors.EVENT_READ, worker)  # type: ignore[arg-type]
                for key, _ in selector.select(LOOKS):
                    worker = key.data
                    selector.unregister(key.fileobj)
                    busy.remove(worker)
                    outcome = worker.outcome()
                    if outcome.lost:
                        self._workers.remove(worker)
                        worker.end()
                    following.look()
                    yield outcome
                following.look()

    def _fitting(self, waiting: Sequence[Job], busy: Sequence[Worker]) -> Job | None:
        taken = sum(w.job.cost.memory for w in busy if w.job)
        fits = (job for job in waiting if not busy or taken + job.cost.memory <= self._memory)
        return next(fits, None)

    def _free(self, busy: Sequence[Worker]) -> Worker:
        free = next((w for w in self._workers if w not in busy and w.process.poll() is None), None)
        if free is None:
            free = Worker(max(cores() // self.wide, 1))
            self._workers.append(free)
        return free

    def close(self) -> None:
        """What the workers have in hand is lost, but for what they committed."""
        for worker in self._workers:
            worker.end()
        self._workers = []


class Following:
    """Hears from the log of events how far the jobs are."""

    def __init__(self, jobs: Sequence[Job], place: Place, tell: Tell) -> None:
        self._jobs = {job.key: job for job in jobs}
        self._tell = tell
        self._log = Follower(place.directory.root, time.time() - 1)

    def look(self) -> None:
        shares = {"begun": 0.0, "done": 1.0, "failed": 1.0}
        for event in self._log.new():
            if (job := self._jobs.get(event.get("job", ""))) and event["says"] in (*shares, "at"):
                self._tell(job, event.get("what", ""), event.get("share", shares.get(event["says"], 0.0)))


def order(job: Job, place: Place) -> dict[str, Any]:
    """Everything that somebody elsewhere needs to do a job."""
    root, recipe = str(place.directory.root.absolute()), name_of(place.study)
    return {"job": job.to_dict(), "root": root, "settings": asdict(place.settings), "recipe": recipe}


def ended(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"ended with code {code}"

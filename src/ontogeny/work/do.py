"""Any job of a plan, by whoever has the study directory: the leases it needs, the work, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ontogeny.errors import Damaged, Locked
from ontogeny.plan import Job
from ontogeny.store import events, lease
from ontogeny.store.files import held
from ontogeny.store.headers import read_findings_header, read_report_header
from ontogeny.store.index import FINDINGS, REPORT
from ontogeny.work.base import Outcome, Place, Tell
from ontogeny.work.compare import compare_runs
from ontogeny.work.look import look_at_run
from ontogeny.work.train import train_runs


def do(job: Job, place: Place, tell: Tell) -> Outcome:
    """As much of a job as is not in the hands of others. Doing it twice does no harm: what is there and fresh is left as it is."""
    root = place.directory.root
    with held(root), lease.held(root, job.leases) as (mine, taken):
        if not mine:
            return Outcome(job.key, taken=tuple(taken))
        events.tell(root, "begun", job=job.key, stage=job.stage, what=job.what)
        tell(job, job.what, 0.0)
        failures = _do(job, mine, place, tell)
        tell(job, job.what, 1.0)
        events.tell(root, "failed" if failures else "done", job=job.key, stage=job.stage, what=job.what)
    return Outcome(job.key, taken=tuple(taken), failed=tuple(failures))


def _do(job: Job, mine: Sequence[str], place: Place, tell: Tell) -> list[str]:
    """Returns the places of what failed."""
    if job.stage == "train":
        train_runs(job, mine, place, tell)
        return []
    if job.stage == "look":
        return look_at_run(job, mine, place, tell)
    if job.stage == "compare":
        return compare_runs(job, mine, place, tell)
    if not place.directory.holds(place.study):
        raise Locked(f"The recipe of {place.directory.root} was changed by another command meanwhile.")
    if job.stage == "find" and _stamp(place.directory.root / FINDINGS, read_findings_header) != job.stamp:
        from ontogeny.work.find import find

        find(job, job.stamp, place, tell)
    if job.stage == "report" and _stamp(place.directory.root / REPORT, read_report_header) != job.stamp:
        from ontogeny.report.assemble import write_report

        write_report(place.directory, job.stamp)
    return []


def _stamp(path: Path, read: Callable[[Path], dict[str, Any]]) -> str:
    """What a document says that it was made from; somebody may have made it meanwhile."""
    try:
        return str(read(path)["fingerprint"])
    except (OSError, Damaged):
        return ""

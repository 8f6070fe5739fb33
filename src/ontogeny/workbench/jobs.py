"""Jobs of the studies: begun, found again, watched, stopped. Rows are files that the jobs write themselves (:mod:`ontogeny.workbench.job`)."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ontogeny.errors import Damaged, UnknownName, UserError
from ontogeny.progress import duration
from ontogeny.store import events
from ontogeny.store.files import read_json
from ontogeny.workbench.alive import alive

TAIL = 20_000  # bytes of a log that are shown
BEGINS = 20.0  # seconds within which a job has written its record


def jobs(root: Path) -> list[dict[str, Any]]:
    """Every job of a study, the last first."""
    found = []
    for path in (root / "jobs").glob("*.json"):
        try:
            found.append(_with_state(path, read_json(path)))
        except (Damaged, OSError, KeyError) as error:
            found.append({"id": path.stem, "words": [], "state": "damaged", "why": str(error), "begun": 0})
    return sorted(found, key=lambda one: (-one["begun"], one["id"]))


def _with_state(path: Path, record: dict[str, Any]) -> dict[str, Any]:
    state, why = record["state"], record.get("why", "")
    if state == "running" and not alive(record["pid"], record["started"], record["host"]):
        state, why = (
            "died",
            "Its process is gone and left no word: it was killed, or the machine went down. What was committed is kept.",
        )
    begun = int(record["id"].partition("-")[0], 16) / 1000
    said = {
        "id": record["id"],
        "words": record["words"],
        "state": state,
        "why": why,
        "pid": record["pid"],
        "begun": begun,
    }
    return {**said, "progress": progress(path.parent.parent, begun) if state == "running" else None}


def progress(root: Path, since: float) -> dict[str, Any] | None:
    """How far the stage is that has not come to its end: what those that work say of themselves."""
    going = events.Going()
    for event in events.Follower(root, since).new():
        going.hear(event)
    for stage, (done, size) in going.stages.items():
        if done < size:
            share, gone = done / size, time.time() - since
            left = duration(gone * (1 - share) / share) if share > 0.01 else ""
            what = next((str(event.get("what", "")) for event in going.in_hand), "")
            return {"stage": stage, "share": share, "what": what, "gone": duration(gone), "left": left}
    return None


def job(root: Path, id: str) -> dict[str, Any]:
    """One job with its log."""
    known = {one["id"]: one for one in jobs(root)}
    if id not in known:
        raise UnknownName("job", id, known)
    return {**known[id], "log": tail(root / "jobs" / f"{id}.log")}


def tail(path: Path) -> str:
    """The end of a log."""
    try:
        with path.open("rb") as handle:
            handle.seek(max(0, path.stat().st_size - TAIL))
            return handle.read().decode("utf-8", errors="replace")
    except OSError:
        return ""


def busy(root: Path) -> dict[str, Any] | None:
    """The job that works on a study now."""
    return next((one for one in jobs(root) if one["state"] == "running"), None)


def new_id() -> str:
    """Begins with the time, so that jobs are in order."""
    return f"{int(time.time() * 1000):012x}-{secrets.token_hex(3)}"


def begin(root: Path, words: Sequence[str], id: str = "") -> dict[str, Any]:
    """A job on a study, in a process that does not end with this one. Only one works on a directory."""
    if there := busy(root):
        raise UserError(
            f"A job works on {root} already (ontogeny {' '.join(there['words'][:2])}, process {there['pid']}). Wait for it, or stop it."
        )
    id = id or new_id()
    (root / "jobs").mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "ontogeny.workbench.job", str(root), id, *words]
    nothing = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)
    path = root / "jobs" / f"{id}.json"
    until = time.monotonic() + BEGINS
    while not path.is_file():
        if process.poll() is not None or time.monotonic() > until:
            raise UserError(
                f"The job could not be begun: {' '.join(command)} wrote no record in {path.parent}."
            )
        time.sleep(0.02)
    return job(root, id)


def stop(root: Path, id: str) -> dict[str, Any]:
    """As Ctrl-C would: it ends at the next commit, and the same command goes on from there."""
    one = job(root, id)
    if one["state"] == "running":
        os.kill(one["pid"], signal.SIGTERM)
    return one

"""What is going on, beside the study: an append-only log for each machine that works on it, ``DIR/events/<machine>.jsonl``.

One line an event. ``plan``: the jobs of a round and how large each is; ``begun``, ``at`` (with ``share``, from 0 to 1, now and then), ``done``,
``failed``, ``lost``: what became of a job; ``waits``: for what others do. The terminal, a notebook (``ontogeny.store.events.read``) and
``ontogeny watch DIR`` read it; nothing that is computed depends on it, and it may be deleted at any time.

A log has one machine's writers, because adding to the end of a file is whole only among them on file systems that machines share.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ontogeny.store.files import still_there

EVENTS = "events"
MOST = 8 * 2**20  # bytes, from which on a log is begun anew and the one before kept
Event = dict[str, Any]


def tell(root: Path, says: str, **about: Any) -> None:
    """Add an event. Where it cannot be written, work goes on without."""
    machine = re.sub(r"[^\w-]", "_", socket.gethostname())
    path = root / EVENTS / f"{machine}.jsonl"
    line = json.dumps({"time": round(time.time(), 3), "pid": os.getpid(), "says": says, **about}) + "\n"
    still_there(path)
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        if path.exists() and path.stat().st_size > MOST:
            path.replace(path.with_suffix(".before.jsonl"))
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)


class Follower:
    """Events in the order in which they are read; each call gives those that are new."""

    def __init__(self, root: Path, since: float = 0.0) -> None:
        self._folder, self._since = root / EVENTS, since
        self._read: dict[Path, int] = {}

    def new(self) -> list[Event]:
        found: list[Event] = []
        for path in sorted(self._folder.glob("*.jsonl")):
            found += (event for event in self._lines(path) if event["time"] >= self._since)
        return sorted(found, key=lambda event: event["time"])

    def _lines(self, path: Path) -> Iterator[Event]:
        with suppress(OSError), path.open("rb") as handle:
            begin = self._read.get(path, 0)
            if begin > path.stat().st_size:
                begin = 0
            handle.seek(begin)
            text = handle.read()
            whole = text[: text.rfind(b"\n") + 1]  # the last line may be in the making
            self._read[path] = begin + len(whole)
            for line in whole.splitlines():
                with suppress(ValueError):
                    event = json.loads(line)
                    if isinstance(event, dict) and isinstance(event.get("time"), int | float):
                        yield {**event, "machine": path.name.partition(".jsonl")[0]}


def read(root: str | Path) -> list[Mapping[str, Any]]:
    """Every event that is kept, oldest first."""
    return list(Follower(Path(root)).new())


class Going:
    """What events come to: how far each stage of the last round is, and the jobs that are in hand."""

    def __init__(self) -> None:
        self._plan: Event = {}
        self._at: dict[str, Event] = {}

    def hear(self, event: Event) -> None:
        if event["says"] == "plan":
            self._plan = event
        elif event["says"] == "waits":
            return
        else:
            self._at[event["job"]] = event

    @property
    def stages(self) -> dict[str, tuple[float, float]]:
        """Stage → (done, of) in its units, for what the last plan asked for."""
        sizes, jobs = self._plan.get("sizes", {}), self._plan.get("jobs", {})
        done: dict[str, float] = {}
        for key, event in self._at.items():
            if key in jobs:
                share = {"done": 1.0, "failed": 1.0, "at": event.get("share", 0.0)}.get(event["says"], 0.0)
                done[event["stage"]] = done.get(event["stage"], 0.0) + share * jobs[key]
        return {stage: (min(done.get(stage, 0.0), size), size) for stage, size in sizes.items()}

    @property
    def in_hand(self) -> list[Event]:
        """The last event of every job that was begun and has not come to an end."""
        return [event for event in self._at.values() if event["says"] in ("begun", "at")]

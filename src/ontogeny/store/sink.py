"""Where training's rows, snapshots and states go: buffered, and committed run by run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ontogeny.store import checkpoints
from ontogeny.store.directory import Directory
from ontogeny.store.runs import digest_of

BUFFER_BYTES = 256 * 2**20


class DiskSink:
    """Receives what training produces (see ``ontogeny.training.population.Sink``).

    ``every``: seconds between commits. Commits change when things are written, never what is computed. ``budgets``: how many
    epochs each run is allowed, which its last record says.
    """

    def __init__(
        self,
        directory: Directory,
        *,
        every: float = 20.0,
        keep_resume: frozenset[int] = frozenset(),
        budgets: Mapping[str, float] | None = None,
        progress: Callable[[Any, int, int], None] | None = None,
    ) -> None:
        self.directory, self.every, self.keep_resume = directory, every, keep_resume
        self._progress, self._budgets = progress, budgets or {}
        self._logs: dict[str, str] = {}  # digests
        self._rows: dict[str, list[Mapping[str, Any]]] = {}
        self._snapshots: dict[str, dict[int, Any]] = {}
        self._records: dict[str, dict[str, Any]] = {}
        self._bytes = 0
        self._last = time.monotonic()

    def begin(self, member: Any, step: int, record: Mapping[str, Any]) -> None:
        """Before a run trains from ``step`` (−1: from nothing): forget what lies beyond, and say what it is."""
        files = self.directory.run(member.id)
        checkpoints.prune(files.checkpoints, step)
        self._logs[member.id] = files.rewind_metrics(step)
        self._records[member.id] = {**record, "status": "training", "step": max(step, 0)}
        files.write_record(self._records[member.id])

    def log(self, member: Any, row: Mapping[str, Any]) -> None:
        self._rows.setdefault(member.id, []).append(row)

    def snapshot(self, member: Any, step: int, weights: Mapping[str, Any]) -> None:
        self._snapshots.setdefault(member.id, {})[step] = weights
        self._bytes += sum(w.nbytes for w in weights.values())

    def due(self) -> bool:
        late = time.monotonic() - self._last > self.every or self._bytes > BUFFER_BYTES
        if late:
            self._last, self._bytes = time.monotonic(), 0
        return late

    def commit(self, member: Any, state: Any) -> None:
        """Checkpoints, metrics, then the resume point; for a run that goes no further, also its final record."""
        files = self.directory.run(member.id)
        if snapshots := self._snapshots.pop(member.id, None):
            checkpoints.write(files.checkpoints, snapshots)
        if rows := self._rows.pop(member.id, None):
            files.append_metrics(rows)
        self._logs[member.id] = digest_of(rows or (), self._logs[member.id])
        files.write_resume(
            state.step, state.tensors(), state.outcome, self.keep_resume, self._logs[member.id]
        )
        if state.outcome != "training":
            self.finish(member, state.step, state.outcome)

    def finish(self, member: Any, step: int, outcome: str) -> None:
        """Everything a finished run needs; safe to repeat after a crash."""
        files = self.directory.run(member.id)
        checkpoints.consolidate(files.checkpoints)
        table = files.close_metrics()
        last = table.iloc[-1:].to_dict("records")
        metrics = {k: v for k, v in last[0].items() if k not in ("step", "epoch")} if last else {}
        epoch = last[0].get("epoch") if last else None
        record = self._records[member.id]
        budget = max(self._budgets.get(member.id, 0), record.get("budget_epochs", 0))
        about = {"status": outcome, "step": step, "epoch": epoch, "budget_epochs": budget}
        files.write_record({**record, **about, "rows": len(table), "last": metrics})

    def progress(self, member: Any, step: int, total: int) -> None:
        if self._progress:
            self._progress(member, step, total)

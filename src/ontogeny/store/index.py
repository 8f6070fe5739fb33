"""The derived index: what is there, without opening results. No torch; a finished study answers in well under a second.

Every file is known by size and modification time; only those that changed are read again. On disk the index is a log of rows
(``index.jsonl``): one for each run, one for comparisons, one for documents, each with a checksum. What changed is added at the end,
the last row of a place counts, and a log that is mostly history is written anew. A row that is torn or altered counts for
nothing, and the index can be deleted at any time: nothing is true because it says so.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from ontogeny.errors import Damaged
from ontogeny.spelling import identity
from ontogeny.store.files import saying_when_full, still_there, write_bytes
from ontogeny.store.headers import (
    CheckpointFile,
    ResultFile,
    read_checkpoint_header,
    read_findings_header,
    read_metrics_header,
    read_record,
    read_report_header,
    read_result_header,
    verify_checkpoint,
)
from ontogeny.store.record import FINISHED

INDEX, FINDINGS, REPORT = "index.jsonl", "findings.json", "report/index.html"
BEFORE = "index.json"  # of version 0.1
VERSION = b"ontogeny-index-3"
HISTORY = 256  # rows that no longer count, from which on a log that is half history is written anew


@dataclass
class RunEntry:
    """One run as the index knows it."""

    id: str
    record: dict[str, Any]
    checkpoints: dict[str, CheckpointFile] = field(default_factory=dict)
    results: dict[str, ResultFile] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)
    rows: int | None = None  # of the table of metrics, once there is one
    known: str = field(default="", compare=False)  # its digest, where it was worked out before

    @property
    def digest(self) -> str:
        """A hash of everything that its files say."""
        return self.known or identity({k: v for k, v in asdict(self).items() if k != "known"})

    @cached_property
    def digests(self) -> dict[int, str]:
        """Digest of the weights at every step that was kept, ascending."""
        pairs = {s: d for f in self.checkpoints.values() for s, d in zip(f.steps, f.digests, strict=True)}
        return dict(sorted(pairs.items()))

    @property
    def steps(self) -> list[int]:
        return list(self.digests)

    @property
    def status(self) -> str:
        """done, stopped, diverged, training, or damaged: what it is cannot be read."""
        return str(self.record.get("status", "training" if self.record else "damaged"))

    @property
    def finished(self) -> bool:
        return self.status in FINISHED


@dataclass
class Index:
    runs: dict[str, RunEntry] = field(default_factory=dict)
    comparisons: dict[str, ResultFile] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)
    documents: dict[str, str] = field(default_factory=dict)  # findings and report → fingerprint

    @property
    def damage(self) -> tuple[str, ...]:
        """Every file that is damaged, in words."""
        return (
            *(text for run in self.runs.values() for text in run.damaged.values()),
            *self.damaged.values(),
        )

    @property
    def inputs(self) -> str:
        """A hash of everything that findings and reports may read. What changed and was changed back is the same."""
        there = {id: run.digest for id, run in self.runs.items()}
        return identity({"runs": there, **{n: asdict(c) for n, c in self.comparisons.items()}})


DOCUMENTS = {FINDINGS: read_findings_header, REPORT: read_report_header}


Facts = dict[str, Any]
#: Of one place: file → size, time of modification (ns), what it says of itself.
Row = dict[str, tuple[int, int, Facts]]


@contextmanager
def without_collecting() -> Iterator[None]:
    """While this lasts nobody looks for circles among what is made: there are none, and with 10,000 runs looking takes as long as making."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class Indexer:
    """Reads a study directory into an :class:`Index`, re-reading only what changed since last time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        #: What the log says, what was read since, and both.
        with without_collecting():
            self._old, self._known, self._lines, self._torn = _rows(self._log)
        self._new: dict[str, Row] = {}
        self._before = dict(self._old)

    @property
    def _log(self) -> Path:
        return self.root / INDEX

    def read(self) -> Index:
        """Everything."""
        index = Index()
        self._before |= self._new
        self._new = {}
        with without_collecting():
            for id in _names(self.root / "runs"):
                if entry := self.run(id):
                    index.runs[id] = entry
        of_comparisons = _Place(self, "comparisons", index.damaged)
        for name, facts in of_comparisons.all("", ".nc", read_result_header):
            index.comparisons[name.removesuffix(".nc")] = ResultFile(**facts)
        of_documents = _Place(self, "", index.damaged)
        for name, read in DOCUMENTS.items():
            if said := of_documents.one(name, read):
                index.documents[name] = said.get("fingerprint", "")
        for place in (of_comparisons, of_documents):
            place.keep()
        return index

    def run(self, id: str) -> RunEntry | None:
        """One run; None if nothing says what it is."""
        damaged: dict[str, str] = {}
        place = _Place(self, f"runs/{id}", damaged)
        record = place.one("run.json", read_record)
        metrics = place.one("metrics.parquet", read_metrics_header)
        entry = RunEntry(id, record or {}, damaged=damaged, rows=(metrics or {}).get("rows"))
        files = place.all("checkpoints/", ".safetensors", read_checkpoint_header, verify_checkpoint)
        for name, facts in files:
            entry.checkpoints[name.rpartition("/")[2]] = CheckpointFile(**facts)
        for name, facts in place.all("results/", ".nc", read_result_header):
            entry.results[name.rpartition("/")[2].removesuffix(".nc")] = ResultFile(**facts)
        same = place.keep()
        if not (record or damaged):
            return None
        if same and not damaged:
            entry.known = self._known.get(place.key, "")
        self._known[place.key] = "" if damaged else entry.digest
        entry.known = self._known[place.key]
        return entry

    @property
    def learned(self) -> bool:
        """Whether anything was read that the saved index does not know."""
        return self._torn or self._new != self._old

    def save(self) -> None:
        """Keep what was read, so that next time is fast: a row for each place where something is otherwise. Called under the lock only."""
        changed = {key: row for key, row in self._new.items() if self._old.get(key) != row}
        changed |= {key: {} for key in self._old.keys() - self._new.keys()}
        if not (changed or self._torn):
            return
        history = self._lines + len(changed) - len(self._new)
        if self._torn or history > max(HISTORY, self._lines // 2) or not self._log.exists():
            rows = {key: row for key, row in self._new.items() if row}
            write_bytes(self._log, b"".join(self._line(key, row) for key, row in rows.items()))
            self._lines, self._torn = len(rows), False
            (self.root / BEFORE).unlink(missing_ok=True)
        else:
            still_there(self._log)
            # the first new line ends one that somebody was killed in, behind which nothing could be read
            lines = b"".join(self._line(key, row) for key, row in changed.items())
            with saying_when_full(self._log), self._log.open("ab") as handle:
                handle.write(lines if self._whole() else b"\n" + lines)
            self._lines += len(changed)
        self._old = dict(self._new)

    def _whole(self) -> bool:
        """Whether the last line is complete."""
        with self._log.open("rb") as handle:
            size = handle.seek(0, os.SEEK_END)
            handle.seek(max(size - 1, 0))
            return handle.read(1) in (b"", b"\n")

    def _line(self, key: str, row: Row) -> bytes:
        said = json.dumps([key, self._known.get(key, ""), _short(row)], ensure_ascii=False).encode()
        return b"%s %s\n" % (_checksum(said), said)


class _Place:
    """One row in the making: the files of one place, held against the row of last time."""

    def __init__(self, indexer: Indexer, key: str, damaged: dict[str, str]) -> None:
        self.key, self._indexer, self._damaged = key, indexer, damaged
        self._folder = f"{indexer.root}/{key}" if key else str(indexer.root)
        self._old = indexer._new.get(key) or indexer._before.get(key, {})
        self._new: Row = {}

    def one(
        self,
        name: str,
        read: Callable[[Path], Any],
        verify: Callable[[Path], None] | None = None,
        stat: os.stat_result | None = None,
    ) -> Facts | None:
        """Cached facts of an unchanged file, or fresh ones; a damaged file is noted and yields nothing.

        A file that says the same as before and yet is not the same file is suspicious, and is read to its last byte.
        """
        path = f"{self._folder}/{name}"
        try:
            stat = stat or os.stat(path)  # noqa: PTH116
            old = self._old.get(name)
            if old is None or old[0] != stat.st_size or old[1] != stat.st_mtime_ns:
                try:
                    said = read(Path(path))
                    facts = said if isinstance(said, dict) else asdict(said)
                    if verify and old and old[2] == facts:
                        verify(Path(path))
                except Damaged as error:
                    self._damaged[f"{self.key}/{name}" if self.key else name] = str(error)
                    if old:
                        self._new[name] = old  # so that it stays suspicious
                    return None
                old = (stat.st_size, stat.st_mtime_ns, facts)
        except FileNotFoundError:
            return None
        self._new[name] = old
        return old[2]

    def all(
        self,
        folder: str,
        suffix: str,
        read: Callable[[Path], Any],
        verify: Callable[[Path], None] | None = None,
    ) -> Iterator[tuple[str, Facts]]:
        """The files of a folder here, by name; ``folder`` ends with a slash."""
        try:
            with os.scandir(f"{self._folder}/{folder}") as found:
                there = sorted((f for f in found if f.name.endswith(suffix)), key=lambda f: f.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        for file in there:
            try:
                stat = file.stat()
            except FileNotFoundError:
                continue
            if facts := self.one(f"{folder}{file.name}", read, verify, stat):
                yield f"{folder}{file.name}", facts

    def keep(self) -> bool:
        """Put the row into the index; whether it is that of last time."""
        if self._new:
            self._indexer._new[self.key] = self._new
        return self._new == self._old


def _rows(path: Path) -> tuple[dict[str, Row], dict[str, str], int, bool]:
    """The last row of every place, digests of runs, how many rows there are, and whether there are some that cannot be believed."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return {}, {}, 0, False
    torn = False
    rows: dict[str, Row] = {}
    known: dict[str, str] = {}
    for line in lines:
        checksum, _, said = line.partition(b" ")
        if checksum == _checksum(said):
            key, known[key], row = from_json(said)
            rows[key] = _long(row)
        else:
            torn = True
    return {key: row for key, row in rows.items() if row}, known, len(lines), torn


def verify_index(path: Path) -> None:
    """Raises ``Damaged`` for an index of which a row cannot be believed."""
    for line in path.read_bytes().splitlines():
        checksum, _, said = line.partition(b" ")
        if checksum != _checksum(said):
            raise Damaged(f"{path} was altered since it was written; what its rows said is read anew.", path)


def _checksum(said: bytes) -> bytes:
    return hashlib.blake2b(said, digest_size=8, key=VERSION).hexdigest().encode()


def _short(row: Row) -> Mapping[str, Any]:
    """A row without repetition: most results are of all steps that were kept."""
    steps, digests = _kept(row)

    def short(facts: Facts) -> Facts:
        whole = "fingerprint" in facts and (facts.get("steps"), facts.get("digests")) == (steps, digests)
        return {k: v for k, v in facts.items() if k not in ("steps", "digests")} if whole else facts

    return {name: (size, time, short(facts)) for name, (size, time, facts) in row.items()}


def _long(row: Mapping[str, Any]) -> Row:
    steps, digests = _kept(row)
    for _, _, facts in row.values():
        if "options" in facts and "digests" not in facts:
            facts["steps"], facts["digests"] = steps, digests
    return {name: tuple(one) for name, one in row.items()}


def _kept(row: Mapping[str, Any]) -> tuple[list[int], list[str]]:
    """Steps at which weights were kept, and their digests, ascending."""
    files = [facts for name, (_, _, facts) in row.items() if name.startswith("checkpoints/")]
    if len(files) == 1:
        return files[0]["steps"], files[0]["digests"]
    pairs = sorted((s, d) for f in files for s, d in zip(f["steps"], f["digests"], strict=True))
    return [s for s, _ in pairs], [d for _, d in pairs]


def _names(path: Path) -> list[str]:
    """Folders in a folder."""
    try:
        with os.scandir(path) as found:
            return sorted(f.name for f in found if f.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []

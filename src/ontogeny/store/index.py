"""The derived index: what is there, without opening results. No torch; a finished study answers in well under a second.

Every file is known by size and modification time; only those that changed are read again. The index can be deleted at any
time: it is rebuilt from the files.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ontogeny.errors import Damaged
from ontogeny.store.files import read_json, stat_key, write_json

INDEX = "index.json"
VERSION = 1


@dataclass(frozen=True)
class CheckpointFile:
    steps: list[int]
    digests: list[str]


@dataclass(frozen=True)
class ResultFile:
    """What a result says of itself: which lens (or measure) with which options, and the fingerprint of what is behind it."""

    name: str
    options: dict[str, Any]
    fingerprint: str
    digests: list[str]  # of the weights behind it: one per step, or one per run for a comparison
    steps: list[int] = field(default_factory=list)


@dataclass
class RunEntry:
    """One run as the index knows it."""

    id: str
    record: dict[str, Any]
    checkpoints: dict[str, CheckpointFile] = field(default_factory=dict)
    results: dict[str, ResultFile] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)

    @property
    def digests(self) -> dict[int, str]:
        """Digest of the weights at every step that was kept, ascending."""
        pairs = {s: d for f in self.checkpoints.values() for s, d in zip(f.steps, f.digests, strict=True)}
        return dict(sorted(pairs.items()))

    @property
    def steps(self) -> list[int]:
        return list(self.digests)

    @property
    def status(self) -> str:
        return str(self.record.get("status", "training"))

    @property
    def finished(self) -> bool:
        return self.status in ("done", "stopped", "diverged")


@dataclass
class Index:
    runs: dict[str, RunEntry] = field(default_factory=dict)
    comparisons: dict[str, ResultFile] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)
    documents: dict[str, str] = field(default_factory=dict)  # findings and report → fingerprint


def read_checkpoint_header(path: Path) -> CheckpointFile:
    """Steps and digests from a safetensors header; refuses a file shorter than its header says."""
    size = path.stat().st_size
    try:
        with path.open("rb") as handle:
            (length,) = struct.unpack("<Q", handle.read(8))
            if length > size:
                raise ValueError("the header is longer than the file")
            header = json.loads(handle.read(length))
        metadata = header.pop("__metadata__")
        end = max(entry["data_offsets"][1] for entry in header.values())
        if size != 8 + length + end:
            raise ValueError(f"it should be {8 + length + end} bytes long and is {size}")
        return CheckpointFile(json.loads(metadata["steps"]), json.loads(metadata["digests"]))
    except (ValueError, KeyError, struct.error, UnicodeDecodeError) as error:
        raise Damaged(f"{path} is truncated or damaged ({error}); it is not used.") from None


def read_result_header(path: Path) -> ResultFile:
    """What a NetCDF result says of itself."""
    import h5py

    try:
        with h5py.File(path, "r") as handle:
            return ResultFile(**json.loads(handle.attrs["ontogeny"]))
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise Damaged(f"{path} is truncated or damaged ({error}); it is not used.") from None


class Indexer:
    """Reads a study directory into an :class:`Index`, re-reading only what changed since last time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._old = self._load()
        self._new: dict[str, Any] = {}

    def _load(self) -> dict[str, Any]:
        try:
            data = json.loads((self.root / INDEX).read_text())
            return data["files"] if data["version"] == VERSION else {}
        except (OSError, ValueError, KeyError):
            return {}

    def _facts(self, path: Path, read: Callable[[Path], Any], damaged: dict[str, str]) -> Any:
        """Cached facts of an unchanged file, or fresh ones; a damaged file is noted and yields nothing."""
        key = str(path.relative_to(self.root))
        try:
            stat = stat_key(path)
        except FileNotFoundError:
            return None
        old = self._old.get(key)
        if old is None or old["stat"] != stat:
            try:
                facts = read(path)
            except Damaged as error:
                damaged[key] = str(error)
                return None
            old = {"stat": stat, "facts": facts if isinstance(facts, dict) else asdict(facts)}
        self._new[key] = old
        return old["facts"]

    def read(self) -> Index:
        index = Index()
        for folder in _folders(self.root / "runs"):
            damaged: dict[str, str] = {}
            record = self._facts(folder / "run.json", read_json, damaged)
            entry = RunEntry(folder.name, record or {}, damaged=damaged)
            for path in _files(folder / "checkpoints", ".safetensors"):
                facts = self._facts(path, read_checkpoint_header, damaged)
                if facts:
                    entry.checkpoints[path.name] = CheckpointFile(**facts)
            for path in _files(folder / "results", ".nc"):
                facts = self._facts(path, read_result_header, damaged)
                if facts:
                    entry.results[path.stem] = ResultFile(**facts)
            if record or damaged:
                index.runs[folder.name] = entry
        for path in _files(self.root / "comparisons", ".nc"):
            facts = self._facts(path, read_result_header, index.damaged)
            if facts:
                index.comparisons[path.stem] = ResultFile(**facts)
        for name in ("findings.json", "report/report.json"):
            facts = self._facts(self.root / name, read_json, index.damaged)
            if facts:
                index.documents[name] = facts.get("fingerprint", "")
        return index

    def save(self) -> None:
        """Keep what was read, so that next time is fast. Called under the lock only."""
        if self._new != self._old:
            write_json(self.root / INDEX, {"version": VERSION, "files": self._new})
            self._old = dict(self._new)


def _folders(path: Path) -> Iterator[Path]:
    return iter(sorted(p for p in path.iterdir() if p.is_dir())) if path.is_dir() else iter(())


def _files(path: Path, suffix: str) -> Iterator[Path]:
    return iter(sorted(path.glob(f"*{suffix}"))) if path.is_dir() else iter(())

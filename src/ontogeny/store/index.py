"""The derived index: what is there, without opening results. No torch; a finished study answers in well under a second.

Every file is known by size and modification time; only those that changed are read again. The index can be deleted at any
time: it is rebuilt from the files.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import struct
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ontogeny.errors import Damaged
from ontogeny.store.files import read_json, stat_key, write_json
from ontogeny.study import identity

INDEX = "index.json"
VERSION = 1
DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "BOOL": "bool",
}


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
        return self.status in ("done", "stopped", "diverged", "recorded")


@dataclass
class Index:
    runs: dict[str, RunEntry] = field(default_factory=dict)
    comparisons: dict[str, ResultFile] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)
    documents: dict[str, str] = field(default_factory=dict)  # findings and report → fingerprint


def read_record(path: Path) -> dict[str, Any]:
    """What a run is. Its folder is named by a hash of that."""
    record: dict[str, Any] = read_json(path)
    if not isinstance(record, dict) or identity(record.get("spec", {})) != path.parent.name:
        raise Damaged(f"{path} was altered: it describes another run than its folder. It is not used.", path)
    return record


def read_metrics_header(path: Path) -> dict[str, Any]:
    """How many rows were logged; reads all of them, because checksums stand in every page."""
    from ontogeny.store.runs import RunFiles

    return {"rows": len(RunFiles(path.parent).metrics())}


def read_checkpoint_header(path: Path) -> CheckpointFile:
    """Steps and digests from a safetensors header; refuses a file shorter than its header says."""
    metadata, _ = _safetensors_header(path)
    return CheckpointFile(json.loads(metadata["steps"]), json.loads(metadata["digests"]))


def verify_checkpoint(path: Path) -> None:
    """Hashes every step as :func:`ontogeny.store.checkpoints.weights_digest` does, without torch."""
    metadata, tensors = _safetensors_header(path)
    with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as blob:
        start = 8 + struct.unpack("<Q", blob[:8])[0]
        steps = zip(json.loads(metadata["steps"]), json.loads(metadata["digests"]), strict=True)
        for i, (step, digest) in enumerate(steps):
            state = hashlib.blake2b(digest_size=8)
            for name, entry in sorted(tensors.items()):
                begin, end = entry["data_offsets"]
                size, shape = (end - begin) // entry["shape"][0], tuple(entry["shape"][1:])
                state.update(f"{name}{shape}torch.{DTYPES.get(entry['dtype'], entry['dtype'])}".encode())
                state.update(blob[start + begin + i * size : start + begin + (i + 1) * size])
            if state.hexdigest() != digest:
                raise Damaged(
                    f"{path} was altered since it was written: the weights at step {step} do not have the digest that was "
                    "recorded. It is not used.",
                    path,
                )


def verify_result(path: Path) -> None:
    """Reads every chunk, because each has a checksum."""
    from ontogeny.store.results import read

    read(path)


def _safetensors_header(path: Path) -> tuple[dict[str, str], dict[str, Any]]:
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
        json.loads(metadata["steps"]), json.loads(metadata["digests"])
        return metadata, header
    except (ValueError, KeyError, struct.error, UnicodeDecodeError) as error:
        raise Damaged(f"{path} is truncated or damaged ({error}); it is not used.", path) from None


def read_result_header(path: Path) -> ResultFile:
    """What a NetCDF result says of itself."""
    import h5py

    try:
        with h5py.File(path, "r") as handle:
            return ResultFile(**json.loads(handle.attrs["ontogeny"]))
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise Damaged(f"{path} is truncated or damaged ({error}); it is not used.", path) from None


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
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _facts(
        self,
        path: Path,
        read: Callable[[Path], Any],
        damaged: dict[str, str],
        verify: Callable[[Path], None] | None = None,
    ) -> Any:
        """Cached facts of an unchanged file, or fresh ones; a damaged file is noted and yields nothing.

        A file that says the same as before and yet is not the same file is suspicious, and is read to its last byte.
        """
        key = str(path.relative_to(self.root))
        try:
            stat = stat_key(path)
        except FileNotFoundError:
            return None
        old = self._old.get(key)
        if old is None or old["stat"] != stat:
            try:
                said = read(path)
                facts = said if isinstance(said, dict) else asdict(said)
                if verify and old and old["facts"] == facts:
                    verify(path)
            except Damaged as error:
                damaged[key] = str(error)
                if old:
                    self._new[key] = old  # so that it stays suspicious
                return None
            old = {"stat": stat, "facts": facts}
        self._new[key] = old
        return old["facts"]

    def read(self) -> Index:
        index = Index()
        for folder in _folders(self.root / "runs"):
            damaged: dict[str, str] = {}
            record = self._facts(folder / "run.json", read_record, damaged)
            self._facts(folder / "metrics.parquet", read_metrics_header, damaged)
            entry = RunEntry(folder.name, record or {}, damaged=damaged)
            for path in _files(folder / "checkpoints", ".safetensors"):
                facts = self._facts(path, read_checkpoint_header, damaged, verify_checkpoint)
                if facts:
                    entry.checkpoints[path.name] = CheckpointFile(**facts)
            for path in _files(folder / "results", ".nc"):
                facts = self._facts(path, read_result_header, damaged, verify_result)
                if facts:
                    entry.results[path.stem] = ResultFile(**facts)
            if record or damaged:
                index.runs[folder.name] = entry
        for path in _files(self.root / "comparisons", ".nc"):
            facts = self._facts(path, read_result_header, index.damaged, verify_result)
            if facts:
                index.comparisons[path.stem] = ResultFile(**facts)
        for name in ("findings.json", "report/report.json"):
            facts = self._facts(self.root / name, read_json, index.damaged)
            if facts:
                index.documents[name] = facts.get("fingerprint", "")
        return index

    @property
    def learned(self) -> bool:
        """Whether anything was read that the saved index does not know."""
        return self._new != self._old

    def save(self) -> None:
        """Keep what was read, so that next time is fast. Called under the lock only."""
        if self.learned:
            write_json(self.root / INDEX, {"version": VERSION, "files": self._new})
            self._old = dict(self._new)


def _folders(path: Path) -> Iterator[Path]:
    return iter(sorted(p for p in path.iterdir() if p.is_dir())) if path.is_dir() else iter(())


def _files(path: Path, suffix: str) -> Iterator[Path]:
    return iter(sorted(path.glob(f"*{suffix}"))) if path.is_dir() else iter(())

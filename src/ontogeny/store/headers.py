"""What files say of themselves in their first lines: which steps, which weights, which lens, made from what. No torch.

Between those who write files (:mod:`checkpoints`, :mod:`results`, :mod:`runs`) and the :mod:`index` that knows them all: neither needs the
other.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ontogeny.errors import Damaged
from ontogeny.store import seal
from ontogeny.store.files import read_json
from ontogeny.store.record import refuse

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
    sealed: bool = False  # what is sealed behind its last byte says so, as that may be cut off


def read_record(path: Path) -> dict[str, Any]:
    """What a run is. Its folder is named by a hash of that."""
    record = read_json(path)
    refuse(record, str(path), path.parent.name)
    return record


def read_metrics_header(path: Path) -> dict[str, Any]:
    """How many rows were logged."""
    import pyarrow.parquet as pq

    seal.check(path)
    try:
        return {"rows": pq.read_metadata(path).num_rows}
    except (OSError, ValueError) as error:
        raise Damaged(f"{path} is truncated or damaged ({error}); it is not used.", path) from None


def read_checkpoint_header(path: Path) -> CheckpointFile:
    """Steps and digests from a safetensors header; refuses a file shorter than its header says."""
    seal.check(path)
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


def read_report_header(path: Path) -> dict[str, Any]:
    """What a report was made from, as it says in its first line."""
    seal.check(path)
    with path.open(encoding="utf-8") as handle:
        found = re.match(r"<!-- ontogeny-seal:\w+ made-from:(\w*) -->", handle.readline(200))
    return {"fingerprint": found[1] if found else ""}


def read_result_header(path: Path) -> ResultFile:
    """What a NetCDF result says of itself."""
    import h5py

    sealed = seal.check(path)
    try:
        with h5py.File(path, "r") as handle:
            about = ResultFile(**json.loads(handle.attrs["ontogeny"]))
        if about.sealed and not sealed:
            raise ValueError("its end is missing")
        return about
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise Damaged(f"{path} is truncated or damaged ({error}); it is not used.", path) from None


def read_findings_header(path: Path) -> dict[str, Any]:
    return {"fingerprint": read_json(path).get("fingerprint", "")}

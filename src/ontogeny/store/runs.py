"""One run's files: what it is, what was logged, and the point from which it goes on.

Order of a commit: checkpoints, metrics, then the resume point, which holds a digest of the log as it was then; a crash in between
leaves later steps that the next training removes and writes again, bit for bit. Runs are independent, so a population torn
between two runs is only two runs at two steps.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ontogeny.errors import Damaged
from ontogeny.spelling import canonical
from ontogeny.store import seal
from ontogeny.store.files import aside, read_json, saying_when_full, still_there, write_json, write_text

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from ontogeny.store.checkpoints import Weights

SCHEMA_VERSION = 1


def digest_of(rows: Iterable[Mapping[Any, Any]], before: str = "") -> str:
    """Digest of a log, row by row, so that rows can be added to one: ``digest_of(new, digest_of(old))``."""
    for row in rows:
        said = canonical([before, {k: v for k, v in row.items() if v == v}])
        before = hashlib.blake2b(said.encode(), digest_size=8).hexdigest()
    return before


@dataclass(frozen=True)
class RunFiles:
    """Paths and files of one run."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def results(self) -> Path:
        return self.folder / "results"

    # -- what it is ----------------------------------------------------------------------------------------------

    def record(self) -> dict[str, Any]:
        return read_json(self.folder / "run.json")

    def write_record(self, record: Mapping[str, Any]) -> None:
        write_json(self.folder / "run.json", {"schema_version": SCHEMA_VERSION, **record})

    # -- metrics -------------------------------------------------------------------------------------------------

    @property
    def _log(self) -> Path:
        return self.folder / "metrics.jsonl"

    @property
    def _table(self) -> Path:
        return self.folder / "metrics.parquet"

    def metrics(self) -> pd.DataFrame:
        """One row a logged step."""
        import pandas as pd

        if self._log.exists():
            return pd.DataFrame(self._rows())
        if not self._table.exists():
            return pd.DataFrame({"step": []})
        import pyarrow as pa
        import pyarrow.parquet as pq

        seal.check(self._table)
        try:
            table = pq.read_table(self._table, use_threads=False)
            return table.to_pandas(use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise Damaged(
                f"{self._table} is truncated or damaged ({error}); it is not used.", self._table
            ) from None

    def _rows(self) -> list[dict[str, Any]]:
        rows = []
        for line in self._log.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break  # a line that a crash cut short, and nothing after it, counts
        return rows

    def append_metrics(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Durable when this returns: a resume point may follow."""
        still_there(self._log)
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._log.exists() and not self._log.read_bytes().endswith(b"\n"):
            self.rewind_metrics(10**18)  # the last line was cut short; nothing may be written behind it
        with saying_when_full(self._log), self._log.open("a", encoding="utf-8") as handle:
            handle.write("".join(json.dumps(dict(row)) + "\n" for row in rows))
            handle.flush()
            os.fsync(handle.fileno())

    def log_digest(self, step: int) -> str:
        """A hash of what was logged up to a step; how numbers are spelled, and what is missing, is all one."""
        rows = self.metrics().to_dict("records")
        return digest_of(row for row in rows if row["step"] <= step)

    def rewind_metrics(self, step: int) -> str:
        """Forget rows after ``step`` (all, for −1) and open the log again; returns the digest of what is left."""
        rows = self.metrics().to_dict("records") if step >= 0 else []
        kept = [row for row in rows if row["step"] <= step]
        if self._log.exists() or self._table.exists():
            write_text(self._log, "".join(json.dumps(row) + "\n" for row in kept))
            self._table.unlink(missing_ok=True)
        return digest_of(kept)

    def close_metrics(self) -> pd.DataFrame:
        """The log as Parquet, once the run is finished; says what is in it."""
        if not self._log.exists():
            return self.metrics()
        import pyarrow as pa
        import pyarrow.parquet as pq

        metrics = self.metrics()
        with aside(self._table) as temporary:
            table = pa.Table.from_pandas(metrics, preserve_index=False, nthreads=1)
            named = {**(table.schema.metadata or {}), b"seal": seal.ROOM.encode()}
            pq.write_table(table.replace_schema_metadata(named), temporary)
        self._log.unlink()
        return metrics

    # -- resume points -------------------------------------------------------------------------------------------

    @property
    def resume_folder(self) -> Path:
        return self.folder / "resume"

    def resume_steps(self) -> list[int]:
        return sorted(int(p.stem.split("-")[1]) for p in self.resume_folder.glob("step-*.safetensors"))

    def write_resume(
        self, step: int, tensors: Mapping[str, Tensor], outcome: str, keep: frozenset[int], log: str = ""
    ) -> None:
        """The commit: once this file is there, training goes on from ``step``. Older points go, but for those in ``keep``.

        ``log``: digest of the metrics up to here, without which the point is no good.
        """
        from safetensors.torch import save_file

        from ontogeny.store.checkpoints import weights_digest

        path = self.resume_folder / f"step-{step}.safetensors"
        metadata = {"step": str(step), "outcome": outcome, "digest": weights_digest(tensors)}
        metadata |= {"log": log, "seal": seal.ROOM}
        with aside(path) as temporary:
            save_file({k: v.contiguous() for k, v in tensors.items()}, temporary, metadata=metadata)
        for other in self.resume_steps():
            if other != step and other not in keep:
                (self.resume_folder / f"step-{other}.safetensors").unlink()

    def read_resume(self, step: int | None = None) -> tuple[int, dict[str, Tensor], str] | None:
        """(step, tensors, outcome) of the last resume point (or the one at ``step``), or None if there is none."""
        from safetensors import SafetensorError, safe_open

        from ontogeny.store.checkpoints import weights_digest

        steps = self.resume_steps()
        if not steps:
            return None
        path = self.resume_folder / f"step-{steps[-1] if step is None else step}.safetensors"
        try:
            seal.check(path)
            with safe_open(path, framework="pt") as handle:
                metadata = handle.metadata()
                tensors: Weights = {k: handle.get_tensor(k) for k in handle.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, ValueError) as error:
            raise Damaged(f"{path} is damaged ({error}); it is not used.", path) from None
        if weights_digest(tensors) != metadata["digest"]:
            raise Damaged(f"{path} was altered since it was written; it is not used.", path)
        if (log := metadata.get("log")) and log != self.log_digest(int(metadata["step"])):
            raise Damaged(f"The metrics beside {path} are not those that were logged up to it.", self._log)
        return int(metadata["step"]), dict(tensors), metadata["outcome"]

"""Files that appear whole or not at all: write aside, flush to disk, rename."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ontogeny.errors import Damaged, DiskFull

ASIDE = ".writing"  # suffix of files that were not finished; the next writer sweeps them away


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """A path to write to; when the block ends well it becomes ``path``, durable and whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}{ASIDE}")
    try:
        with saying_when_full(path):
            yield temporary
            with temporary.open("rb") as handle:
                os.fsync(handle.fileno())
            temporary.replace(path)
    except Exception:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def saying_when_full(path: Path) -> Iterator[None]:
    """A write for which there is no space ends as ``DiskFull``, whatever library it went through."""
    try:
        yield
    except Exception as error:
        if not is_disk_full(error):
            raise
        free = shutil.disk_usage(next(p for p in path.absolute().parents if p.exists())).free
        raise DiskFull(
            f"The disk (or a quota) is full: {path} could not be written; {free / 2**20:.0f} MiB are free. Everything "
            "committed before is intact; free some space and give the same command again."
        ) from error


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, says that there was no space. Libraries wrap errno in words of their own."""
    words = re.compile(rf"(os error|errno =?) ?({'|'.join(map(str, FULL))})\b|no space left", re.IGNORECASE)
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        if words.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def write_bytes(path: Path, data: bytes) -> None:
    with aside(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise Damaged(f"{path} is damaged ({error}); it is not used.", path) from None


def set_aside(path: Path) -> None:
    """A damaged file is kept for whoever wants to look into it, under a name that nothing reads."""
    path.replace(path.with_name(path.name + ".damaged"))


def sweep(folder: Path) -> None:
    """Remove what a killed writer left unfinished."""
    for path in folder.rglob(f"*{ASIDE}"):
        path.unlink(missing_ok=True)


def stat_key(path: Path) -> list[int]:
    """Size and modification time: enough to know that a file was not touched."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def digest(chunks: Callable[[], Iterator[bytes]]) -> str:
    state = hashlib.blake2b(digest_size=8)
    for chunk in chunks():
        state.update(chunk)
    return state.hexdigest()

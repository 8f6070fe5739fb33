"""Files that appear whole or not at all: write aside, seal, flush to disk, rename."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ontogeny.errors import Damaged, DiskFull, Moved, TooLarge
from ontogeny.store import seal

ASIDE = ".writing"  # suffix of files that were not finished; the next writer sweeps them away
DAMAGED = ".damaged"  # suffix of files that were damaged, kept for whoever wants to look into them
_HELD: dict[Path, tuple[int, int]] = {}  # directories that this process works on, and which ones they were


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """A path to write to; when the block ends well it becomes ``path``, durable and whole."""
    still_there(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}{ASIDE}")
    try:
        with saying_when_full(path):
            yield temporary
            seal.fill(temporary, path)
            with temporary.open("rb") as handle:
                os.fsync(handle.fileno())
            temporary.replace(path)
    except Exception:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def held(root: Path) -> Iterator[None]:
    """While this lasts, nothing is written below ``root`` once it is no longer the directory that it is now."""
    key = root.absolute()
    _HELD[key] = _which(key)
    try:
        yield
    finally:
        _HELD.pop(key, None)


def still_there(path: Path) -> None:
    """Raise ``Moved`` if a directory that is held, and that ``path`` lies in, was moved or removed meanwhile."""
    for root in path.absolute().parents:
        if root in _HELD and _which(root, gone=(0, 0)) != _HELD[root]:
            raise Moved(
                f"{root} was moved or removed while it was worked on; nothing more is written there. What was committed is "
                "where the directory is now: give the same command with that --out, and it goes on from there."
            )


def _which(root: Path, gone: tuple[int, int] | None = None) -> tuple[int, int]:
    try:
        stat = root.stat()
    except OSError:
        if gone is None:
            raise
        return gone
    return stat.st_dev, stat.st_ino


@contextmanager
def saying_when_full(path: Path) -> Iterator[None]:
    """A write that the system refuses for its size ends as ``DiskFull`` or ``TooLarge``, whatever library it went through."""
    try:
        yield
    except Exception as error:
        if refused_for(error, FULL):
            free = shutil.disk_usage(next(p for p in path.absolute().parents if p.exists())).free
            raise DiskFull(
                f"The disk (or a quota) is full: {path} could not be written; {free / 2**20:.0f} MiB are free. Everything "
                "committed before is intact; free some space and give the same command again."
            ) from error
        if refused_for(error, LARGE):
            raise TooLarge(
                f"{path} could not be written: it would be larger than files may be here (`ulimit -f` says how large; "
                "some file systems have a limit of their own). The disk is not full, and everything committed before is intact."
            ) from error
        raise


FULL = (errno.ENOSPC, errno.EDQUOT)
LARGE = (errno.EFBIG,)
IN_WORDS = {FULL: "no space left", LARGE: "file too large"}


def refused_for(error: BaseException | None, codes: tuple[int, ...]) -> bool:
    """Whether an error, or what caused it, has one of these numbers. Libraries wrap errno in words of their own."""
    words = re.compile(
        rf"(os error|errno =?) ?({'|'.join(map(str, codes))})\b|{IN_WORDS[codes]}", re.IGNORECASE
    )
    while error is not None:
        if isinstance(error, OSError) and error.errno in codes:
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


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    write_text(path, json.dumps({**value, "seal": seal.ROOM}, indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """What :func:`write_json` wrote; a file that was altered is named and not used."""
    seal.check(path)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        value.pop("seal", None)
        return value
    except (ValueError, AttributeError, RecursionError) as error:
        raise Damaged(f"{path} is damaged ({error}); it is not used.", path) from None


def set_aside(path: Path) -> None:
    """A damaged file is kept for whoever wants to look into it, under a name that nothing reads."""
    path.replace(path.with_name(path.name + DAMAGED))


def sweep(folder: Path) -> None:
    """Remove what a killed writer left unfinished."""
    for path in folder.rglob(f"*{ASIDE}"):
        path.unlink(missing_ok=True)


def stat_key(path: Path) -> list[int]:
    """Size and modification time: enough to know that a file was not touched."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]

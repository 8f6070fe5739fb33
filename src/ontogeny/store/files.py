"""Files that appear whole or not at all: write aside, seal, flush to disk, rename."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ontogeny.errors import Damaged, DiskFull, Moved, TooLarge
from ontogeny.store import seal

ASIDE = ".writing"  # suffix of files that were not finished; the next writer sweeps them away
DAMAGED = ".damaged"  # suffix of files that were damaged, kept for whoever wants to look into them
A_DAY = 86400.0
_HELD: dict[Path, tuple[int, int]] = {}  # directories that this process works on, and which ones they were
_GUARDED: dict[
    Path, Callable[[], bool]
] = {}  # folders that this process may write in for as long as this is so


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """A path to write to; when the block ends well it becomes ``path``, durable and whole."""
    still_there(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = unfinished(path)
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


def unfinished(path: Path) -> Path:
    """What a file is called while this process writes it."""
    return path.with_name(f"{path.name}.{socket.gethostname()}-{os.getpid()}{ASIDE}")


@contextmanager
def held(root: Path) -> Iterator[None]:
    """While this lasts, nothing is written below ``root`` once it is no longer the directory that it is now."""
    key = root.absolute()
    outermost = key not in _HELD
    if outermost:
        _HELD[key] = _which(key)
    try:
        yield
    finally:
        if outermost:
            _HELD.pop(key, None)


@contextmanager
def guards(checks: Mapping[Path, Callable[[], bool]]) -> Iterator[None]:
    """While this lasts, nothing is written below these folders once their checks say no."""
    _GUARDED.update(checks)
    try:
        yield
    finally:
        for folder in checks:
            _GUARDED.pop(folder, None)


def still_there(path: Path) -> None:
    """Raise ``Moved`` if a directory that is held, and that ``path`` lies in, was moved or removed meanwhile."""
    above = path.absolute().parents
    for root in above:
        if root in _HELD and _which(root, gone=(0, 0)) != _HELD[root]:
            raise Moved(
                f"{root} was moved or removed while it was worked on; nothing more is written there. What was committed is "
                "where the directory is now: give the same command with that --out, and it goes on from there."
            )
    # asked afterwards, as a lease cannot be seen either where the whole directory is gone
    for folder in above:
        if folder in _GUARDED and not _GUARDED[folder]():
            raise Moved(
                f"{folder} was taken over by another process, because this one was not heard of for too long; it goes on there."
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


def sweep(folder: Path, depth: str = "") -> None:
    """Remove what killed writers left unfinished here (``depth``: "**/" below, too). What others are writing is left to them."""
    for path in folder.glob(f"{depth}*{ASIDE}"):
        if _abandoned(path):
            path.unlink(missing_ok=True)


def _abandoned(path: Path) -> bool:
    """Whether its writer, by whom it is named, is dead; one on another machine counts as dead after a day."""
    named = re.fullmatch(r".*\.(?:(.*)-)?(\d+)", path.name.removesuffix(ASIDE))
    if named and named[1] in (None, socket.gethostname()):
        return not alive(int(named[2]))
    with suppress(OSError):
        return time.time() - path.stat().st_mtime > A_DAY
    return False


def alive(pid: int) -> bool:
    """Whether there is such a process on this machine; one that is dead and was not asked for is none."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return True

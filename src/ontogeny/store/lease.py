"""Leases: who writes what. A run, a comparison, the findings, the report: each is written by whoever holds its lease.

A lease is a file that only one process can make, ``DIR/leases/<name>``, on whatever file system several machines share. It says who
holds it, and its modification time is the holder's heartbeat. It is stale when its holder is known to be dead (a process of this
machine) or has not been heard of for ``STALE`` seconds (of another machine; by the clock of the file system, so that clocks need not agree). A stale
lease is taken over under a lease of its own, ``<name>.after-<token>``, so that exactly one takes it; that one may be stale in turn.

Whoever lost a lease, because the machine slept or was cut off, notices before it writes the next file (:func:`ontogeny.store.files.guards`). The same work
done twice gives the same bits, so even then nothing but time is lost.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ontogeny.store.files import ASIDE, alive, guards, saying_when_full, sweep, unfinished

LEASES = "leases"
BEAT = 5.0  # seconds between heartbeats
STALE = 60.0  # seconds without one, after which a holder on another machine counts as dead


@dataclass(frozen=True)
class Holder:
    """Who holds a lease."""

    token: str
    host: str
    pid: int
    started: str

    @property
    def here(self) -> bool:
        """Whether that is this process."""
        return (self.host, self.pid) == (host(), os.getpid())

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host.partition('/')[0]}"


def whoever() -> Holder:
    """This process, under a token that nobody had before."""
    return Holder(uuid.uuid4().hex, host(), os.getpid(), _started(os.getpid()))


@cache
def host() -> str:
    """This machine, and on it the container: where process numbers mean the same."""
    return f"{socket.gethostname()}/{_read('/proc/sys/kernel/random/boot_id')[:8]}/{_space()}"


def _space() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        return ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process of this machine began, so that its number is not taken for that of a later one; "" where that cannot be known."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else ""


@dataclass
class Lease:
    """Held until ``release``, or until somebody finds it stale."""

    path: Path
    holder: Holder

    def mine(self) -> bool:
        """Whether it is still this one's."""
        found = holder(self.path)
        return found is not None and found.token == self.holder.token

    def release(self) -> None:
        _beating.discard(self)
        with suppress(OSError):
            if self.mine():
                self.path.unlink()

    def __hash__(self) -> int:
        return hash(self.holder.token)


def holder(path: Path) -> Holder | None:
    """Who holds it; None if nobody does, or if it says nothing that can be read."""
    try:
        return Holder(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def stale(path: Path) -> bool:
    """Whether its holder is dead, or has not been heard of for too long."""
    who = holder(path)
    if who and who.host == host():
        # what this process held when the directory was moved went with it, and nobody gave it back
        lost = who.here and not _beating.holds(who)
        return lost or not alive(who.pid) or _started(who.pid) != who.started
    try:
        return _now(path.parent) - path.stat().st_mtime > STALE
    except OSError:
        return False


def _now(folder: Path) -> float:
    """What time it is for the file system."""
    path = unfinished(folder / f"clock-{uuid.uuid4().hex}")
    path.touch()
    try:
        return path.stat().st_mtime
    finally:
        path.unlink()


def take(root: Path, name: str) -> Lease | None:
    """The lease, or None: somebody holds it."""
    lease = Lease(root / LEASES / name, whoever())
    if _create(lease):
        return _beating.add(lease)
    there = holder(lease.path)
    if not lease.path.exists() or not stale(lease.path):
        return None
    guard = take(root, f"{name}.after-{there.token if there else 'nobody'}")
    if guard is None:
        return None
    try:
        if holder(lease.path) != there:
            return None
        with _written(lease) as temporary:
            temporary.replace(lease.path)
        return _beating.add(lease)
    finally:
        guard.release()


def _create(lease: Lease) -> bool:
    """Only one can: a link, or where there are none a file opened to be created, cannot take a name that is there."""
    with saying_when_full(lease.path):
        lease.path.parent.mkdir(parents=True, exist_ok=True)
        if lease.path.exists():
            return False
        with _written(lease) as temporary:
            try:
                os.link(temporary, lease.path)
            except FileExistsError:
                return False
            except OSError:
                with suppress(FileExistsError), lease.path.open("x") as handle:
                    handle.write(temporary.read_text())
                    return True
                return False
    return True


@contextmanager
def _written(lease: Lease) -> Iterator[Path]:
    """What the lease says, under a name that nobody else has."""
    temporary = unfinished(lease.path.with_name(lease.holder.token))
    try:
        temporary.write_text(json.dumps(asdict(lease.holder)))
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def held(root: Path, names: Iterable[str]) -> Iterator[tuple[list[str], list[str]]]:
    """As many of these leases as are free: (those that are held while this lasts, those that others hold).

    What is written meanwhile below ``runs/<name>`` is written only while the lease of that name is still held.
    """
    names = list(names)
    leases = {name: lease for name in names if (lease := take(root, name))}
    folders = {root / "runs" / name: lease for name, lease in leases.items()}
    checks = {folder.absolute(): lease.mine for folder, lease in folders.items()}
    for folder in folders:
        sweep(folder, "**/")
    try:
        with guards(checks):
            yield list(leases), [name for name in names if name not in leases]
    finally:
        for lease in leases.values():
            lease.release()


def holders(root: Path) -> dict[str, Holder]:
    """Who writes here now, by the name of what they write."""
    folder = root / LEASES
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    found = {p.name: who for p in there if p.suffix != ASIDE and (who := holder(p)) and not stale(p)}
    return {name: who for name, who in found.items() if ".after-" not in name}


class _Heart:
    """One thread that lets every lease of this process be heard of."""

    def __init__(self) -> None:
        self._leases: dict[str, Lease] = {}
        self._thread: threading.Thread | None = None
        self._pid = 0
        atexit.register(self.stop)

    def add(self, lease: Lease) -> Lease:
        if self._pid != os.getpid():  # a fork has the leases of nobody and no thread
            self._leases, self._thread, self._pid = {}, None, os.getpid()
        self._leases[lease.holder.token] = lease
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._beat, name="leases", daemon=True)
            self._thread.start()
        return lease

    def holds(self, who: Holder) -> bool:
        return self._pid == os.getpid() and who.token in self._leases

    def discard(self, lease: Lease) -> None:
        self._leases.pop(lease.holder.token, None)

    def stop(self) -> None:
        """What is held at the end is given back."""
        for lease in list(self._leases.values()) if self._pid == os.getpid() else ():
            lease.release()

    def _beat(self) -> None:
        while True:
            time.sleep(BEAT)
            for lease in list(self._leases.values()):
                with suppress(OSError):
                    os.utime(lease.path)


_beating: Any = _Heart()

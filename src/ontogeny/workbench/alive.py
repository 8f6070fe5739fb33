"""Whether a process of which somebody wrote down the number is still that process."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def host() -> str:
    return socket.gethostname()


def started(pid: int) -> str:
    """When a process began, in whatever the system counts by; "" if there is none. Numbers of processes are given out again."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return _without_proc(pid)
    except OSError:
        return ""
    state, *fields = text.rpartition(")")[2].split()
    return "" if state == "Z" else fields[18]


def _without_proc(pid: int) -> str:
    """Where there is no /proc, all that is known is whether there is a process of that number."""
    if Path("/proc/self").exists():
        return ""
    try:
        os.kill(pid, 0)
    except OSError:
        return ""
    return "there"


def alive(pid: int, since: str, where: str) -> bool:
    """Whether the process that began then is still there; of another machine's nothing is known, so it is taken to be."""
    return where != host() or (bool(since) and started(pid) == since)

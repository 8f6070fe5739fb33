"""A job: a command of the command line in a process of its own, which writes what becomes of it beside the study.

    python -m ontogeny.workbench.job DIR ID WORDS…    →    DIR/jobs/ID.json, DIR/jobs/ID.log

It is a child of nobody: it goes on when the workbench ends, and a workbench that is started again finds it by its record.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from ontogeny.store.files import write_json
from ontogeny.workbench.alive import host, started

ERROR = re.compile(r"^(?:error|failed): (.*)", re.MULTILINE)


def main(root: Path, id: str, words: list[str]) -> int:
    """Do it, and say how it went."""
    path = root / "jobs" / f"{id}.json"
    record: dict[str, Any] = {
        "id": id,
        "words": words,
        "host": host(),
        "pid": os.getpid(),
        "started": started(os.getpid()),
    }
    write_json(path, {**record, "state": "running"})
    log = path.with_suffix(".log")
    stopped = False
    environment = {**os.environ, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "160"}
    with log.open("wb") as out:
        command = [sys.executable, "-m", "ontogeny", *words]
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment)

        def stop(*_: object) -> None:
            """As Ctrl-C would: what was committed is kept."""
            nonlocal stopped
            stopped = True
            child.send_signal(signal.SIGINT)

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        code = child.wait()
    said = ERROR.findall(log.read_text(encoding="utf-8", errors="replace"))
    state = "stopped" if stopped else "done" if code == 0 else "failed"
    why = said[-1] if said and state == "failed" else killed(code) if state == "failed" else ""
    write_json(path, {**record, "state": state, "code": code, "why": why})
    return code


def killed(code: int) -> str:
    """What an exit code without words says."""
    if code < 0:
        name = signal.Signals(-code).name
        hint = " Often the machine had no memory left." if name == "SIGKILL" else ""
        return f"The process was killed ({name}).{hint} What was committed is kept."
    return f"The command ended with code {code}; its log says more."


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))

"""Pictures of figures, drawn by one browser in a process of its own: a browser that hangs costs the pictures and not the report.

All are drawn by the same one, because starting it takes longer than drawing.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SECONDS, EACH = 90, 10  # that a browser may take to start, and for a figure


def photograph(figures: Mapping[Path, Any], command: tuple[str, ...] = ("-m", __name__)) -> str | None:
    """Write Plotly figures as PNG, and return None; or what kept the machine from it."""
    drawings = json.dumps({str(path.absolute()): figure.to_json() for path, figure in figures.items()})
    seconds = SECONDS + EACH * len(figures)
    child = subprocess.Popen(
        [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        _, said = child.communicate(drawings, timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)  # the browser too
        child.communicate()
        return f"the browser that draws them gave no answer for {seconds} seconds"
    lines = [line for line in said.splitlines() if line.strip()]
    return (lines[-1].strip(". :,") if lines else "drawing failed") if child.returncode else None


def main() -> None:
    """Draw what comes in as JSON, path → figure; the reason of a failure goes out as one line."""
    import plotly.io as pio

    drawings = json.load(sys.stdin)
    try:
        pio.write_images([pio.from_json(one) for one in drawings.values()], list(drawings), scale=1.5)
    except (ImportError, ValueError, RuntimeError, OSError) as error:
        lines = str(error).strip().splitlines()
        sys.exit(lines[0] if lines else type(error).__name__)


if __name__ == "__main__":
    main()

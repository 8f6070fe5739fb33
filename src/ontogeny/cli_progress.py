"""What the terminal shows of long work."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.markup import escape

BETWEEN_LOOKS = 0.1  # seconds


class Bars:
    """One bar a stage on a terminal; lines now and then where there is none (``nohup``, a log)."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def __enter__(self) -> Bars:
        from ontogeny.progress import Lines

        self._lines = None if self.console.is_terminal else Lines()
        if self._lines:
            return self
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._bars = Progress(
            TextColumn("{task.fields[stage]:<8}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=self.console,
        )
        self._tasks: dict[str, Any] = {}
        self._shown = time.monotonic()
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if not self._lines:
            self._bars.stop()

    def __call__(self, stage: str, what: str, done: float, total: float) -> None:
        """Hundreds of runs move between two looks at a bar, and to show a movement costs more than to make it."""
        if self._lines:
            return self._lines(stage, what, done, total)
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(what, total=total, stage=stage)
        elif done < total and time.monotonic() - self._shown < BETWEEN_LOOKS:
            return
        self._shown = time.monotonic()
        self._bars.update(self._tasks[stage], completed=done, total=total, description=escape(what))

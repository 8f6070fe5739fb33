"""What spreading work costs and gains: the share of a study that is neither training nor looking, and processes and Ray against one.

python -m benchmarks.spread share [--set vary.seed=[0]]     processor time by what it went into, of the 64 widths
python -m benchmarks.spread look DIR                        looking at a finished study again: one process, two, Ray (wall time; an idle machine)
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock


class Clock:
    """Processor time by what it went into; what is inside something else counts there and not outside."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._inside = [0.0]

    def of(self, what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **given: Any) -> Any:
            began = time.process_time()
            self._inside.append(0.0)
            try:
                return function(*args, **given)
            finally:
                spent = time.process_time() - began
                self.spent[what] = self.spent.get(what, 0.0) + spent - self._inside.pop()
                self._inside[-1] += spent

        return timed


def share(overrides: list[str]) -> dict[str, float]:
    """Of a whole run of ``bottleneck``; the clock tells training, looking, comparing, findings and report from all else."""
    from ontogeny import execute
    from ontogeny.gathering import drawing
    from ontogeny.lenses import session
    from ontogeny.report import assemble
    from ontogeny.store import checkpoints, index, results, sink
    from ontogeny.study import load_study
    from ontogeny.training import bilinear_engine, engine, population
    from ontogeny.work import compare, find

    clock = Clock()
    places: list[tuple[str, Any, str]] = [
        *(("training", e, name) for e in (bilinear_engine.BilinearEngine, engine.TorchEngine) for name in ("__init__", "advance", "evaluate")),
        ("training", population, "train_shard"),
        ("looking", session.Session, "look"),
        ("comparing", compare, "between_runs"),
        ("findings and report", find, "find"),
        ("findings and report", assemble, "write_report"),
        ("findings and report", drawing, "gather"),
        *(("store", sink.DiskSink, name) for name in ("begin", "log", "snapshot", "commit", "finish")),
        *(("store", index.Indexer, name) for name in ("read", "run", "save")),
        ("store", checkpoints, "read"),
        ("store", results, "write"),
        ("store", results, "read"),
    ]  # fmt: skip
    study = load_study("bottleneck", overrides)
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        execute.run(load_study("bottleneck-quick"), Path(place) / "warm")
        for what, where, name in places:
            stack.enter_context(mock.patch.object(where, name, clock.of(what, getattr(where, name))))
        clock.of("plan, executor, all else", execute.run)(study, Path(place) / "out")
        clock.of("again: nothing to do", execute.run)(study, Path(place) / "out")
    return clock.spent


def look(root: Path) -> dict[str, float]:
    """Seconds to look at every run anew, by who does it; a copy is looked at."""
    from ontogeny import execute
    from ontogeny.executors.choose import executor
    from ontogeny.store.directory import Directory

    found = {}
    for name, on, jobs in (
        ("one process", "here", None),
        ("two processes", "processes", 2),
        ("Ray", "ray", None),
    ):
        with tempfile.TemporaryDirectory() as place:
            out = Path(
                shutil.copytree(
                    root,
                    Path(place) / "out",
                    ignore=shutil.ignore_patterns("results", "leases", "comparisons", "report"),
                )
            )
            study, who = Directory(out).study(), executor(on, jobs)
            began = time.perf_counter()
            execute.run(study, out, stages=("look",), executor=who)
            found[name] = time.perf_counter() - began
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("share", "look"))
    parser.add_argument("directory", type=Path, nargs="?")
    parser.add_argument("--set", action="append", default=[])
    asked = parser.parse_args()
    if asked.what == "share":
        spent = share(asked.set)
        whole = sum(seconds for what, seconds in spent.items() if not what.startswith("again"))
        for what, seconds in sorted(spent.items(), key=lambda one: -one[1]):
            print(f"{what:<42} {seconds:8.2f} s  {seconds / whole:6.1%}")
    else:
        found = look(asked.directory)
        for who, seconds in found.items():
            print(f"{who:<16} {seconds:8.1f} s  ratio {found['one process'] / seconds:.2f}")


if __name__ == "__main__":
    main()

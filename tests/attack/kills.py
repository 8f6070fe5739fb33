"""Kills: a process that does the whole of a study dies at its n-th disk operation, or when something is seen to change; then the
same command goes on, and everything must be as if nothing had happened.

One process imports what is needed and never computes; every attempt is a fork of it, so that a kill costs a fraction of a second.
"""

from __future__ import annotations

import os
import pickle
import random
import re
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STUDY: dict[str, Any] = {
    "name": "killed",
    "task": {"kind": "modular_addition", "p": 5, "train_fraction": 0.7},
    "architecture": {"kind": "bilinear"},
    "optimiser": {"kind": "adamw", "lr": 1e-2},
    "train": {"epochs": 4, "batch": 8, "stop": {"metric": "train_accuracy", "at_least": 0.6}},
    "checkpoints": {"per_decade": 2},
    "lenses": ["performance", "effective_rank"],
    "measures": ["activation_similarity"],
    "vary": {"architecture.d_hidden": [2, 2, 20], "seed": [0, 1, 0]},  # a shard of two runs, and one besides
    "zip": [["architecture.d_hidden", "seed"]],
    "questions": {"learning": {"text": "Does it learn?", "of": "all"}},
    "quantities": {
        "accuracy": {"source": "runs", "variable": "train_accuracy", "bounds": [0, 1]},
        "budget": {"source": "runs", "variable": "budget_epochs"},
        "rank": {"source": "effective_rank", "variable": "effective_rank"},
    },
    "populations": {"all": {"text": "every seed"}},
    "claims": {"learning": {"accuracy": {"text": "Accuracy"}, "budget": {"text": "Budget"}}},
    "report": [{"heading": "Training", "views": ["loss_curves"]}],
}
WRITES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}  # audit events before they happen
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
TIMES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*?(?=[<\"\s&])|ontogeny-seal:\w+")


@dataclass(frozen=True)
class Outcome:
    """One attempt: where it was killed, how many times, and what was not as it should be; "" if all was."""

    where: str
    kills: int
    wrong: str


def do(out: Path, stages: tuple[str, ...] = ()) -> None:
    """Train, look, compare, find and report: what `ontogeny run` does."""
    from ontogeny import execute
    from ontogeny.plan import STAGES
    from ontogeny.study import load_study

    execute.run(load_study(STUDY), out, stages=stages or STAGES, commit_every=0.0)


def contents(root: Path) -> dict[str, Any]:
    """Everything that a study says, as comparable values: weights, metrics, results, records, findings and report.

    What a run says of the machine and the command, and the hour at which a report was written, are left out.
    """
    from plotly.offline import get_plotlyjs

    from ontogeny.handles import open_store
    from ontogeny.store import results

    store = open_store(root)
    found: dict[str, Any] = {}
    for entry in store.entries():
        run, files = store.run(entry.id), store.directory.run(entry.id)
        found[f"{entry.id} record"] = {k: v for k, v in entry.record.items() if k != "provenance"}
        found[f"{entry.id} metrics"] = run.metrics().to_csv()
        for step in run.steps:
            for name, value in run.weights(step).items():
                found[f"{entry.id} {step} {name}"] = value.numpy().tobytes()
        point = files.read_resume()
        assert point
        found[f"{entry.id} resume"] = (
            point[0],
            point[2],
            {k: v.numpy().tobytes() for k, v in point[1].items()},
        )
    for path in sorted([*root.glob("runs/*/results/*.nc"), *root.glob("comparisons/*.nc")]):
        data = results.read(path)
        found[str(path.relative_to(root))] = {
            str(n): v.values.astype(str).tobytes() for n, v in data.variables.items()
        }
    found["findings"] = [one.to_dict() for one in store.findings()]
    page = (root / "report/index.html").read_text().replace(get_plotlyjs(), "")  # megabytes that are not ours
    found["report"] = TIMES.sub("", page)
    found["recipe"] = store.directory.study()
    found["left over"] = sorted(p.name for p in root.rglob("*.writing"))
    return found


def differences(found: dict[str, Any], expected: dict[str, Any]) -> str:
    """Names of what is otherwise, more, or less."""
    names = sorted({*found, *expected})
    return ", ".join(n for n in names if found.get(n) != expected.get(n))


# -- attempts --------------------------------------------------------------------------------------------------------


def forked(job: Callable[[], object]) -> int:
    """Run a job in a child; returns its exit status (negative: the signal that ended it)."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 1
    try:
        job()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def at_most(more: int) -> None:
    """So many bytes of address space besides what is mapped: a library for GPUs maps a great many that it never touches."""
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + more, mapped + more))


def dying_at(n: int) -> list[int]:
    """From now on this process dies before its n-th operation that changes the disk; the list holds how many there were."""
    done = [0]

    def operation() -> None:
        done[0] += 1
        if done[0] == n:
            os.kill(os.getpid(), signal.SIGKILL)

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if event in WRITES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING):
            operation()

    real = os.fsync

    def fsync(handle: int) -> None:
        operation()
        real(handle)

    os.fsync = fsync
    sys.addaudithook(heard)
    return done


def attempt(out: Path, n: int) -> int:
    """Do the study, dying before the n-th operation."""
    return forked(lambda: (dying_at(n), do(out)))


def operations(out: Path) -> int:
    """How many operations the whole takes."""
    tally = out.with_suffix(".count")

    def job() -> None:
        done = dying_at(-1)
        do(out)
        tally.write_text(str(done[0]))

    assert forked(job) == 0
    return int(tally.read_text())


def watched(out: Path, changes: int) -> int:
    """Do the study, killed as soon as ``changes`` files were seen to appear, go or grow."""
    child = os.fork()
    if not child:
        try:
            do(out)
        finally:
            os._exit(0)
    seen: dict[str, tuple[int, int]] = {}
    left = changes
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        now = _sight(out)
        left -= len({*now.items()} ^ {*seen.items()}) > 0
        seen = now
        if left <= 0:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return -signal.SIGKILL
        time.sleep(0.0002)
    return 0


def _sight(out: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for folder, _, names in os.walk(out):
        for name in names:
            try:
                stat = Path(folder, name).stat()
            except OSError:
                continue
            found[f"{folder}/{name}"] = (stat.st_size, stat.st_mtime_ns)
    return found


def finish_and_compare(out: Path, expected: Path) -> str:
    """The same command again, then everything beside what an uninterrupted run has. Returns what is wrong."""
    said = out.with_suffix(".said")

    def job() -> None:
        do(out)
        from ontogeny import execute
        from ontogeny.check import check
        from ontogeny.study import load_study

        wrong = differences(contents(out), pickle.loads(expected.read_bytes()))
        plan = execute.run(load_study(STUDY), out)
        wrong += "; the plan is not empty" if plan else ""
        bad = check(out).of("damaged", "stale")
        said.write_text(wrong + "; ".join(f"{one.state}: {one.what}" for one in bad))

    status = forked(job)
    return said.read_text() if status == 0 else f"the same command ended with {status}"


def campaign(root: Path, kills: int, worker: int = 0, workers: int = 1) -> Iterator[Outcome]:
    """Kills spread over every operation and over observed changes; every third is killed again on its way back.

    Of several workers each makes its share; the numbers are the same for the same ``kills``.
    """
    root.mkdir(parents=True, exist_ok=True)
    expected, whole = root / "expected.pickle", root / "whole"
    assert forked(lambda: (do(whole), expected.write_bytes(pickle.dumps(contents(whole))))) == 0
    total = operations(root / "counted")
    draw = random.Random(0)
    for i in range(kills):
        n, changes, again = 1 + i * total // kills, draw.randrange(1, 60), draw.randrange(1, total)
        if i % workers != worker:
            continue
        out = root / "out"
        shutil.rmtree(out, ignore_errors=True)
        if i % 4 == 3:
            ends, where = [watched(out, changes)], f"at change {changes}"
        else:
            ends, where = [attempt(out, n)], f"at operation {n} of {total}"
        if i % 3 == 2 and ends[0] < 0:
            ends, where = [*ends, attempt(out, again)], f"{where}, then at operation {again}"
        strange = [end for end in ends if end not in (0, -signal.SIGKILL)]
        wrong = f"it ended with {strange}; " if strange else ""
        yield Outcome(where, sum(end < 0 for end in ends), wrong + finish_and_compare(out, expected))

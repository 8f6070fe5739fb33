"""A study that trains in a blink, and ways to ask whether two directories hold the same, bit for bit."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

torch.set_num_threads(1)

TINY: dict[str, Any] = {
    "name": "tiny",
    "task": {"kind": "modular_addition", "p": 7, "train_fraction": 0.7},
    "architecture": {"kind": "bilinear"},
    "optimiser": {"kind": "adamw", "lr": 1e-2},
    "train": {"epochs": 6, "batch": 8},
    "checkpoints": {"per_decade": 3},
    "lenses": ["performance"],
    "vary": {"architecture.d_hidden": [2, 3, 20], "seed": [0]},
}


def tiny(**changes: Any) -> dict[str, Any]:
    """The mapping of a tiny study. Tables are merged, ``None`` removes, ``__`` stands for a dot: ``train__epochs=3``."""
    study = copy.deepcopy(TINY)
    for path, value in changes.items():
        *tables, key = path.split("__")
        place = study
        for table in tables:
            place = place.setdefault(table, {})
        if value is None:
            place.pop(key, None)
        else:
            place[key] = value
    return study


def contents(root: str | Path) -> dict[str, Any]:
    """Everything a study directory says of its runs: weights, metrics, resume points and results, as comparable bytes."""
    from ontogeny.handles import open_store
    from ontogeny.store import results

    store = open_store(root)
    found: dict[str, Any] = {}
    for entry in store.entries():
        run, files = store.run(entry.id), store.directory.run(entry.id)
        found[f"{entry.id} status"] = (run.status, entry.record["step"], entry.record["spec"])
        found[f"{entry.id} metrics"] = run.metrics().to_csv()
        for step in run.steps:
            for name, value in run.weights(step).items():
                found[f"{entry.id} weights {step} {name}"] = value.numpy().tobytes()
        point = files.read_resume()
        if point is not None:
            found[f"{entry.id} resume"] = (point[0], {k: v.numpy().tobytes() for k, v in point[1].items()})
        for path in sorted(files.results.glob("*.nc")):
            data = results.read(path)
            found[f"{entry.id} {path.name}"] = {str(n): v.values.tobytes() for n, v in data.variables.items()}
    for path in sorted(store.directory.comparisons.glob("*.nc")):
        data = results.read(path)
        found[path.name] = {str(n): v.values.astype(str).tobytes() for n, v in data.variables.items()}
    return found


def pytest_report_header() -> str:
    """A failure elsewhere can be read only with the machine on which it happened."""
    from ontogeny.provenance import in_words

    return f"machine: {in_words()}, {torch.get_num_threads()} thread a test"


#: Tests of a minute and more, which are begun first, so that no worker is left with one of them at the end.
LONG = (
    "tests/test_documents.py::test_commands_of_the_readme",
    "tests/interop/test_folder_and_export.py::test_the_commands_of_the_document",
    "tests/test_arithmetic.py::test_it_holds_under_other_instructions",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


class Interrupted(Exception):
    """Somebody pressed Ctrl-C, say."""


class InterruptAt:
    """A progress callback that raises at its n-th call of a stage."""

    def __init__(self, calls: int, stage: str = "train") -> None:
        self.left, self.stage = calls, stage

    def __call__(self, stage: str, what: str, done: float, total: float) -> None:
        if stage == self.stage:
            self.left -= 1
            if self.left == 0:
                raise Interrupted


@pytest.fixture(autouse=True)
def one_thread():
    """Whatever a test does to the number of threads is undone, so that no test depends on the one before it."""
    yield
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_study() -> Callable[..., dict[str, Any]]:
    return tiny


@pytest.fixture(scope="session")
def contents_of() -> Callable[[Path], dict[str, Any]]:
    return contents


@pytest.fixture(scope="session")
def interrupt_at() -> type[InterruptAt]:
    return InterruptAt


@pytest.fixture(scope="session")
def interrupted() -> type[Interrupted]:
    return Interrupted


@pytest.fixture(scope="session")
def carry_out() -> Callable[..., Any]:
    """``execute.run`` of a mapping without the report, committing at every opportunity."""
    from ontogeny import execute
    from ontogeny.plan import STAGES
    from ontogeny.study import load_study

    def run(study: Mapping[str, Any], out: str | Path, **settings: Any) -> Any:
        return execute.run(load_study(study), out, **{"commit_every": 0.0, "stages": STAGES[:-1], **settings})

    return run


@pytest.fixture(scope="session")
def _trained(tmp_path_factory: pytest.TempPathFactory, carry_out: Callable[..., Any]) -> Path:
    out = tmp_path_factory.mktemp("trained") / "tiny"
    carry_out(tiny(measures=["activation_similarity"]), out)
    return out


@pytest.fixture(scope="session")
def trained(_trained: Path) -> Path:
    """The directory of a trained, looked-at and compared tiny study. To be read, never written: see ``a_copy``."""
    return _trained


@pytest.fixture
def a_copy(_trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained study that a test may break."""
    import shutil

    return Path(shutil.copytree(_trained, tmp_path / "copy", copy_function=shutil.copy2))


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """The environment of a subprocess: one thread, no colours, wide lines."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "400"}


@pytest.fixture(scope="session")
def command(environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """``command("runs", path)``: the command line in a process of its own."""

    def run(*words: Any, **settings: Any) -> subprocess.CompletedProcess[str]:
        given = {"env": environment, "capture_output": True, "text": True, "timeout": 200, **settings}
        return subprocess.run([sys.executable, "-m", "ontogeny", *map(str, words)], check=False, **given)

    return run

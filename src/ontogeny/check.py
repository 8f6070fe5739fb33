"""Reads everything in a study directory: what is whole, damaged, stale or foreign, and what can be done about it.

``stale`` is whatever the plan would do: a result of other code or weights, and also what is not there.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ontogeny import expect
from ontogeny.errors import UserError
from ontogeny.plan import Expectations, Stage, make_plan
from ontogeny.store.directory import Directory
from ontogeny.store.files import set_aside
from ontogeny.store.headers import read_report_header
from ontogeny.store.index import REPORT, Index
from ontogeny.store.kinds import damage, kind_of, left_over

State = Literal["whole", "damaged", "stale", "foreign"]
STATES: tuple[State, ...] = get_args(State)
REMADE: tuple[Stage, ...] = ("look", "compare", "find", "report")  # stages that cost no training


@dataclass(frozen=True)
class Checked:
    """One file, or one piece of work that the plan sees. ``what``: its path, or what is missing."""

    what: str
    kind: str
    state: State
    why: str = ""
    back: str = ""  # how it comes back


@dataclass(frozen=True)
class Health:
    """What a study directory is like."""

    files: list[Checked]

    def of(self, *states: State) -> list[Checked]:
        return [one for one in self.files if one.state in states]

    @property
    def sound(self) -> bool:
        """Nothing is damaged or stale. What is foreign does no harm."""
        return not self.of("damaged", "stale")

    def to_dict(self) -> dict[str, Any]:
        counts: dict[str, int] = {state: len(self.of(state)) for state in STATES}
        return {"sound": self.sound, **counts, "files": [asdict(one) for one in self.files]}


def check(root: str | Path) -> Health:
    """Every file read to its last byte and held against its seal and digests, and the study against its recipe and the code.

    Nothing is written. Raises ``UserError`` where there is no study.
    """
    directory = _directory(root)
    files = list(_files(directory))
    return Health([*files, *_planned(directory)])


def repair(root: str | Path) -> Health:
    """Do what can be done without losing anything and without training: damaged files are set aside under a name that nothing
    reads, and results, comparisons, findings and report are made anew. Returns what is still wrong."""
    directory = _directory(root)
    with directory.lock("ontogeny check --repair"):
        for one in check(root).of("damaged"):
            set_aside(directory.root / one.what)
    try:
        study = directory.study()
    except (UserError, OSError):
        return check(root)
    from ontogeny import execute

    execute.run(study, directory.root, stages=REMADE)
    return check(root)


def _directory(root: str | Path) -> Directory:
    """A study, also one that has lost its recipe."""
    directory = Directory(Path(root))
    return directory if (directory.root / "runs").is_dir() else Directory.open(root)


def _files(directory: Directory) -> Iterator[Checked]:
    for path in sorted(p for p in directory.root.rglob("*") if p.is_file() or p.is_symlink()):
        name = path.relative_to(directory.root).as_posix()
        if rest := left_over(path):
            yield Checked(name, rest, "foreign", "nothing reads it; you may delete it")
        elif (kind := kind_of(path, directory.root)) is None:
            yield Checked(name, "", "foreign", "no file of a study; it was left alone")
        elif wrong := damage(path, kind):
            yield Checked(name, kind.name, "damaged", wrong, kind.back)
        else:
            yield Checked(name, kind.name, "whole")


def _planned(directory: Directory) -> Iterator[Checked]:
    """What the plan would do: what is stale, or is not there."""
    if not directory.study_file.is_file():
        back = "the same `ontogeny run STUDY --out DIR` writes it again"
        yield Checked("study.toml", "recipe", "stale", "it is not there", back)
        return
    try:
        expected, index = _asked_and_there(directory)
    except UserError as error:
        yield Checked("study.toml", "recipe", "stale", str(error))
        return
    for item in make_plan(expected, index).items:
        train = f"`ontogeny run {directory.study_file} --out {directory.root}`"
        back = train if item.stage == "train" else "`--repair`"
        yield Checked(item.what, item.stage, "stale", item.why, back)
    for path in sorted(directory.report.glob("*.*")):  # reports that are written when asked for
        kind, name = kind_of(path, directory.root), path.relative_to(directory.root).as_posix()
        if not kind or name == REPORT or damage(path, kind):
            continue
        if read_report_header(path)["fingerprint"] != expected.stamps(index)[REPORT]:
            yield Checked(name, kind.name, "stale", "what it shows has changed since", kind.back)


def _asked_and_there(directory: Directory) -> tuple[Expectations, Index]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = directory.study()
        index = directory.index()
        return expect.expectations(study, expect.members_of(study, directory, index)), index

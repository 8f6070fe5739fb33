"""Where work is done, how it says how far it is, and how it says what failed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from ontogeny import build
from ontogeny.errors import Failed, UserError
from ontogeny.plan import Job
from ontogeny.store.directory import Directory
from ontogeny.store.index import Index, Indexer, RunEntry
from ontogeny.study import Study
from ontogeny.training.member import Member


class Tell(Protocol):
    """Told how far a job is: what it is at, and which share of it is done."""

    def __call__(self, job: Job, what: str, share: float) -> None: ...


def silent(job: Job, what: str, share: float) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Settings:
    """How work is done; nothing of it changes what is computed, but for the last bits (device, engine)."""

    device: str = "cpu"
    engine: str = "auto"
    commit_every: float = 20.0


@dataclass(frozen=True)
class Outcome:
    """What became of a job. What it made lies in the study directory."""

    key: str
    taken: tuple[str, ...] = ()  # leases that others hold: this part of it was left to them
    failed: tuple[str, ...] = ()  # what could not be made, by its place
    notes: tuple[tuple[str, str], ...] = ()  # warnings, by category
    lost: str = ""  # how its worker ended, if it did not come to an end itself
    error: Mapping[str, Any] | None = None  # what stopped everything

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Outcome:
        lists = {name: tuple(said[name]) for name in ("taken", "failed")}
        return cls(**{**said, **lists, "notes": tuple((kind, text) for kind, text in said["notes"])})


@dataclass
class Place:
    """A study directory as work sees it. What its files say is read once, and again where a file changed."""

    directory: Directory
    study: Study
    settings: Settings = field(default_factory=Settings)

    @classmethod
    def of(cls, root: str | Path, settings: Settings) -> Place:
        directory = Directory.open(root)
        return cls(directory, directory.study(), settings)

    @cached_property
    def indexer(self) -> Indexer:
        return Indexer(self.directory.root)

    @cached_property
    def members(self) -> dict[str, Member]:
        """The variants of a study that trains its runs, by id."""
        return {m.id: m for m in build.members(self.study)}

    def entry(self, run: str) -> RunEntry | None:
        """What the files of one run say now."""
        return self.indexer.run(run)

    def index(self) -> Index:
        return self.indexer.read()


def failed(what: str, error: Exception) -> None:
    """Say what failed and go on."""
    said = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
    warnings.warn(f"{what} failed ({said}); the rest goes on.", Failed, stacklevel=3)

"""A study's directory: where things lie, who holds the lock, and what the study says."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ontogeny.errors import Locked, NewerSchema, NotAStudy, UserError
from ontogeny.store import lease, seal
from ontogeny.store.events import EVENTS
from ontogeny.store.files import ASIDE, held, saying_when_full, set_aside, sweep, write_text
from ontogeny.store.index import Index, Indexer
from ontogeny.store.lease import LEASES, holders
from ontogeny.store.runs import RunFiles
from ontogeny.study import Study, dump, load_study

OURS = (".lock", LEASES, EVENTS, "jobs")  # what may be there before the recipe is
PATIENCE = 5.0  # seconds to wait for the lock, which is held for moments


def _possible(path: str | Path) -> Path:
    """A path that a directory can have; the machine's refusal in one sentence."""
    try:
        if Path(path).exists() or not (parent := _nearest(Path(path).absolute())) or parent.is_dir():
            return Path(path)
    except (OSError, ValueError, TypeError) as error:
        said = getattr(error, "strerror", None) or error
        raise UserError(f"{str(path)[:60]!r} cannot be a directory: {said}. Choose another name.") from None
    raise UserError(f"{path} cannot be a directory: {parent} is a file.")


def _nearest(path: Path) -> Path | None:
    """The first parent that is there."""
    return next((parent for parent in path.parents if parent.exists()), None)


@dataclass(frozen=True)
class Directory:
    """``DIR/{study.toml, recipes/, runs/, comparisons/, findings.json, report/, index.jsonl, leases/, events/, .lock}``."""

    root: Path

    @property
    def study_file(self) -> Path:
        return self.root / "study.toml"

    @property
    def recipes(self) -> Path:
        """Recipes that this study had before."""
        return self.root / "recipes"

    @property
    def comparisons(self) -> Path:
        return self.root / "comparisons"

    @property
    def pairs(self) -> Path:
        """What two representations came to under a measure, by what they are."""
        return self.comparisons / "pairs"

    @property
    def report(self) -> Path:
        return self.root / "report"

    @property
    def findings(self) -> Path:
        return self.root / "findings.json"

    def run(self, id: str) -> RunFiles:
        return RunFiles(self.root / "runs" / id)

    @classmethod
    def open(cls, path: str | Path) -> Directory:
        """An existing study."""
        directory = cls(_possible(path))
        if not directory.root.exists():
            raise NotAStudy(f"There is no directory {path}. `ontogeny run STUDY --out {path}` makes one.")
        if not directory.study_file.is_file():
            there = (
                sorted(p.name for p in directory.root.iterdir())[:6]
                if directory.root.is_dir()
                else ["a file"]
            )
            raise NotAStudy(
                f"{path} is not a study: it has no study.toml (it holds {', '.join(there) or 'nothing'}). "
                f"`ontogeny run STUDY --out DIR` makes a study."
            )
        return directory

    @classmethod
    def create(cls, path: str | Path, study: Study) -> Directory:
        """A new study, or the same one again; refuses a directory that holds something else."""
        directory = cls(_possible(path))
        if directory.root.exists() and not directory.root.is_dir():
            raise UserError(f"{path} is a file; --out needs a directory.")
        if directory.study_file.is_file():
            there = directory.readable_study()
            if there and there.name != study.name:
                raise UserError(
                    f"{path} holds the study '{there.name}'; you asked for '{study.name}'. Choose another --out."
                )
        elif (
            directory.root.is_dir()
            and not (directory.root / "runs").is_dir()
            and any(p.name not in OURS and not p.name.endswith(ASIDE) for p in directory.root.iterdir())
        ):
            raise NotAStudy(f"{path} is not empty and is not a study; choose a new directory for --out.")
        return directory

    def study(self) -> Study:
        """What the study asks for; a recipe that was altered since it was written is named and not used."""
        seal.check(self.study_file)
        return load_study(self.study_file)

    def recipe(self) -> str:
        """The recipe as TOML, for whoever takes it elsewhere: without the seal of this place."""
        self.study()
        lines = self.study_file.read_text(encoding="utf-8").splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith(f"# {seal.MARK.decode()}"))

    def readable_study(self) -> Study | None:
        """The study, or None with a warning if its file is damaged: whoever has the recipe can write it again."""
        try:
            return self.study()
        except NewerSchema:
            raise
        except UserError as error:
            warnings.warn(f"{error} It is set aside and written again from the recipe.", stacklevel=2)
            return None

    def holds(self, study: Study) -> bool:
        """Whether this directory is of exactly this study."""
        try:
            return self.study_file.is_file() and self.study() == study
        except UserError:
            return False

    def write_study(self, study: Study) -> None:
        """Under the lock. Another recipe waits until nobody works by the one that is there."""
        if self.holds(study):
            return
        if others := self.others():
            raise Locked(
                f"{self.root} is in use by {others}, by another recipe. Wait for it, or stop it; nothing was touched."
            )
        if self.study_file.is_file():
            try:
                self.study()
            except UserError:
                set_aside(self.study_file)
            else:
                self._keep_recipe()
        write_text(self.study_file, f"# {seal.ROOM}\n{dump(study)}")

    def _keep_recipe(self) -> None:
        """The recipe that is about to be replaced, as ``recipes/1.toml``, ``2.toml``, …; the same one is not kept twice."""
        text = dump(self.study())
        kept = sorted(self.recipes.glob("*.toml")) if self.recipes.is_dir() else []
        if not any(path.read_text(encoding="utf-8").endswith(text) for path in kept):
            write_text(self.recipes / f"{len(kept) + 1}.toml", f"# {seal.ROOM}\n{text}")

    def index(self) -> Index:
        return Indexer(self.root).read()

    def save(self, indexer: Indexer) -> None:
        """Keep what was learned of the files; where that cannot be, it is found out again next time."""
        if indexer.learned:
            with suppress(UserError, OSError), self.lock("keeping the index"):
                indexer.save()

    @contextmanager
    def lock(self, doing: str, alone: bool = False) -> Iterator[None]:
        """For what there is one of: recipe and index. The kernel frees it when a process dies; others wait a little for it.

        ``alone``: also, nobody may hold a lease of a run or of anything else that is written here.
        """
        path = self.root / ".lock"
        try:
            with saying_when_full(path):
                self.root.mkdir(parents=True, exist_ok=True)
                opened = path.open("a+")
        except OSError as error:
            raise UserError(
                f"{self.root} cannot be written to: {error.strerror}. Choose another directory."
            ) from None
        with opened as handle:
            if not _locked(handle):
                handle.seek(0)
                holder = handle.read()
                about = json.loads(holder) if holder.startswith("{") else {}
                who = (
                    f"process {about.get('pid')} on {about.get('host')} ({about.get('doing')})"
                    if about
                    else "another process"
                )
                raise Locked(f"{self.root} is in use by {who}. Wait for it, or stop it; nothing was touched.")
            if alone and (others := self.others()):
                raise Locked(
                    f"{self.root} is in use by {others}. Wait for it, or stop it; nothing was touched."
                )
            for folder in (
                self.root,
                self.recipes,
                self.comparisons,
                self.pairs,
                self.report,
                self.root / LEASES,
            ):
                sweep(folder)
            with saying_when_full(path):
                handle.seek(0)
                handle.truncate()
                handle.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "doing": doing}))
                handle.flush()
            with held(self.root):
                yield

    @contextmanager
    def leased(self, *names: str) -> Iterator[None]:
        """Hold these leases, or raise ``Locked``."""
        with held(self.root), ExitStack() as stack:
            try:
                _, taken = stack.enter_context(lease.held(self.root, names))
            except OSError as error:
                raise UserError(
                    f"{self.root} cannot be written to: {error.strerror}. Choose another directory."
                ) from None
            if taken:
                raise Locked(
                    f"{self.root} is in use by {self.others()}. Wait for it, or stop it; nothing was touched."
                )
            yield

    def others(self) -> str:
        """Who else writes here now, in words; "" if nobody does."""
        there = {name: who for name, who in holders(self.root).items() if not who.here}
        return ", ".join(f"{who} ({name})" for name, who in list(there.items())[:3])


def _locked(handle: IO[str]) -> bool:
    """Try for a while."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(0.02)

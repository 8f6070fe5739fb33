"""The workbench's one door to the library: whatever it asks of a study, it asks here.

A study is opened when somebody looks at it and read again when its files changed. Only what a view cannot have from disk is computed.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ontogeny import expect, registry
from ontogeny.errors import UnknownName, UserError
from ontogeny.gathering import drawing
from ontogeny.handles import Store, open_store
from ontogeny.interventions.base import Change
from ontogeny.needs import Need, parse
from ontogeny.one_run import Run
from ontogeny.plan import why_look
from ontogeny.report.answer import answer
from ontogeny.study import Use
from ontogeny.views.base import Drawn, View
from ontogeny.workbench.folders import Folders, Place, brief

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

LOOKED_AGAIN = 1.0  # seconds in which a study is not asked twice whether its files changed
MOST_PLACES = 8  # of a variable along axes besides steps, that are a column each
MOST_STEPS = 2000  # that a figure holds
MOST_KEPT = 24  # things that were read for figures and may be read for the next
COSTS = ("cheap", "moderate", "costly")


class Library:
    """All studies under the folders that were opened; each is read when it is asked for."""

    def __init__(self, folders: Iterable[str | Path], read_only: bool = False) -> None:
        self.folders, self.read_only = Folders(folders), read_only
        self._opened: dict[Path, Opened] = {}
        self._lock = threading.Lock()

    def briefs(self) -> list[dict[str, Any]]:
        """A line for every study, none of them opened."""
        return [brief(place) for place in self.folders.places()]

    def study(self, key: str) -> Opened:
        """The study of an address, opened."""
        place = self.folders.place(key)
        with self._lock:
            if place.root not in self._opened:
                for room in (registry.lenses, registry.views, registry.measures, registry.interventions):
                    len(room)  # loads it: of two studies opened at once, one would see it half loaded
                self._opened[place.root] = Opened(place, self.folders)
            opened = self._opened[place.root]
        opened.renew()
        return opened

    def look_again(self, place: Place) -> None:
        """The next question about a study reads what changed, however recently that was done: a job has ended."""
        if place.root in self._opened:
            self._opened[place.root].unasked()


class Opened:
    """One study: its store, and when it was last read."""

    def __init__(self, place: Place, folders: Folders) -> None:
        self.place, self.folders = place, folders
        self.lock = threading.RLock()  # a store caches what it reads, for one reader at a time
        self.stamp, self._asked, self._took = "", 0.0, 0.0
        self._store: Store | None = None
        self._obstacles: dict[tuple[str, str, str], str] = {}

    @property
    def key(self) -> str:
        return self.place.key

    @property
    def store(self) -> Store:
        assert self._store is not None
        return self._store

    def renew(self) -> None:
        """Read the study again if its files changed; a large one not at every change of one that is training."""
        with self.lock:
            now = time.monotonic()
            if self._store is not None and now - self._asked < max(LOOKED_AGAIN, 10 * self._took):
                return
            stamp = stamp_of(self.place.root)
            if stamp != self.stamp or self._store is None:
                if strays := self.folders.strays(self.place.root):
                    raise UserError(strays)
                begun = time.monotonic()
                self._store = open_store(self.place.root)
                _ = self._store.index, self._store.main
                self._took = time.monotonic() - begun
                self.stamp, self._obstacles = stamp, {}
            self._asked = time.monotonic()

    def unasked(self) -> None:
        """As if nobody had asked yet whether its files changed."""
        self._asked = float("-inf")

    def about(self) -> dict[str, Any]:
        """What the study asks, what it answers, and the state of its runs."""
        store, study = self.store, self.store.study
        findings, wrong = store.findings(), list(store.index.damage)
        states: dict[str, int] = {}
        for entry in [*store.entries(), *store.population.unreadable]:
            states[entry.status] = states.get(entry.status, 0) + 1
        return {
            "key": self.key,
            "path": str(self.place.root),
            "stamp": self.stamp,
            "name": study.name,
            "title": study.title or study.name,
            "question": study.question,
            "answer": answer(study, findings) if findings else [],
            "states": states,
            "besides": len(store.population.readable) - len(store.entries()),
            "measures": [use.name for use in study.measures],
            "report": store.directory.report.joinpath("index.html").is_file(),
            "wrong": wrong,
        }

    def runs(self) -> pd.DataFrame:
        """A row a run, those of which nothing can be read among them."""
        return self.store.runs()

    def column(self, lens: str, variable: str, place: Sequence[int] = ()) -> pd.Series:
        """One number of a lens at the last step of every run, by run; only what is on disk already."""
        import pandas as pd

        values: dict[str, float] = {}
        for entry in self.store.entries():
            run = Run(self.store, entry)
            if entry.checkpoints and self.fresh(run, lens):
                one = run.lens(lens)[variable]
                one = one.isel(step=-1) if "step" in one.dims else one
                values[entry.id] = float(one.values[tuple(place)])
        return pd.Series(values, dtype=float)

    def scalars(self) -> list[tuple[str, str, tuple[int, ...], str]]:
        """(lens, variable, place, words) of every number that lenses on disk say of a run; ``place`` along what axes it has besides steps."""
        found = []
        seen: set[str] = set()
        for entry in self.store.entries():
            run = Run(self.store, entry)
            names = {one.name for one in entry.results.values() if one.name in registry.lenses} - seen
            seen |= names
            for lens in sorted(name for name in names if self.fresh(run, name)):
                for name, one in run.lens(lens).data_vars.items():
                    rest = [dim for dim in one.dims if dim != "step"]
                    if (
                        one.dtype.kind not in "fiub"
                        or math.prod(one.sizes[dim] for dim in rest) > MOST_PLACES
                    ):
                        continue
                    for place in np.ndindex(*(one.sizes[dim] for dim in rest)):
                        ticks = [str(one[dim].values[i]) for dim, i in zip(rest, place, strict=True)]
                        words = str(one.attrs.get("long_name", name)) + (
                            f" – {', '.join(ticks)}" if ticks else ""
                        )
                        found.append((lens, str(name), place, words))
        return found

    def run(self, id: str) -> Run:
        """A run by its whole id; anything else is refused."""
        if id not in self.store.index.runs:
            raise UnknownName("run", id, self.store.index.runs)
        return self.store.run(id)

    def fellows(self, run: Run) -> list[Run]:
        """The runs that differ from this one in nothing but seeds, without itself."""
        return [one for one in self.store.fellows(run) if one.id != run.id]

    # -- lenses and views ------------------------------------------------------------------------------------------

    def obstacle(self, run: Run, lens: str, **options: Any) -> str:
        """Why a lens cannot look at a run; "" if it can."""
        if not run.steps:
            return f"no weights of this run were kept ({run.status})"
        key = (run.id, lens, str(options))
        if key not in self._obstacles:
            try:
                expect.refuse_lens(Use(name=lens, options=options), run.member)
                self._obstacles[key] = ""
            except UserError as error:
                self._obstacles[key] = str(error).partition(": ")[2].rstrip(".") or str(error)
        return self._obstacles[key]

    def fresh(self, run: Run, lens: str, **options: Any) -> bool:
        """Whether what a lens says of all steps of a run lies on disk and is not stale."""
        try:
            return (
                why_look(expect.wanted_lens(Use(name=lens, options=options), run.member), run.entry) is None
            )
        except UserError:
            return False

    def look(
        self, run: Run, lens: str, step: int | None = None, under: Any = (), **options: Any
    ) -> xr.Dataset:
        """A lens at one step of a run, or at all."""
        return run.lens(lens, None if step is None else [step], under, **options)

    def reads(self, view: View, options: Mapping[str, Any]) -> list[Need]:
        """What a view is handed under these options."""
        return [parse(word) for word in view.words(options, self.store.study.first_measure)]

    def draw(
        self,
        runs: Sequence[str],
        view: str,
        step: int | None = None,
        under: Sequence[Change] = (),
        **options: Any,
    ) -> Drawn:
        """A view of these runs alone ("*": of all), at all steps that were kept or at one; under interventions."""
        if list(runs) == ["*"]:
            return self.store.draw(view, **options)
        if not registry.views[view].of_one_run:
            return Some(self.store, [self.run(id) for id in runs]).draw(view, **options)
        if len(runs) != 1:
            raise UserError(f"The view '{view}' shows one run; {len(runs)} were named.")
        given = {**options, "run": self.run(runs[0]).id}
        if step is not None and registry.views[view].follows_step:
            given["step"] = step
        store = Changed(self.store, under) if under else self.store
        large = registry.views[view].frames == 1
        drawn = drawing.draw(store, view, given, frames=1 if large else MOST_STEPS)
        while len(store.kept) > MOST_KEPT:
            store.kept.pop(next(iter(store.kept)))
        return drawn

    def metrics(self, run: Run) -> pd.DataFrame:
        """Everything that was logged of a run, as its file stands now."""
        return self.store.directory.run(run.id).metrics()


class Some(Store):
    """Some runs of a store, which share what it knows of the files."""

    def __init__(self, whole: Store, runs: Iterable[Run] | None = None) -> None:
        super().__init__(whole.directory, whole.chosen if runs is None else frozenset(run.id for run in runs))
        self.study, self.index = whole.study, whole.index


class Changed(Some):
    """A store all of whose models are looked at under interventions."""

    def __init__(self, whole: Store, under: Sequence[Change]) -> None:
        super().__init__(whole)
        self.under = list(under)

    def run(self, id: str | None = None, **varied: Any) -> Run:
        return ChangedRun(self, super().run(id, **varied).entry)


class ChangedRun(Run):
    """A run through whose lenses one sees what the interventions of its store leave of it."""

    def lens(self, lens: Any, steps: Any = None, under: Any = (), **options: Any) -> xr.Dataset:
        assert isinstance(self.store, Changed)
        return super().lens(lens, steps, under or self.store.under, **options)


def stamp_of(root: Path) -> str:
    """A word that changes whenever files of a study do; names and times alone are read."""
    import hashlib

    state = hashlib.blake2b(digest_size=8)
    for folder in (root, root / "runs", root / "comparisons", root / "report"):
        state.update(repr(_time(folder)).encode())
    for name in ("study.toml", "findings.json"):
        state.update(repr(_time(root / name)).encode())
    for run in sorted((root / "runs").iterdir()) if (root / "runs").is_dir() else ():
        times = [_time(run / part) for part in ("", "run.json", "checkpoints", "results")]
        state.update(f"{run.name}{times}".encode())
    return state.hexdigest()


def _time(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0

"""What a notebook holds: a store of runs. Everything is read from disk when asked for; nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ontogeny import as_html, build, execute, expect, registry
from ontogeny.besides import flat, telling_apart
from ontogeny.errors import Damaged, UnknownName, UserError
from ontogeny.needs import parse
from ontogeny.one_run import Run
from ontogeny.plan import last_digest
from ontogeny.store import results
from ontogeny.store.directory import Directory
from ontogeny.store.files import read_json
from ontogeny.store.index import Index, ResultFile, RunEntry
from ontogeny.study import Study, Use
from ontogeny.views.base import Drawn, View
from ontogeny.which import meant

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


class Store:
    """A study on disk: ``store.runs()``, ``store.run(d_hidden=32)``, ``store.compare("tn_similarity")``, ``store.view(…)``."""

    def __init__(self, directory: Directory, chosen: Collection[str] | None = None) -> None:
        self.directory, self.chosen = directory, chosen
        self._cache: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"<Store {self.directory.root}: study '{self.study.name}', {len(self.entries())} runs>"

    def _repr_html_(self) -> str:
        return as_html.of_store(self)

    def only(self, runs: Iterable[Run]) -> Store:
        """The same study as if these were all its runs: tables, views, lenses and measures are of them alone."""
        return Store(self.directory, frozenset(run.id for run in runs))

    @cached_property
    def study(self) -> Study:
        return self.directory.study()

    @property
    def index(self) -> Index:
        """What is there, read afresh from the files' sizes and times."""
        if "index" not in self._cache:
            self._cache["index"] = self.directory.index()
        return self._cache["index"]

    def refresh(self) -> Store:
        """Forget what was read; the next question looks at the disk again."""
        self._cache.clear()
        for derived in ("main", "study", "_apart", "_member_ids", "_settings"):
            self.__dict__.pop(derived, None)
        return self

    def runs(self) -> pd.DataFrame:
        """One row a run: what varied, status, step, epoch, number of checkpoints, and the last logged metrics."""
        import pandas as pd

        rows = []
        for entry in [*self.entries(), *self.unreadable()]:
            record = entry.record
            row = {
                "run": entry.id,
                **self._named(record),
                "status": entry.status,
                "step": record.get("step"),
            }
            row |= {"epoch": record.get("epoch"), "budget_epochs": record.get("budget_epochs")}
            rows.append({**row, "checkpoints": len(entry.steps), **record.get("last", {})})
        table = pd.DataFrame(rows).set_index("run") if rows else pd.DataFrame(index=pd.Index([], name="run"))
        return self._say_what_varied(table)

    def _say_what_varied(self, table: pd.DataFrame) -> pd.DataFrame:
        """``attrs``: ``varied``, names of what differs between runs, the seed last; ``order_matters``, that of the batches."""
        table.attrs["varied"] = sorted(self._differing(), key=lambda name: name == "seed")
        table.attrs["order_matters"] = self.study.order_matters
        return table

    def _differing(self) -> list[str]:
        """What the study varies and these runs differ in; all that it varies where they differ in nothing."""
        varied = [self._named(e.record) for e in self.entries()]
        names = list(dict.fromkeys(name for one in varied for name in one))
        return [n for n in names if len({repr(one.get(n)) for one in varied}) > 1] or names

    def _named(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """What varied in a run; where some of these runs take sources of randomness apart, each of them besides; and settings that tell
        apart runs that would be called the same."""
        spec = record.get("spec", {})
        seeds = spec.get("seeds", {})
        named = {**record.get("varied", {}), **{s: seeds[s] for s in self._apart if s in seeds}}
        if settings := self._settings:
            values = flat(spec)
            named |= {short: values.get(path) for path, short in settings.items()}
        return named

    @cached_property
    def _settings(self) -> dict[str, str]:
        return telling_apart(e.record for e in self.entries())

    @cached_property
    def _apart(self) -> list[str]:
        varied = {name for e in self.entries() for name in e.record.get("varied", {})}
        return [source for source in self.study.apart if source in varied]

    @cached_property
    def main(self) -> Store:
        """The same study without the runs of ``crossed``: what tables, views and findings speak of unless they ask for all."""
        if self.chosen is not None or not (aside := {build.member(v).id for v in self.study.aside()}):
            return self
        return self.only(Run(self, e) for e in self.entries() if e.id not in aside)

    @property
    def besides(self) -> Store:
        """The runs that are here and that the recipe no longer asks for. Nothing else counts them."""
        asked = {e.id for e in self.entries()}
        return Store(self.directory, frozenset(e.id for e in self._readable() if e.id not in asked))

    @property
    def everything(self) -> Store:
        """The same study with every run that is here, those of an earlier recipe too; what tells them apart is a column."""
        return Store(self.directory, frozenset(e.id for e in self._readable()))

    def entries(self) -> list[RunEntry]:
        """The runs that the recipe asks for, in its order (of a study that trains nothing, all of them), or those that were chosen."""
        order = {v: i for i, v in enumerate(self._member_ids)}
        asked = self.chosen if self.chosen is not None else order if self.study.train else None
        there = [e for e in self._readable() if asked is None or e.id in asked]
        return sorted(there, key=lambda e: (order.get(e.id, len(order)), e.id))

    def _readable(self) -> list[RunEntry]:
        """Runs of which is known what they are."""
        return [e for e in self.index.runs.values() if e.record]

    def unreadable(self) -> list[RunEntry]:
        """Runs of which it cannot be read what they are; of all others ``index.runs[id].damaged`` names what is damaged."""
        return [] if self.chosen is not None else [e for e in self.index.runs.values() if not e.record]

    @cached_property
    def _member_ids(self) -> list[str]:
        return [m.id for m in build.members(self.study)] if self.study.train else []

    def run(self, id: str | None = None, **varied: Any) -> Run:
        """The one run with this id (or the beginning of one), or with these values: ``store.run(d_hidden=32, seed=0)``.

        In words, as on the command line: ``store.run("d_hidden=32,seed=0")``.
        """
        named: dict[str, Mapping[str, Any]] = {e.id: self._named(e.record) for e in self.entries()}
        if (
            id is not None and "=" not in id and self.chosen is None
        ):  # an id is unmistakable, whoever asks for the run
            named |= {i: e.record.get("varied", {}) for i, e in self.index.runs.items() if i not in named}
        entry = self.index.runs[meant(named, id, varied)]
        if not entry.record:
            raise Damaged(next(iter(entry.damaged.values())))
        return Run(self, entry)

    def fellows(self, run: Run) -> list[Run]:
        """The runs that differ from this one in nothing but seeds, itself among them."""

        def setting(one: Run) -> dict[str, Any]:
            return {k: v for k, v in one.entry.record.get("spec", {}).items() if k != "seeds"}

        runs = [Run(self, e) for e in self.entries() if e.checkpoints]
        return [one for one in runs if setting(one) == setting(run)]

    def metrics(self) -> pd.DataFrame:
        """Every logged step of every run, long: run, what varied, step, epoch, metrics."""
        import pandas as pd

        tables = []
        for e in self.entries():
            table = self.directory.run(e.id).metrics()
            front = {"run": e.id, **self._named(e.record)}
            tables.append(table.assign(**front)[[*front, *table.columns]])
        table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({"run": []})
        objectives = {e.record["spec"]["objective"]["kind"] for e in self.entries()}
        if objectives and objectives <= {"cross_entropy", "next_token"}:
            table.attrs["outputs"] = build.part("task", self.study.task).signature.outputs
        return self._say_what_varied(table)

    def published(self) -> pd.DataFrame | None:
        """The published table that the study carries, if it carries one."""
        import pandas as pd

        return pd.DataFrame(self.study.published) if self.study.published else None

    def findings(self) -> list[Any]:
        """The findings of the study, as :class:`~ontogeny.findings.base.Finding`."""
        from ontogeny.findings.base import Finding

        if not self.directory.findings.is_file():
            return []
        return [Finding.from_dict(f) for f in read_json(self.directory.findings)["findings"]]

    # -- many runs at once -----------------------------------------------------------------------------------------

    def lens(self, name: str, step: int | None = -1, **options: Any) -> xr.Dataset:
        """A lens at one step (−1: the last; 0: untrained) of every run: (run, …) with what varied as coordinates.

        ``step=None``: at every step that was kept, (run, step, …), missing (NaN) where a run did not keep it.
        """
        import xarray as xr

        parts, runs = [], [Run(self, e) for e in self.entries() if e.checkpoints]
        everything = step is None or registry.lenses[name].scope == "trajectory"
        steps = None if everything or step is None else [step]
        for run in runs:  # of single steps only the one asked for is computed, where it is not on disk
            data = run.lens(name, steps, **options)
            parts.append(data if step is None or "step" not in data.dims else data.isel(step=-1, drop=True))
        if not parts:
            raise UserError(f"{self.directory.root} has no runs with checkpoints to look at.")
        try:
            joined = xr.concat(
                parts, "run", join="outer", combine_attrs="override", coords="minimal", compat="override"
            )
        except ValueError as error:
            sizes = {
                str(d): sorted({p.sizes[d] for p in parts if d in p.dims}) for p in parts for d in p.dims
            }
            differ = ", ".join(f"{d} has {' or '.join(map(str, n))}" for d, n in sizes.items() if len(n) > 1)
            raise UserError(
                f"What the lens '{name}' says of these runs differs in shape ({differ or error}); look at them one by one: "
                f'store.run(…).lens("{name}").'
            ) from error
        return joined.assign_coords(self._ticks(runs))

    def _ticks(self, runs: Sequence[Run]) -> dict[str, Any]:
        names = self._differing()
        varied = [self._named(r.entry.record) for r in runs]
        ticks = {name: ("run", [one.get(name) for one in varied]) for name in names}
        return {"run": [r.id for r in runs], **ticks, "status": ("run", [r.status for r in runs])}

    def comparison(self, measure: str, step: int = -1, **options: Any) -> xr.Dataset:
        """Everything a measure says of all pairs: the value and its extras. Read from disk when fresh; ``step`` 0: untrained."""
        members = [build.member_of(e.record) for e in self.entries() if e.checkpoints]
        if len(members) < 2:
            raise UserError(
                f"'{measure}' compares runs with each other; {self.directory.root} has {len(members)}."
            )
        use = Use(name=measure, options=options)
        expect.refuse_measures(use, members)
        wanted = expect.wanted_measure(use, members[0])
        have: ResultFile | None = self.index.comparisons.get(wanted.stem)
        digests = [last_digest(self.index.runs[m.id]) for m in members]
        if step == -1 and have and have.fingerprint == wanted.fingerprint and have.digests == digests:
            return results.read(self.directory.comparisons / f"{wanted.stem}.nc")
        data = execute.compare(self.directory, members, self.index, wanted, step)
        ticks = self._ticks([Run(self, self.index.runs[m.id]) for m in members])
        more = {name: ticks[name][1] for name in self._settings.values()}
        return data.assign_coords(
            {f"{n}{end}": (f"run{end}", v) for n, v in more.items() for end in ("", "_other")}
        )

    def table(self, lens: str, scalar: str, step: int = -1, **options: Any) -> pd.DataFrame:
        """One variable of a lens at one step, with what varied: one row a run, or a row a tick where it has axes of its own.

        ``store.table("learning_events", "grokked").groupby("weight_decay")["grokked"].median()``
        """
        data = self.lens(lens, step, **options)
        if scalar not in data.data_vars:
            raise UnknownName(f"variable of the lens '{lens}'", scalar, map(str, data.data_vars))
        one = data[scalar]
        besides = [n for n, tick in one.coords.items() if tick.dims not in (("run",), (n,))]
        table = one.drop_vars(besides).to_dataframe().reset_index()
        return self._say_what_varied(
            table.set_index("run")[[c for c in table.columns if c not in ("run", scalar)] + [scalar]]
        )

    def compare(self, measure: str, **options: Any) -> xr.DataArray:
        """How alike every pair of runs is: (run, run_other), with what varied as coordinates."""
        return self.comparison(measure, **options)["value"]

    def view(self, name: str, **options: Any) -> Any:
        """A Plotly figure, with a slider where the view follows an axis."""
        from ontogeny.views.bindings import with_slider

        return with_slider(self.draw(name, **options))

    def draw(self, name: str, **options: Any) -> Drawn:
        """A view with its bindings and the sentence it says.

        ``measure="…"`` names the measure of a generic view; without it, the first that the study asks for.
        """
        view: View = registry.views[name]
        reads = view.words(options, self.study.first_measure)
        options = view.options({k: v for k, v in options.items() if k != "measure"})
        data = self.gather(reads)
        return view(**{parse(read).keyword: data[read.rstrip("?")] for read in reads}, **options)

    def gather(self, reads: Iterable[str]) -> dict[str, Any]:
        """What views and findings read, by the words they read it with (see :mod:`ontogeny.needs`)."""
        return {read.rstrip("?"): self._gather(read) for read in reads}

    def _gather(self, word: str) -> Any:
        """One thing, read from disk once; None if it is not there and can be done without."""
        read = parse(word)
        if not read.all and self.main is not self:
            return self.main._gather(word)
        if word not in self._cache:
            step = {"initial": 0, "final": -1, "steps": None}[read.when]
            ways: dict[str, Callable[[], Any]] = {
                "runs": lambda: self.runs().reset_index(),
                "metrics": self.metrics,
                "published": self.published,
                "findings": lambda: self.finding_table(read.name),
                "lens": lambda: self.lens(read.name, step, **read.options),
                "measure": lambda: self.comparison(read.name, step or 0, **read.options),
            }
            try:
                self._cache[word] = ways[read.kind]()
            except UserError:
                if not read.optional:
                    raise
                self._cache[word] = None
        if self._cache[word] is None and not (read.optional or read.kind == "published"):
            raise UserError(f"'{word}' is not there: no finding of this study keeps such a table.")
        return self._cache[word]

    def finding_table(self, kind: str) -> pd.DataFrame | None:
        """The rows that findings of one kind keep for pictures (``details["table"]``)."""
        import pandas as pd

        tables = [
            f.details["table"] for f in self.findings() if "table" in f.details and kind in ("", f.kind)
        ]
        if not tables:
            return None
        return self._say_what_varied(pd.concat([pd.DataFrame(t) for t in tables], ignore_index=True))


def open_store(path: str | Path) -> Store:
    """An existing study directory."""
    return Store(Directory.open(path))


class Collector:
    """What findings are handed, from the study on disk; several findings that read one thing have it read (or computed) once."""

    def __init__(self) -> None:
        self._store: Store | None = None

    def __call__(self, directory: Directory, study: Study, reads: Iterable[str]) -> Mapping[str, Any]:
        if self._store is None or self._store.directory != directory:
            self._store = Store(directory)
        return self._store.gather(reads)

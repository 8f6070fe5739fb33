"""What a notebook holds: a store of runs. Everything is read from disk when asked for; nothing is guessed.

A handle holds; what it gives is gathered in :mod:`ontogeny.gathering`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ontogeny import as_html
from ontogeny.errors import Damaged, UserError
from ontogeny.gathering import drawing, results, tables
from ontogeny.gathering.over_training import over_training
from ontogeny.gathering.population import Population
from ontogeny.one_run import Run
from ontogeny.store.directory import Directory
from ontogeny.store.files import read_json
from ontogeny.store.index import Index, RunEntry
from ontogeny.study import Study
from ontogeny.views.base import Drawn
from ontogeny.which import meant

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


class Store:
    """A study on disk: ``store.runs()``, ``store.run(d_hidden=32)``, ``store.compare("tn_similarity")``, ``store.view(…)``."""

    def __init__(self, directory: Directory, chosen: Collection[str] | None = None) -> None:
        self.directory, self.chosen = directory, chosen

    def __repr__(self) -> str:
        return f"<Store {self.directory.root}: study '{self.study.name}', {len(self.entries())} runs>"

    def _repr_html_(self) -> str:
        return as_html.of_store(self)

    # -- what is held: read once, until refreshed ----------------------------------------------------------------------

    @cached_property
    def study(self) -> Study:
        return self.directory.study()

    @cached_property
    def index(self) -> Index:
        """What is there, by the files' sizes and times."""
        return self.directory.index()

    @cached_property
    def population(self) -> Population:
        """Which runs are meant, and what they are called."""
        return Population(self.study, self.index, self.chosen)

    @cached_property
    def kept(self) -> dict[str, Any]:
        """What was gathered for views and findings, by what they read."""
        return {}

    def refresh(self) -> Store:
        """Forget what was read; the next question looks at the disk again."""
        for held in ("study", "index", "population", "kept", "main"):
            self.__dict__.pop(held, None)
        return self

    # -- which runs ----------------------------------------------------------------------------------------------------

    def only(self, runs: Iterable[Run]) -> Store:
        """The same study as if these were all its runs: tables, views, lenses and measures are of them alone."""
        return Store(self.directory, frozenset(run.id for run in runs))

    @cached_property
    def main(self) -> Store:
        """The same study without the runs of ``crossed``: what tables, views and findings speak of unless they ask for all."""
        aside = frozenset() if self.chosen is not None else self.population.aside
        return self.only(run for run in self._all() if run.id not in aside) if aside else self

    @property
    def besides(self) -> Store:
        """The runs that are here and that the recipe no longer asks for. Nothing else counts them."""
        asked = {e.id for e in self.entries()}
        return self.only(Run(self, e) for e in self.population.readable if e.id not in asked)

    @property
    def everything(self) -> Store:
        """The same study with every run that is here, those of an earlier recipe too; what tells them apart is a column."""
        return self.only(Run(self, e) for e in self.population.readable)

    def entries(self) -> list[RunEntry]:
        """What the index knows of these runs, in the order of the recipe."""
        return self.population.entries

    def _all(self) -> list[Run]:
        return [Run(self, e) for e in self.entries()]

    def run(self, id: str | None = None, **varied: Any) -> Run:
        """The one run with this id (or the beginning of one), or with these values: ``store.run(d_hidden=32, seed=0)``.

        In words, as on the command line: ``store.run("d_hidden=32,seed=0")``. Values that runs of ``crossed`` have too mean the one of ``vary``.
        """
        by_values = id is None or "=" in id
        if by_values and self.main is not self and (found := self.main._by_values(id, varied)):
            return Run(self, found)
        named: dict[str, Mapping[str, Any]] = {e.id: self.population.named(e) for e in self.entries()}
        # an id is unmistakable, whoever asks for the run
        if id is not None and "=" not in id and self.chosen is None:
            named |= {i: e.record.get("varied", {}) for i, e in self.index.runs.items() if i not in named}
        entry = self.index.runs[meant(named, id, varied)]
        if not entry.record:
            raise Damaged(next(iter(entry.damaged.values())))
        return Run(self, entry)

    def _by_values(self, id: str | None, varied: Mapping[str, Any]) -> RunEntry | None:
        """The one run of these values; none where there is none, or several."""
        named = {e.id: self.population.named(e) for e in self.entries()}
        try:
            return self.index.runs[meant(named, id, varied)]
        except UserError:
            return None

    def fellows(self, run: Run) -> list[Run]:
        """The runs that differ from this one in nothing but seeds, itself among them."""
        return [one for one in self._all() if one.steps and one.setting == run.setting]

    # -- what they are, and what is said of them -----------------------------------------------------------------------

    def runs(self) -> pd.DataFrame:
        """One row a run: what varied, status, step, epoch, number of checkpoints, and the last logged metrics."""
        return tables.of_runs(self)

    def metrics(self) -> pd.DataFrame:
        """Every logged step of every run, long: run, what varied, step, epoch, metrics."""
        return tables.of_metrics(self)

    def published(self) -> pd.DataFrame | None:
        """The published table that the study carries, if it carries one."""
        return tables.of_published(self)

    def findings(self) -> list[Any]:
        """The findings of the study, as :class:`~ontogeny.findings.base.Finding`."""
        from ontogeny.findings.base import Finding

        there = self.directory.findings.is_file()
        return [Finding.from_dict(f) for f in read_json(self.directory.findings)["findings"]] if there else []

    def lens(self, name: str, step: int | None = -1, **options: Any) -> xr.Dataset:
        """A lens at one step (−1: the last; 0: untrained) of every run: (run, …) with what varied as coordinates.

        ``step=None``: at every step that was kept, (run, step, …), missing (NaN) where a run did not keep it.
        """
        return results.over_runs(self, name, step, options)

    def table(self, lens: str, scalar: str, step: int = -1, **options: Any) -> pd.DataFrame:
        """One variable of a lens at one step, with what varied: one row a run, or a row a tick where it has axes of its own.

        ``store.table("learning_events", "grokked").groupby("weight_decay")["grokked"].median()``
        """
        return results.scalar(self, lens, scalar, step, options)

    def comparison(
        self, measure: str, step: int = -1, other: Store | None = None, **options: Any
    ) -> xr.Dataset:
        """Everything a measure says of all pairs of runs, or of these with those of an ``other`` study: the value and its extras. Read from disk when fresh;
        ``step`` 0: untrained.
        """
        if other is not None:
            return results.of_two(self, other, measure, step, options)
        return results.of_pairs(self, measure, step, options)

    def over_training(
        self,
        measure: str,
        steps: Sequence[int] | None = None,
        most: int = 16,
        align: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> xr.Dataset:
        """How alike every pair of runs is while they train: (step, run, run_other), at the same step or, with
        ``align={"metric": "test_accuracy", "at_least": 0.99}``, at the same distance from what happens to each
        (:func:`ontogeny.gathering.over_training.over_training`).
        """
        return over_training(self, measure, options, steps, most, align)

    def compare(self, measure: str, **options: Any) -> xr.DataArray:
        """How alike every pair of runs is: (run, run_other), with what varied as coordinates."""
        return self.comparison(measure, **options)["value"]

    def gather(self, reads: Iterable[str]) -> dict[str, Any]:
        """What views and findings read, by the words they read it with (see :mod:`ontogeny.needs`)."""
        return drawing.gather(self, reads)

    def draw(self, name: str, **options: Any) -> Drawn:
        """A view with its bindings and the sentence it says; ``draw(…).frame(step=500)`` is what changes at another step.

        ``run="seed=1"`` and ``step=500`` narrow a view of one run; ``measure="…"`` names the measure of a generic view, without which it is the
        first that the study asks for.
        """
        return drawing.draw(self, name, options)

    def view(self, name: str, **options: Any) -> Any:
        """A Plotly figure, with a slider where the view follows an axis."""
        from ontogeny.views.bindings import with_slider

        return with_slider(self.draw(name, **options))

    def explore(self, **state: str) -> Any:
        """The viewer of the workbench in a cell. ``state`` is what it shows, as in the workbench's addresses: ``page="neurons"``."""
        try:
            from ontogeny.workbench.widget import Explorer
        except ModuleNotFoundError as error:
            raise UserError(
                f"The viewer in a cell needs {error.name}, which is not installed: pip install 'ontogeny[notebook,workbench]'."
            ) from None
        return Explorer(self.directory.root, **state)


def open_store(path: str | Path) -> Store:
    """An existing study directory."""
    return Store(Directory.open(path))

"""One run as a notebook holds it: ``run.metrics()``, ``run.weights(-1)``, ``run.lens("effective_rank")``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ontogeny import as_html, build, expect, registry
from ontogeny.errors import Damaged, UserError, a
from ontogeny.interventions.base import Change, Intervention
from ontogeny.lenses.base import Lens
from ontogeny.lenses.session import Session, asked, in_order, look_plainly
from ontogeny.measures.pairwise import labelled
from ontogeny.models.base import Module
from ontogeny.named import Named
from ontogeny.numerics.map_correlation import most_alike
from ontogeny.plan import why_look
from ontogeny.store import results
from ontogeny.store.index import RunEntry
from ontogeny.study import Use
from ontogeny.training.member import Member
from ontogeny.work.look import load
from ontogeny.work.pairs import Pairs, Representation

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from torch import Tensor

    from ontogeny.handles import Store
    from ontogeny.representations.linked import LinkedMaps
    from ontogeny.subject import Subject


Between = Literal["final", "consecutive", "all", "equal"]


class Run:
    """One trained (or recorded, or imported) model: ``run.metrics()``, ``run.weights(-1)``, ``run.lens("effective_rank")``."""

    def __init__(self, store: Store, entry: RunEntry) -> None:
        self.store, self.entry = store, entry

    def __repr__(self) -> str:
        varied = ", ".join(f"{k}={v}" for k, v in self.varied.items())
        return f"<Run {self.id} ({varied}): {self.status} at step {self.entry.record.get('step')}, {len(self.steps)} checkpoints>"

    def _repr_html_(self) -> str:
        return as_html.of_run(self)

    @property
    def id(self) -> str:
        return self.entry.id

    @property
    def name(self) -> str:
        """What it is called among the others: "d_hidden=32, seed=0", or its id where nothing varied."""
        return ", ".join(f"{k}={v}" for k, v in self.varied.items()) or self.id

    @property
    def varied(self) -> dict[str, Any]:
        """What this run has that others have not: ``{"d_hidden": 32, "seed": 0}``."""
        return dict(self.entry.record.get("varied", {}))

    @property
    def setting(self) -> dict[str, Any]:
        """What makes this run what it is, but for its seeds."""
        return {k: v for k, v in self.entry.record.get("spec", {}).items() if k != "seeds"}

    @property
    def status(self) -> str:
        """done (whole budget), stopped (early, by rule), diverged, training (interrupted, or still at it), or recorded (from elsewhere,
        and nobody said that it is done)."""
        return self.entry.status

    @property
    def steps(self) -> list[int]:
        """Steps at which weights were kept."""
        return self.entry.steps

    @cached_property
    def member(self) -> Member:
        return build.member_of(self.entry.record)

    def metrics(self) -> pd.DataFrame:
        """One row a logged step, indexed by step."""
        table = self.store.directory.run(self.id).metrics()
        return table.set_index("step")

    def step(self, step: int) -> int:
        """``step`` itself if it was kept; −1 is the last, −2 the one before. A miss names its neighbours."""
        if not self.steps:
            raise UserError(f"Run {self.id} has no checkpoints ({self.status}).")
        if isinstance(step, bool) or not isinstance(step, int):
            raise UserError(
                f"Which step? {step!r} is no number of updates; run.steps lists those that were kept, -1 is the last."
            )
        if -len(self.steps) <= step < 0:
            return self.steps[step]
        if step not in self.steps:
            near = sorted(sorted(self.steps, key=lambda s: abs(s - step))[:2])
            raise UserError(
                f"Step {step} of run {self.id} was not kept; the nearest are {' and '.join(map(str, near))} "
                f"({len(self.steps)} steps from {self.steps[0]} to {self.steps[-1]})."
            )
        return step

    def weights(self, step: int = -1) -> dict[str, Tensor]:
        """Named tensors at one step, digests checked."""
        return Named("weight", {n: w[0] for n, w in self._load([self.step(step)]).items()})

    def model(self, step: int = -1) -> Module:
        """An ordinary ``nn.Module`` with the weights of one step."""
        return Module(self.member.architecture, self.weights(step))

    def subject(self, step: int = -1) -> Subject:
        """What a lens is given at one step: weights, probe, outputs, taps."""
        return build.subject(self.member, self.weights(step))

    def cache(self, step: int = -1) -> dict[str, Tensor]:
        """Every tap by name on the probe, as TransformerLens's ``run_with_cache`` gives it. A miss names its neighbours."""
        subject = self.subject(step)
        subject.read(*subject.architecture.taps)
        return Named("tap", {name: subject.tap(name) for name in subject.architecture.taps})

    def lens(
        self,
        lens: str | Lens | Callable[..., Any],
        steps: Sequence[int] | None = None,
        under: Sequence[Change] | Change = (),
        **options: Any,
    ) -> xr.Dataset:
        """A lens, by name or any function of a subject, over all kept steps (or ``steps``).

        A registered lens is read from disk when what is there is fresh, and computed otherwise. A bare function is called once a
        step, so breakpoints work in it. ``under``: an intervention, or several in the order in which they act; the lens then looks at the model under
        them (:func:`ontogeny.interventions.intervene`), and so do the lenses that it reads.
        """
        under = changes(under)
        wanted_steps = self.steps if steps is None else [self.step(s) for s in steps]
        if not (isinstance(lens, str) or callable(lens)):
            raise UserError(f"A lens is a name or a function of a model; this is {a(type(lens))}.")
        if callable(lens) and not isinstance(lens, Lens):
            return look_plainly(lens, self._subjects(wanted_steps), wanted_steps, under, **options)
        name = lens.name if isinstance(lens, Lens) else lens
        wanted = expect.wanted_lens(Use(name=name, options=options), self.member)
        if not under and why_look(wanted, self.entry) is None:
            try:
                data = results.read(self.store.directory.run(self.id).results / f"{wanted.stem}.nc")
                return data.sel(step=wanted_steps) if "step" in data.dims else data
            except Damaged:
                pass  # named by the index; what is asked for is computed anew
        through = in_order([asked(name, wanted.options)])
        needs = [need for one in through for need in one.lens.needs(one.options)]
        if under and not self._subjects([self.steps[0]]).passes(needs):
            raise UserError(
                f"Interventions edit the forward pass, and the lens '{name}' does not read it: nothing would change."
            )
        session = Session(self._subjects, self.steps, {name: wanted.options}, under)
        whole = (
            registry.lenses[name].scope == "trajectory"
        )  # what is said of a course is not said of some steps of it
        data = session.look([name], self.steps if whole else wanted_steps)[name]
        data = data.sel(step=wanted_steps) if whole and "step" in data.dims else data
        done = {"under": repr(list(under))} if under else {}
        return data.assign_attrs(lens=name, run=self.id, **done)

    def change(
        self,
        lens: str | Lens | Callable[..., Any],
        under: Sequence[Change] | Change,
        steps: Sequence[int] | None = None,
        **options: Any,
    ) -> xr.Dataset:
        """What interventions change in what a lens says: intervened − full, of every variable that is a number.

        Look at :meth:`lens` with and without ``under`` for the two conditions themselves. A lens that sorts or selects (key frequencies,
        clusters) selects anew under the intervention, so a change of it may be a change of what was selected.
        """
        full, cut = (self.lens(lens, steps, one, **options) for one in ((), under))
        numbers = [n for n, one in full.data_vars.items() if one.dtype.kind in "fiub"]
        change = cut[numbers].astype(float) - full[numbers].astype(float)
        for name in numbers:
            words = full[name].attrs.get("long_name", name)
            change[name].attrs = {**full[name].attrs, "long_name": f"change of: {words}"}
        return change.assign_attrs(cut.attrs)

    def compare(
        self,
        measure: str,
        between: Between = "final",
        other: Run | None = None,
        taps: Sequence[str] = (),
        step: int = -1,
        **options: Any,
    ) -> xr.Dataset:
        """A measure between the steps of this run: ``consecutive``, each to the ``final``, or ``all`` pairs.

        ``other``: the steps of this run beside those of another, of this study or of any: each to the ``final`` one of the other, ``equal`` steps that
        both keep, or ``all`` pairs. ``taps``: places in the model beside one another (layer × layer) at ``step``, of one run or of two. What was
        compared once is kept in the study's directory.
        """
        if between not in get_args(Between):
            raise UserError(f"between = {between!r}: choose {', '.join(map(repr, get_args(Between)))}.")
        if taps and "tap" in options:
            raise UserError("tap= is one place and taps= several; name them all in taps=.")
        for use in [Use(name=measure, options={**options, "tap": tap}) for tap in taps] or [
            Use(name=measure, options=options)
        ]:
            for m in [self.member, *([other.member] if other is not None else [])]:
                expect.refuse_measure(use, m)
            if other is not None:
                expect.refuse_other_inputs(measure, self.member, other.member)
        entry = registry.measures[measure]
        pairs, given, end = Pairs(entry, options, self.store.directory), entry.options(options), other or self
        if taps:
            sides = [[run.at(step, tap) for tap in taps] for run in (self, end)]
            values = pairs.grid(sides[0], None if other is None else sides[1])
            given = {k: v for k, v in given.items() if k != "tap"}
            return labelled(entry, values, given, ("tap", {"tap": list(taps)}), ("tap", {"tap": list(taps)}))
        tap = given.get("tap", "")
        left = [self.at(step, tap) for step in self.steps]
        if between == "final":
            values = {k: v[:, 0] for k, v in pairs.grid(left, [end.at(-1, tap)]).items()}
            return labelled(entry, values, given, ("step", {"step": self.steps}))
        right = left if other is None else [other.at(step, tap) for step in other.steps]
        if between == "all":
            ticks = [("step", {"step": run.steps}) for run in (self, end)]
            return labelled(entry, pairs.grid(left, None if other is None else right), given, *ticks)
        if between == "equal":
            if other is None:
                raise UserError("between='equal' is for two runs: other=store.run(…).")
            together = [(x, y) for x in left for y in right if x.step == y.step]
        else:
            together = list(zip(left[1:], right[:-1], strict=True)) if other is None else []
            if not together:
                raise UserError("between='consecutive' is for the steps of one run, two of them or more.")
        if not together:
            raise UserError(f"No step is kept of both: {self.name} has {self.steps}, {end.name} {end.steps}.")
        first, second = zip(*together, strict=True)
        along = {
            k: v.diagonal() for k, v in pairs.grid(first, second, np.eye(len(together), dtype=bool)).items()
        }
        return labelled(entry, along, given, ("step", {"step": [x.step for x in first]}))

    def at(self, step: int, tap: str = "") -> Representation:
        """What this run holds at a step, at a place in the model."""
        return Representation(self.store.directory, self.entry, self.member, self.step(step), tap)

    def linked_maps(self, other: Run, step: int = -1, **options: Any) -> LinkedMaps:
        """Atoms of this autoencoder beside those of another, or neurons of the last layer, as two maps whose partners light up together.

        Vectors are what a unit says (the read-out), partners do the same on the inputs of the probe (:func:`ontogeny.linked_maps`, ``options``).
        """
        from ontogeny.representations.linked import linked_maps

        expect.refuse_other_inputs("linked maps", self.member, other.member)
        models = [run.subject(step) for run in (self, other)]
        probe = models[0].probe
        acts = [model.site("neurons[-1]").reshape(-1, model.site("readout").shape[-2]) for model in models]
        sizes = tuple(probe.grid.values())
        if len(sizes) == 2 and len(acts[0]) == sizes[0] * sizes[1]:
            options = {"grid": sizes, "inputs": _named_inputs(probe.grid), **options}
        names = (
            self.name,
            other.name if other.name != self.name else f"{other.name} of {other.store.study.name}",
        )
        return linked_maps(
            *(model.site("readout") for model in models),
            activations=tuple(acts),
            **{"names": names, **options},
        )

    def like(
        self,
        unit: int,
        step: int = -1,
        *,
        tap: str = "neurons[-1]",
        among: Sequence[Run] = (),
        count: int = 6,
    ) -> pd.DataFrame:
        """The units most like this one: which maps over the inputs correlate most with its own, by |r|, here and in other runs?

        ``unit`` counts along the tap's own axes, the last fastest; ``among``: runs to look in besides this one, such as other seeds, at
        their kept step nearest to this one. Columns: run, step, unit, r, the most alike of each run first.

        How it misleads: r is of the labels' order; two neurons of one frequency and different phase may have r near 0 (see the
        lens ``neuron_clusters`` by spectrum).
        """
        import pandas as pd

        def maps_of(run: Run, at: int) -> np.ndarray:
            found = run.lens("grid_activations", [at], tap=tap)["activation"].isel(step=0)
            grid = list(build.subject(run.member, {}).probe.grid)  # no weights are read for that
            own = [dim for dim in found.dims if dim not in grid]
            shaped = found.transpose(*own, *grid).values
            return np.asarray(shaped.reshape(-1, *shaped.shape[len(own) :]))

        here = self.step(step)
        mine = maps_of(self, here)
        if not 0 <= unit < len(mine):
            raise UserError(f"There is no unit {unit} at {tap}; {self.name} has {len(mine)}, from 0.")
        rows = []
        for run in (self, *among):
            own = run.id == self.id
            at = here if own else min(run.steps, key=lambda one: abs(one - here))
            theirs = mine if own else maps_of(run, at)
            if theirs.shape[1:] != mine.shape[1:]:
                raise UserError(
                    f"{self.name} has {mine.shape[1]} × {mine.shape[2]} inputs and {run.name} {theirs.shape[1]} × {theirs.shape[2]}: "
                    "their maps cannot be laid side by side."
                )
            found = most_alike(mine[unit], theirs, unit if own else -1, count)
            rows += [(run.name, at, u, r) for u, r in zip(found["units"], found["r"], strict=True)]
        return pd.DataFrame(rows, columns=["run", "step", "unit", "r"])

    def densify(self, from_step: int, to_step: int, every: int) -> list[int]:
        """Keep more checkpoints of a stretch that was trained; returns the new steps (:func:`ontogeny.densify.densify`)."""
        from ontogeny.densify import densify

        new = densify(self.store.directory, self.id, from_step, to_step, every)
        self.entry = self.store.refresh().index.runs[self.id]
        return new

    def explore(self, **state: str) -> Any:
        """This run in the viewer of the workbench, in a cell: ``explorer.step`` is the step under its cursor, ``explorer.units`` what is chosen."""
        return self.store.explore(page="explore", run=self.id, **state)

    def _subjects(self, steps: Sequence[int]) -> Subject:
        return build.subject(self.member, self._load(steps))

    def _load(self, steps: Sequence[int]) -> dict[str, Tensor]:
        return load(self.store.directory, self.entry, steps)


def _named_inputs(grid: Mapping[str, int]) -> list[str]:
    """What the inputs of a grid are called, in their order."""
    (a, n), (b, m) = grid.items()
    return [f"{a} = {i}, {b} = {j}" for i in range(n) for j in range(m)]


def changes(under: Sequence[Change] | Change) -> list[Change]:
    """One intervention may be given bare. What is none is named, with what there is."""
    given: list[Any] = list(under) if isinstance(under, list | tuple) else [under]
    for one in given:
        if isinstance(one, str):
            registry.interventions[one]  # a miss names its neighbours
            raise UserError(
                f"An intervention needs its settings: under={{'kind': '{one}', …}}; `ontogeny interventions` lists them."
            )
        if not isinstance(one, Mapping | Intervention) and not hasattr(one, "edits"):
            raise UserError(f"under= is an intervention or a list of them; {one!r} is none.")
    return given

"""One run through many lenses: shared forward passes, lenses that read lenses in order, each step by itself on one core.

A step is looked at alone, in memory of its own, so what is said of it cannot depend on which other steps were asked for: not
through a product of matrices that adds up otherwise in another stack, nor through the number of threads. Steps go side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ontogeny.axes import Labelled, dataset, to_numpy
from ontogeny.errors import UserError
from ontogeny.interventions.base import Change, intervene
from ontogeny.lenses.base import Lens
from ontogeny.numerics.cores import one_core_each
from ontogeny.registry import lenses as registry
from ontogeny.subject import Subject

if TYPE_CHECKING:
    import xarray as xr

MOST_STEPS = 32  # whose weights are read from disk at once
BUSY = (
    2**18
)  # outputs of one forward pass, from which on steps go side by side; small ones would only wait for Python

Options = Mapping[str, Any]
MakeSubject = Callable[[Sequence[int]], Subject]  # steps → a subject with a leading step axis


def parse(read: str) -> tuple[str, bool]:
    """``"key_frequencies@final"`` → ("key_frequencies", True)."""
    name, _, when = read.partition("@")
    return name, when == "final"


def in_order(wanted: Iterable[str], seen: tuple[str, ...] = ()) -> list[str]:
    """Lenses and everything they read, each after what it reads; a circle is refused."""
    order: list[str] = []
    for name in wanted:
        if name in seen:
            raise UserError(f"Lenses read each other in a circle: {' → '.join((*seen, name))}.")
        for needed in in_order((parse(r)[0] for r in registry[name].of("lens")), (*seen, name)):
            if needed not in order:
                order.append(needed)
        if name not in order:
            order.append(name)
    return order


def needs_all_steps(lens: Lens) -> bool:
    """Whether new steps change what was said of old ones: trajectories, and whatever reads the last step."""
    needed = [registry[name] for name in in_order([lens.name])]
    return any(n.scope == "trajectory" or any(parse(r)[1] for r in n.of("lens")) for n in needed)


@dataclass
class Session:
    """Lenses of one run, under interventions if there are any. ``options`` are those of the lenses asked for; lenses that are only
    read use their defaults."""

    make: MakeSubject
    steps: Sequence[int]
    options: Mapping[str, Options] = field(default_factory=dict)
    under: Sequence[Change] = ()

    def look(self, wanted: Sequence[str], steps: Sequence[int] | None = None) -> dict[str, xr.Dataset]:
        """Datasets by lens: (step, …) for scope ``model``, the lens's own axes for scope ``trajectory``."""
        steps = list(self.steps if steps is None else steps)
        order = in_order(wanted)
        final = {parse(r)[0] for name in order for r in registry[name].of("lens") if parse(r)[1]}
        at_end = self._run(in_order(final), [self.steps[-1]], {}) if final else {}
        finals = {n: {v: torch.as_tensor(to_numpy(x.values)[0]) for v, x in at_end[n].items()} for n in final}
        everything = self._run(order, steps, finals)
        out = {}
        for name in wanted:
            leading = () if registry[name].scope == "trajectory" else ("step",)
            coords = {} if registry[name].scope == "trajectory" else {"step": np.asarray(steps)}
            out[name] = dataset(everything[name], leading, coords)
        return out

    def _run(
        self, order: Sequence[str], steps: Sequence[int], finals: Mapping[str, Mapping[str, Tensor]]
    ) -> dict[str, dict[str, Labelled]]:
        """All lenses in ``order`` at ``steps``."""
        models = [n for n in order if registry[n].scope == "model"]
        each = self._each(models, steps, finals) if models else []
        done = {n: _stacked([said[n] for said in each]) for n in models}
        if trajectories := [n for n in order if registry[n].scope == "trajectory"]:
            subject = self._prepared(self.make(steps), steps, finals)
            subject.results = {n: _tensors(d) for n, d in done.items()}
            for name in trajectories:
                done[name] = {v: _detached(x) for v, x in self._ask(registry[name], subject).items()}
                subject.results = {**subject.results, name: _tensors(done[name])}
        return done

    def _each(
        self, models: Sequence[str], steps: Sequence[int], finals: Mapping[str, Mapping[str, Tensor]]
    ) -> list[dict[str, dict[str, Labelled]]]:
        """By step, then lens: what lenses of scope ``model`` say."""
        taps = sorted({t for n in models for t in registry[n].of("tap")})
        passes = any(not r.startswith("weights") for n in models for r in registry[n].reads)

        def look(subject: Subject) -> dict[str, dict[str, Labelled]]:
            if taps:
                subject.read(*taps)
            said: dict[str, dict[str, Labelled]] = {}
            for name in models:
                said[name] = {v: _detached(x) for v, x in self._ask(registry[name], subject).items()}
                subject.results = {**subject.results, name: _tensors(said[name])}
            return said

        found: list[dict[str, dict[str, Labelled]]] = []
        with one_core_each() as share:
            for i in range(0, len(steps), MOST_STEPS):
                some = steps[i : i + MOST_STEPS]
                together = self.make(some)
                alone = [self._prepared(together.at(k), [step], finals) for k, step in enumerate(some)]
                for name in models if i == 0 else ():
                    refuse(registry[name], alone[0])
                busy = passes and len(together.probe.inputs) * together.signature.outputs >= BUSY
                found += share(look, alone) if busy else map(look, alone)
        return found

    def _prepared(
        self, subject: Subject, steps: Sequence[int], finals: Mapping[str, Mapping[str, Tensor]]
    ) -> Subject:
        subject = intervene(subject, *self.under)
        subject.steps, subject.final_results = tuple(steps), finals
        return subject

    def _ask(self, lens: Lens, subject: Subject) -> dict[str, Labelled]:
        if lens.scope == "trajectory":
            refuse(lens, subject)
        with torch.no_grad():
            return lens(subject, **lens.options(self.options.get(lens.name, {})))


def refuse(lens: Lens, subject: Subject) -> None:
    """Say why a lens cannot look at a subject, before anything is computed."""
    if obstacle := lens.obstacle(subject):
        raise UserError(f"The lens '{lens.name}' cannot look at this run: {obstacle}.")


def _detached(x: Labelled) -> Labelled:
    """On the CPU, and alone: a view of a tap would keep the whole tap in memory until the last step is done."""
    values = x.values
    if isinstance(values, Tensor) and values.untyped_storage().nbytes() > values.nbytes:
        values = values.clone(memory_format=torch.contiguous_format)
    return Labelled(to_numpy(values), x.dims, x.long_name, x.units, x.coords, x.attrs)


def _tensors(said: Mapping[str, Labelled]) -> dict[str, Tensor]:
    return {v: torch.as_tensor(x.values) for v, x in said.items()}


def _stacked(each: Sequence[Mapping[str, Labelled]]) -> dict[str, Labelled]:
    """What one lens said of every step, on a leading axis."""
    return {
        v: Labelled(
            np.stack([said[v].values for said in each]), x.dims, x.long_name, x.units, x.coords, x.attrs
        )
        for v, x in each[0].items()
    }


def look_plainly(
    function: Callable[..., Any],
    subject: Subject,
    steps: Sequence[int],
    under: Sequence[Change] = (),
    **options: Any,
) -> xr.Dataset:
    """An unregistered function as a lens: called once a step with a subject without leading axes, so that breakpoints and
    functions that know nothing of leading axes work. It may return labelled arrays, tensors, numbers, or a dict of them."""
    answers = []
    for i, step in enumerate(steps):
        one = intervene(subject.at(i), *under)
        one.steps = (step,)
        said = function(one, **options)
        answers.append(said if isinstance(said, dict) else {getattr(function, "__name__", "value"): said})
    arrays = {}
    for name, value in answers[0].items():
        plain = [a[name].values if isinstance(a[name], Labelled) else a[name] for a in answers]
        stacked = np.stack([to_numpy(x) for x in plain])
        if isinstance(value, Labelled):
            arrays[name] = Labelled(
                stacked, value.dims, value.long_name, value.units, value.coords, value.attrs
            )
        else:
            dims = tuple(f"dim_{i}" for i in range(stacked.ndim - 1))
            arrays[name] = Labelled(stacked, dims, name.replace("_", " "))
    return dataset(arrays, ("step",), {"step": np.asarray(list(steps))})

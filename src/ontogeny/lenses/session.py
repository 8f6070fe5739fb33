"""One run through many lenses: shared forward passes, lenses that read lenses in order, each step by itself on one core.

A step is looked at alone, in memory of its own, so what is said of it cannot depend on which other steps were asked for: not
through a product of matrices that adds up otherwise in another stack, nor through the number of threads. Steps go side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ontogeny.axes import Labelled, dataset, to_numpy
from ontogeny.errors import UserError
from ontogeny.interventions.base import Change, intervene
from ontogeny.lenses.base import Lens
from ontogeny.needs import Need, inline
from ontogeny.numerics.cores import one_core_each
from ontogeny.registry import lenses as registry
from ontogeny.subject import Subject

if TYPE_CHECKING:
    import xarray as xr

MOST_STEPS = 32  # whose weights are read from disk at once
# Outputs of one forward pass, from which on steps go side by side; small ones would only wait for Python.
BUSY = 2**18

Options = Mapping[str, Any]
Said = Mapping[str, Labelled]
Finals = Mapping[str, Mapping[str, Tensor]]
MakeSubject = Callable[[Sequence[int]], Subject]  # steps → a subject with a leading step axis


class Asked(NamedTuple):
    """A lens under options; two of them are two results."""

    lens: Lens
    options: Mapping[str, Any]

    @property
    def key(self) -> str:
        return f"{self.lens.name}({inline(dict(self.options))})"

    @property
    def reads(self) -> list[tuple[Need, Asked]]:
        """The lenses that it reads, as it reads them."""
        needs = [need for need in self.lens.needs(self.options) if need.kind == "lens"]
        return [(need, asked(need.name, need.options)) for need in needs]


def asked(name: str, options: Options | None = None) -> Asked:
    """A lens by name, under these options and the defaults of the others."""
    return Asked(registry[name], registry[name].options(options or {}))


def in_order(wanted: Iterable[str | Asked], seen: tuple[str, ...] = ()) -> list[Asked]:
    """Lenses and everything they read, each after what it reads; a circle is refused."""
    order: dict[str, Asked] = {}
    for one in wanted:
        one = asked(one) if isinstance(one, str) else one
        if one.lens.name in seen:
            raise UserError(f"Lenses read each other in a circle: {' → '.join((*seen, one.lens.name))}.")
        for needed in in_order((of for _, of in one.reads), (*seen, one.lens.name)):
            order.setdefault(needed.key, needed)
        order.setdefault(one.key, one)
    return list(order.values())


def needs_all_steps(one: Asked) -> bool:
    """Whether new steps change what was said of old ones: trajectories, and whatever reads the last step."""
    return any(
        of.lens.scope == "trajectory" or any(need.when == "final" for need, _ in of.reads)
        for of in in_order([one])
    )


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
        chosen = {name: asked(name, self.options.get(name)) for name in wanted}
        order = in_order(chosen.values())
        last = [of for one in order for need, of in one.reads if need.when == "final"]
        at_end = self._run(in_order(last), [self.steps[-1]], {}) if last else {}
        finals = {of.key: _tensors(at_end[of.key], 0) for of in last}
        everything = self._run(order, steps, finals)
        out = {}
        for name, one in chosen.items():
            course = one.lens.scope == "trajectory"
            coords = {} if course else {"step": np.asarray(steps)}
            out[name] = dataset(everything[one.key], () if course else ("step",), coords)
        return out

    def _run(self, order: Sequence[Asked], steps: Sequence[int], finals: Finals) -> dict[str, Said]:
        """All lenses in ``order`` at ``steps``."""
        models = [one for one in order if one.lens.scope == "model"]
        each = self._each(models, steps, finals) if models else []
        done: dict[str, Said] = {one.key: _stacked([said[one.key] for said in each]) for one in models}
        if courses := [one for one in order if one.lens.scope == "trajectory"]:
            subject = self._prepared(self.make(steps), steps)
            for one in courses:
                refuse(one, subject)
                done[one.key] = self._ask(one, subject, done, finals)
        return done

    def _each(self, models: Sequence[Asked], steps: Sequence[int], finals: Finals) -> list[dict[str, Said]]:
        """By step, then lens: what lenses of scope ``model`` say."""
        needs = [need for one in models for need in one.lens.needs(one.options)]

        def look(subject: Subject) -> dict[str, Said]:
            if taps := subject.taps_among(needs):
                subject.read(*taps)
            said: dict[str, Said] = {}
            for one in models:
                said[one.key] = self._ask(one, subject, said, finals)
            return said

        found: list[dict[str, Said]] = []
        with one_core_each() as share:
            for i in range(0, len(steps), MOST_STEPS):
                some = steps[i : i + MOST_STEPS]
                together = self.make(some)
                alone = [self._prepared(together.at(k), [step]) for k, step in enumerate(some)]
                for one in models if i == 0 else ():
                    refuse(one, alone[0])
                size = len(together.probe.inputs) * together.signature.outputs
                busy = size >= BUSY and together.passes(needs)
                found += share(look, alone) if busy else map(look, alone)
        return found

    def _prepared(self, subject: Subject, steps: Sequence[int]) -> Subject:
        subject = intervene(subject, *self.under)
        subject.steps = tuple(steps)
        return subject

    def _ask(self, one: Asked, subject: Subject, said: Mapping[str, Said], finals: Finals) -> Said:
        """One lens of a subject that knows what the lens reads of others: at its own step, and at the last."""
        subject.results = {n.name: _tensors(said[of.key]) for n, of in one.reads if n.when == "same"}
        subject.final_results = {n.name: finals[of.key] for n, of in one.reads if n.when == "final"}
        with torch.no_grad():
            return {v: _detached(x) for v, x in one.lens(subject, **one.options).items()}


def refuse(one: Asked, subject: Subject) -> None:
    """Say why a lens cannot look at a subject, before anything is computed."""
    if obstacle := one.lens.obstacle(subject, one.options):
        raise UserError(f"The lens '{one.lens.name}' cannot look at this run: {obstacle}.")


def _detached(x: Labelled) -> Labelled:
    """On the CPU, and alone: a view of a tap would keep the whole tap in memory until the last step is done."""
    values = x.values
    if isinstance(values, Tensor) and values.untyped_storage().nbytes() > values.nbytes:
        values = values.clone(memory_format=torch.contiguous_format)
    return Labelled(to_numpy(values), x.dims, x.long_name, x.units, x.coords, x.attrs)


def _tensors(said: Said, step: int | None = None) -> dict[str, Tensor]:
    """The bare values, of all steps or of one."""
    return {
        v: torch.as_tensor(to_numpy(x.values) if step is None else to_numpy(x.values)[step])
        for v, x in said.items()
    }


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

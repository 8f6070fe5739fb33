"""One run through many lenses: shared forward passes, chunks of steps by a byte budget, lenses that read lenses in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ontogeny.axes import Labelled, dataset, to_numpy
from ontogeny.errors import UserError
from ontogeny.lenses.base import Lens
from ontogeny.registry import lenses as registry
from ontogeny.subject import Subject

if TYPE_CHECKING:
    import xarray as xr

BYTE_BUDGET = 256 * 2**20  # of one chunk's outputs and taps, with room for what lenses make of them
MOST_STEPS = 64  # in one chunk, for lenses that read weights alone

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
    """Lenses of one run. ``options`` are those of the lenses asked for; lenses that are only read use their defaults."""

    make: MakeSubject
    steps: Sequence[int]
    options: Mapping[str, Options] = field(default_factory=dict)
    budget: int = BYTE_BUDGET

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
        parts: dict[str, list[dict[str, Labelled]]] = {n: [] for n in models}
        for chunk in self._chunks(models, steps):
            subject = self._subject(chunk, finals)
            taps = sorted({t for n in models for t in registry[n].of("tap")})
            if taps:
                subject.read(*taps)
            for name in models:
                said = self._ask(registry[name], subject)
                parts[name].append({v: _detached(x) for v, x in said.items()})
                subject.results = {
                    **subject.results,
                    name: {v: torch.as_tensor(x.values) for v, x in said.items()},
                }
        done = {n: _concatenate(p) for n, p in parts.items()}
        if trajectories := [n for n in order if registry[n].scope == "trajectory"]:
            subject = self._subject(steps, finals)
            subject.results = {
                n: {v: torch.as_tensor(x.values) for v, x in d.items()} for n, d in done.items()
            }
            for name in trajectories:
                done[name] = {v: _detached(x) for v, x in self._ask(registry[name], subject).items()}
                tensors = {v: torch.as_tensor(x.values) for v, x in done[name].items()}
                subject.results = {**subject.results, name: tensors}
        return done

    def _subject(self, steps: Sequence[int], finals: Mapping[str, Mapping[str, Tensor]]) -> Subject:
        subject = self.make(steps)
        subject.steps = tuple(steps)
        subject.final_results = finals
        return subject

    def _ask(self, lens: Lens, subject: Subject) -> dict[str, Labelled]:
        refuse(lens, subject)
        with torch.no_grad():
            return lens(subject, **lens.options(self.options.get(lens.name, {})))

    def _chunks(self, models: Sequence[str], steps: Sequence[int]) -> list[Sequence[int]]:
        """Steps in chunks whose outputs and taps fit the budget, measured on one step."""
        if not models:
            return []
        each = MOST_STEPS
        if any(not r.startswith("weights") for n in models for r in registry[n].reads):
            probe = self.make(steps[:1])
            for name in models:
                refuse(registry[name], probe)
            taps = sorted({t for n in models for t in registry[n].of("tap")})
            probe.read(*taps)
            size = probe.outputs.nbytes + sum(probe.tap(t).nbytes for t in taps)
            each = min(each, max(1, self.budget // (4 * size)))
        return [steps[i : i + each] for i in range(0, len(steps), each)]


def refuse(lens: Lens, subject: Subject) -> None:
    """Say why a lens cannot look at a subject, before anything is computed."""
    if obstacle := lens.obstacle(subject):
        raise UserError(f"The lens '{lens.name}' cannot look at this run: {obstacle}.")


def _detached(x: Labelled) -> Labelled:
    """On the CPU, and alone: a view of a tap would keep the whole tap in memory until the last chunk is done."""
    values = x.values
    if isinstance(values, Tensor) and values.untyped_storage().nbytes() > values.nbytes:
        values = values.clone(memory_format=torch.contiguous_format)
    return Labelled(to_numpy(values), x.dims, x.long_name, x.units, x.coords, x.attrs)


def _concatenate(parts: Sequence[dict[str, Labelled]]) -> dict[str, Labelled]:
    first = parts[0]
    if len(parts) == 1:
        return first
    return {
        v: Labelled(
            np.concatenate([p[v].values for p in parts]), x.dims, x.long_name, x.units, x.coords, x.attrs
        )
        for v, x in first.items()
    }


def look_plainly(
    function: Callable[..., Any], subject: Subject, steps: Sequence[int], **options: Any
) -> xr.Dataset:
    """An unregistered function as a lens: called once a step with a subject without leading axes, so that breakpoints and
    functions that know nothing of leading axes work. It may return labelled arrays, tensors, numbers, or a dict of them."""
    answers = []
    for i, step in enumerate(steps):
        one = subject.at(i)
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

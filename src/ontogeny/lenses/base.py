"""What a lens is: a pure function from a :class:`~ontogeny.subject.Subject` to arrays, and what it declares.

    @lens(
        reads=("site:neurons[{layer}]", "group", "lens:key_frequencies@final"),
        gives={"share": gives("frequency", "neuron", long_name="share of the neuron's variance")},
    )
    def my_lens(model: Subject, *, layer: int = -1, threshold: float = 0.85) -> Found:
        '''The question answered, in one sentence. …'''
        return Found(share=…)

Keyword arguments are the lens's options; ``{option}`` is filled in, in what it reads and in long names. The function is written for
tensors with any number of leading axes. What it gives is declared once, with the names of its *trailing* axes, units and meaning: from
that it is labelled, checked and documented. A lens that reads ``period`` or ``group`` is given the model in the labelling in which
its task is addition in Z_n, and its result says which that is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from torch import Tensor

from ontogeny.axes import AXES, Labelled, labelled
from ontogeny.errors import UnknownName, UserError
from ontogeny.needs import Need, of_model
from ontogeny.numerics.fourier import harmonic_names
from ontogeny.options import Catalogued, describe
from ontogeny.registry import lenses
from ontogeny.subject import Subject

Cost = Literal["cheap", "moderate", "costly"]
Scope = Literal["model", "trajectory"]
Reads = tuple[str, ...] | Callable[[Mapping[str, Any]], tuple[str, ...]]

GRID, OWN = "grid", "…"  # among the axes that are declared: those of the probe's grid; those of a tap
COUNTED = (
    "frequency",
    "frequency_other",
    "output",
    "neuron",
    "head",
    "key",
)  # axes whose ticks are 0, 1, 2, …
ANY = "*"  # among the names that are declared: whatever else there is


class Gives(NamedTuple):
    """One variable of a lens: its trailing axes, what it is, its units."""

    dims: tuple[str, ...]
    long_name: str
    units: str = "1"


def gives(*dims: str, long_name: str, units: str = "1") -> Gives:
    """``gives("frequency", "neuron", long_name="share at the frequency")``."""
    for name in dims:
        if name not in (*AXES, GRID, OWN):
            raise UnknownName(
                "axis", name, AXES, "Plug-ins declare theirs with ontogeny.axes.add(name, description)."
            )
    return Gives(dims, long_name, units)


class Found(dict[str, Any]):
    """What a lens found: values by the names that it declared. ``ticks`` of axes, ``attrs`` of everything found, ``of`` single variables.

    ``attrs`` may be spoken of in long names: ``"logits at ({a}, {b})"``.
    """

    def __init__(
        self,
        values: Mapping[str, Any] | None = None,
        *,
        ticks: Mapping[str, Any] | None = None,
        attrs: Mapping[str, Any] | None = None,
        of: Mapping[str, Mapping[str, Any]] | None = None,
        **more: Any,
    ) -> None:
        super().__init__({**(values or {}), **more})
        self.ticks, self.attrs, self.of = dict(ticks or {}), dict(attrs or {}), dict(of or {})


@dataclass(frozen=True)
class Lens(Catalogued):
    """A registered lens. Calling it calls the function, and labels what it gives."""

    word = "lens"

    name: str
    function: Callable[..., Mapping[str, Any]]
    reads: Reads = ()
    gives: Mapping[str, Gives] = field(default_factory=dict)
    cost: Cost = "cheap"
    scope: Scope = "model"
    keep: bool = (
        True  # False: a recipe that names no lenses does not have it; one that names it stores it too
    )

    def __call__(self, model: Subject, **given: Any) -> dict[str, Labelled]:
        options = {**self.defaults, **given}
        seen = model.in_group() if self._waves(options) else model
        found = self.function(seen, **given)
        return self._labelled(found, seen, options) if self.gives else dict(found)

    def needs(self, given: Mapping[str, Any] | None = None) -> tuple[Need, ...]:
        """What is read under these options."""
        options = {**self.defaults, **(given or {})}
        return of_model(self.reads(options) if callable(self.reads) else self.reads, options)

    def obstacle(self, model: Subject, given: Mapping[str, Any] | None = None) -> str | None:
        """Why this lens cannot look at this model; ``None`` if it can."""
        return model.lacks(self.needs(given))

    def _waves(self, options: Mapping[str, Any]) -> bool:
        return any(need.kind in ("period", "group") for need in self.needs(options))

    def _labelled(
        self, found: Mapping[str, Any], model: Subject, options: Mapping[str, Any]
    ) -> dict[str, Labelled]:
        said = found if isinstance(found, Found) else Found(found)
        if missing := [name for name in self.gives if name != ANY and name not in said]:
            raise UserError(f"The lens '{self.name}' declares {', '.join(missing)} and did not give it.")
        group = model.probe.group
        spoken = {"labelling": group.words} if group and group.words and self._waves(options) else {}
        return {name: self._one(name, value, said, model, options, spoken) for name, value in said.items()}

    def _one(
        self,
        name: str,
        value: Any,
        said: Found,
        model: Subject,
        options: Mapping[str, Any],
        spoken: Mapping[str, str],
    ) -> Labelled:
        declared = self.gives.get(name) or self.gives.get(ANY)
        if declared is None:
            raise UnknownName(f"variable that the lens '{self.name}' declares", name, self.gives)
        own = {**said.attrs, **said.of.get(name, {})}
        words = {**options, **own, "name": name.replace("_", " ")}
        dims = list(declared.dims)
        for placeholder, axes in ((GRID, model.grid), (OWN, own.pop("axes", ()))):
            if placeholder in dims:
                at = dims.index(placeholder)
                dims[at : at + 1] = axes
        lead = len(model.lead) if self.scope == "model" else 0
        if isinstance(value, Tensor) and value.ndim != lead + len(dims):
            raise UserError(
                f"The lens '{self.name}' gives '{name}' the shape {tuple(value.shape)}; "
                f"declared are {lead} leading axes and ({', '.join(dims)})."
            )
        sizes = dict(zip(dims, value.shape[lead:], strict=True)) if isinstance(value, Tensor) else {}
        ticks = {axis: tick for axis, size in sizes.items() if (tick := _counted(axis, size, model))}
        ticks |= {axis: tick for axis, tick in said.ticks.items() if axis in dims}
        units = own.pop("units", declared.units)
        long_name = declared.long_name.format(**words)
        return labelled(value, *dims, long_name=long_name, units=units, coords=ticks, **own, **spoken)


def _counted(axis: str, size: int, model: Subject) -> Sequence[Any] | None:
    """Ticks of the axes that say which they are by themselves."""
    if axis.startswith("harmonic"):
        return harmonic_names(size)
    return range(size) if axis in COUNTED or axis in model.grid else None


def lens(
    *,
    reads: Reads = (),
    gives: Mapping[str, Gives] | None = None,
    cost: Cost = "cheap",
    scope: Scope = "model",
    keep: bool = True,
    name: str | None = None,
) -> Callable[[Callable[..., Any]], Lens]:
    """Register a lens under the function's name. Without ``gives`` the function labels what it returns itself."""

    def register(function: Callable[..., Any]) -> Lens:
        if not describe(function):
            raise UserError(
                f"The lens '{function.__name__}' has no docstring; say which question it answers."
            )
        entry = Lens(name or function.__name__, function, reads, gives or {}, cost, scope, keep)
        entry.needs()  # refuses what cannot be read
        return lenses.add(entry.name, entry)

    return register

"""What a measure is: ``prepare(one) → factors`` once a representation, ``pair(factors, factors) → value`` for each pair.

    @measure(kind="similarity", range=(0, 1), input="samples", invariances=LINEAR, nulls=("row_shuffle",))
    class svcca:
        '''Do two representations share their large directions, up to an invertible map? …'''
        keep: float = 0.99                                # options are fields
        def prepare(self, x: Tensor) -> Basis             # one array (rows, columns), or one Subject if input="model"
        def pair(self, x: Basis, y: Basis) -> Tensor      # or a dict: "value" and extras

A class may have ``pairs(xs, ys) → (len(xs), len(ys))`` instead, where all pairs at once are cheaper than one after another, and
``shuffled(x, y, orders) → (order,)``, the values with the samples of ``y`` in other orders, where these are cheaper than preparing anew.
An extra may have axes of its own, which ``gives`` names and ``ticks`` numbers; one that has the axis ``step`` makes the measure one of whole
runs: ``prepare`` is then handed all steps that the runs have in common, as the leading axis of its Subject.

What is registered can be called: ``svcca(X, Y, keep=0.95)`` takes arrays (…, n, d) and (…, n, e) and returns (…).
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, dataclass_transform

import torch
from torch import Tensor

from ontogeny.axes import AXES
from ontogeny.errors import UnknownName, UserError
from ontogeny.measures.reading import DEFAULT_TAP, as_tensor, representation, word
from ontogeny.needs import Need, of_model
from ontogeny.numerics.cores import one_core_each
from ontogeny.options import Catalogued
from ontogeny.registry import measures
from ontogeny.subject import Subject

Kind = Literal["similarity", "distance", "divergence"]

#: What is compared. samples: rows are the same inputs; logits: columns are the same classes besides; atoms: columns are the same
#: coordinates, rows are anything; matrix: nothing is matched; model: a whole model, read by the measure itself.
Input = Literal["samples", "logits", "atoms", "matrix", "model"]


@dataclass(frozen=True)
class Measure(Catalogued):
    """A registered measure. ``invariances``: changes of either side that it ignores; ``invariances_other``: of the second, where
    the two differ. ``least``: how many rows it needs."""

    word = "measure"

    name: str
    implementation: Any
    kind: Kind
    range: tuple[float, float]
    input: Input
    invariances: tuple[str, ...]
    invariances_other: tuple[str, ...]
    nulls: tuple[str, ...]
    reads: tuple[str, ...]
    symmetric: bool
    label: str
    units: str
    least: int
    gives: Mapping[str, tuple[str, ...]]
    ticks: Mapping[str, tuple[str, ...]]
    any_task: bool = False  # whether each model is asked on inputs of its own, so that their tasks may differ

    @property
    def over_steps(self) -> bool:
        """Whether whole runs are compared, and not one step of each."""
        return any("step" in axes for axes in self.gives.values())

    @property
    def function(self) -> Any:
        return self.implementation

    @property
    def defaults(self) -> dict[str, Any]:
        """Options and their defaults. What is compared of a model is one of them, unless the measure reads the whole model."""
        tap = {} if self.input == "model" else {"tap": DEFAULT_TAP[self.input]}
        return {**tap, **super().defaults}

    @property
    def better(self) -> str:
        """The direction, as tables and axes say it."""
        return "higher is more alike" if self.kind == "similarity" else "lower is more alike"

    def needs(self, given: Mapping[str, Any] | None = None) -> tuple[Need, ...]:
        """What is read of each model under these options."""
        options = {**self.defaults, **(given or {})}
        reads = self.reads if self.input == "model" else (word(self.name, options["tap"]),)
        return of_model(reads, options)

    def read(self, model: Subject, options: Mapping[str, Any]) -> Subject | Tensor:
        """What of a model is compared under these options: the array at a tap, or the model itself."""
        if self.input != "model":
            return representation(model, options.get("tap") or DEFAULT_TAP[self.input])
        waves = any(need.kind in ("period", "group") for need in self.needs(options))
        return model.in_group() if waves else model

    def prepare(self, one: Subject | Tensor, *, tap: str = "", **options: Any) -> Any:
        """What pairs are made of: from an array, or from a model (at a tap)."""
        with torch.no_grad():
            if isinstance(one, Subject):
                one = self.read(one, {**options, "tap": tap})
            return self.implementation(**options).prepare(one)

    def pairs(
        self, x: Sequence[Any], y: Sequence[Any], *, tap: str = "", **options: Any
    ) -> dict[str, Tensor]:
        """{"value": (len(x), len(y)), extras…}, each pair as if it were the only one."""
        one = self.implementation(**options)
        with torch.no_grad():
            if not hasattr(one, "pairs"):
                return each_pair(one.pair, x, y, self.symmetric and x is y)
            values = one.pairs(x, y)
        return values if isinstance(values, dict) else {"value": values}

    def shuffled(self, x: Any, y: Tensor, orders: Tensor, **options: Any) -> Tensor:
        """Values of prepared ``x`` with the samples of the array ``y`` in other orders (order, n): (order,)."""
        one = self.implementation(**options)
        with torch.no_grad():
            if hasattr(one, "shuffled"):
                return one.shuffled(x, one.prepare(y), orders)
            return one_by_one(lambda order: _value(one.pair(x, one.prepare(y[order]))), list(orders), y)

    def __call__(self, x: Any, y: Any, **options: Any) -> Tensor:
        """The value of arrays (…, n, d) and (…, n, e): (…), on the device of the first; the second is taken there."""
        if self.input == "model":
            raise UserError(
                f"The measure '{self.name}' compares whole models, not arrays: run.compare, store.compare."
            )
        x = as_tensor(x)
        y = as_tensor(y).to(x.device)
        if x.ndim < 2 or x.shape[:-2] != y.shape[:-2]:
            raise UserError(
                f"The measure '{self.name}' takes arrays (…, n, d) and (…, n, e) with the same leading axes; "
                f"these are {tuple(x.shape)} and {tuple(y.shape)}."
            )
        self.refuse(x.shape[-2:], y.shape[-2:])
        each = zip(x.reshape(-1, *x.shape[-2:]), y.reshape(-1, *y.shape[-2:]), strict=True)
        options = {k: v for k, v in self.options(options).items() if k != "tap"}
        values = [
            self.pairs([self.prepare(a, **options)], [self.prepare(b, **options)], **options)["value"][0, 0]
            for a, b in each
        ]
        return torch.stack(values).reshape(x.shape[:-2]).to(x.device)

    def refuse(
        self, x: Sequence[int], y: Sequence[int], names: tuple[str, str] = ("the first", "the second")
    ) -> None:
        """Say which shapes (rows, columns) cannot be compared, and why."""
        (n, d), (m, e) = x, y
        first, second = names
        if self.input in ("samples", "logits") and n != m:
            raise UserError(
                f"The samples are not matched: {first} has {n}, {second} has {m}. '{self.name}' compares what two representations "
                "say of the same inputs, row by row."
            )
        if self.input in ("logits", "atoms") and d != e:
            what = "classes" if self.input == "logits" else "dimensions"
            raise UserError(
                f"'{self.name}' needs the same {what}: {first} has {d} columns, {second} has {e}."
            )
        if min(n, m) < self.least:
            raise UserError(f"'{self.name}' needs {self.least} rows or more; there are {min(n, m)}.")


def each_pair(
    pair: Callable[[Any, Any], Any], x: Sequence[Any], y: Sequence[Any], symmetric: bool
) -> dict[str, Tensor]:
    """All values of ``pair``, shared out among the cores, each computed on one; of a symmetric table one triangle and its mirror."""
    places = [(i, j) for i in range(len(x)) for j in range(i if symmetric else 0, len(y))]
    found = _shared(lambda place: pair(x[place[0]], y[place[1]]), places, x[0])
    table: dict[str, Tensor] = {}
    for (i, j), values in zip(places, found, strict=True):
        for name, value in (values if isinstance(values, dict) else {"value": values}).items():
            value = torch.as_tensor(value)
            table.setdefault(name, value.new_zeros(len(x), len(y), *value.shape))[i, j] = value
            if symmetric and i != j:
                other = _mirror(name) if isinstance(values, dict) and _mirror(name) in values else name
                table.setdefault(other, value.new_zeros(len(x), len(y), *value.shape))[j, i] = value
    return table


def _mirror(name: str) -> str:
    """What an extra is called when the two sides change places."""
    return name.removesuffix("_other") if name.endswith("_other") else f"{name}_other"


def one_by_one(function: Callable[[Any], Tensor], items: Sequence[Any], like: Any) -> Tensor:
    """``function`` of every item, shared out among the cores: (item,)."""
    return torch.stack([torch.as_tensor(v) for v in _shared(function, items, like)])


def _shared(function: Callable[[Any], Any], items: Sequence[Any], like: Any) -> list[Any]:
    """On a CPU one core each; an accelerator takes one after another."""

    def quietly(item: Any) -> Any:
        with torch.no_grad():  # threads do not inherit it
            return function(item)

    if _device(like).type != "cpu":
        return [quietly(item) for item in items]
    with one_core_each() as share:
        return share(quietly, items)


def _device(factors: Any) -> torch.device:
    if isinstance(factors, Tensor):
        return factors.device
    if isinstance(factors, tuple):
        return next((_device(f) for f in factors if isinstance(f, Tensor | tuple)), torch.device("cpu"))
    return torch.device("cpu")


def _value(values: Any) -> Any:
    return values["value"] if isinstance(values, dict) else values


@dataclass_transform(kw_only_default=True, frozen_default=True)
def measure(
    *,
    kind: Kind,
    range: tuple[float, float] = (-math.inf, math.inf),
    input: Input = "model",
    invariances: tuple[str, ...] = (),
    invariances_other: tuple[str, ...] | None = None,
    nulls: tuple[str, ...] = (),
    reads: tuple[str, ...] = (),
    symmetric: bool = True,
    label: str = "",
    units: str = "1",
    least: int = 2,
    gives: Mapping[str, tuple[str, ...]] | None = None,
    ticks: Mapping[str, tuple[str, ...]] | None = None,
    any_task: bool = False,
    name: str | None = None,
) -> Callable[[type], Measure]:
    """Register a class with ``prepare`` and ``pair`` (or ``pairs``) under its name; its annotated fields become options."""
    for axis in {axis for axes in (gives or {}).values() for axis in axes} | set(ticks or {}):
        if axis not in AXES:
            raise UnknownName(
                "axis", axis, AXES, "Plug-ins declare theirs with ontogeny.axes.add(name, description)."
            )

    def register(cls: type) -> Measure:
        title = name or cls.__name__
        if "__init__" in cls.__dict__ or inspect.isabstract(cls):
            raise UserError(f"The measure '{title}' is a plain class: options are its fields, with defaults.")
        entry = Measure(
            title,
            dataclass(frozen=True, kw_only=True)(cls),
            kind,
            range,
            input,
            invariances,
            invariances if invariances_other is None else invariances_other,
            nulls,
            reads,
            symmetric,
            label or title.replace("_", " "),
            units,
            least,
            gives or {},
            ticks or {},
            any_task,
        )
        return measures.add(title, entry)

    return register

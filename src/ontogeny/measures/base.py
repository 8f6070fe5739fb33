"""What a measure is: ``prepare(one) → factors`` once a model, ``pairs(factors, factors) → values`` once for all pairs.

    @measure(kind="similarity", range=(-1, 1), invariances=("permutation", "unit_scale"), nulls=("reinitialised",))
    class tn_similarity:
        '''Do two bilinear models compute the same tensor? …'''
        def prepare(model: Subject, *, part="whole") -> factors      # one model, no leading axes
        def pairs(x: list, y: list, *, part="whole") -> Tensor | dict  # (len(x), len(y)); dict: "value" and extras

``pairs`` gets lists because models may differ in shape; how to stack them is the measure's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from ontogeny.needs import Need, of_model
from ontogeny.options import Catalogued
from ontogeny.registry import measures
from ontogeny.subject import Subject

Kind = Literal["similarity", "distance", "divergence"]


@dataclass(frozen=True)
class Measure(Catalogued):
    """A registered measure."""

    word = "measure"

    name: str
    implementation: Any
    kind: Kind
    range: tuple[float, float]
    invariances: tuple[str, ...]
    nulls: tuple[str, ...]
    reads: tuple[str, ...]
    symmetric: bool
    label: str
    units: str

    @property
    def function(self) -> Any:
        return self.implementation

    @property
    def takes_options(self) -> Callable[..., Any]:
        return self.implementation.pairs

    def needs(self, given: Mapping[str, Any] | None = None) -> tuple[Need, ...]:
        """What is read of each model under these options."""
        return of_model(self.reads, {**self.defaults, **(given or {})})

    def prepare(self, model: Subject, **options: Any) -> Any:
        waves = any(need.kind in ("period", "group") for need in self.needs(options))
        return self.implementation.prepare(model.in_group() if waves else model, **options)

    def pairs(self, x: Sequence[Any], y: Sequence[Any], **options: Any) -> dict[str, Tensor]:
        """{"value": (len(x), len(y)), extras…}."""
        values = self.implementation.pairs(x, y, **options)
        return values if isinstance(values, dict) else {"value": values}


def measure(
    *,
    kind: Kind,
    range: tuple[float, float],
    invariances: tuple[str, ...] = (),
    nulls: tuple[str, ...] = (),
    reads: tuple[str, ...] = (),
    symmetric: bool = True,
    label: str = "",
    units: str = "1",
    name: str | None = None,
) -> Callable[[Any], Measure]:
    """Register a class with ``prepare`` and ``pairs`` under its name."""

    def register(cls: Any) -> Measure:
        title = name or cls.__name__
        implementation = cls()
        entry = Measure(
            title, implementation, kind, range, invariances, nulls, reads, symmetric, label or title, units
        )
        return measures.add(title, entry)

    return register

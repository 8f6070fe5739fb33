"""What a lens is: a pure function from a :class:`~ontogeny.subject.Subject` to labelled arrays, and what it declares.

    @lens(reads=("weights:W_l", "outputs", "tap:hook_hidden", "lens:key_frequencies@final"), cost="cheap")
    def my_lens(model: Subject, *, threshold: float = 0.85) -> dict[str, Labelled]:
        '''The question answered, in one sentence. …'''

Keyword arguments are the lens's options. The function is written for tensors with any number of leading axes and names only
the trailing axes of what it returns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ontogeny.axes import Labelled
from ontogeny.errors import UnknownName, UserError
from ontogeny.options import Catalogued, describe
from ontogeny.registry import lenses
from ontogeny.subject import Subject

Cost = Literal["cheap", "moderate", "costly"]
Scope = Literal["model", "trajectory"]
READS = ("weights", "outputs", "tap", "gradients", "split", "grid", "period", "truth", "host", "lens")


@dataclass(frozen=True)
class Lens(Catalogued):
    """A registered lens. Calling it calls the function."""

    word = "lens"

    name: str
    function: Callable[..., dict[str, Labelled]]
    reads: tuple[str, ...] = ()
    cost: Cost = "cheap"
    scope: Scope = "model"
    keep: bool = True  # False: computed when asked for, not stored

    def __call__(self, model: Subject, **options: Any) -> dict[str, Labelled]:
        return self.function(model, **options)

    def of(self, kind: str) -> tuple[str, ...]:
        """What is read of one kind: ``of("tap")`` → tap names, ``of("lens")`` → "name" or "name@final"."""
        return tuple(r.partition(":")[2] for r in self.reads if r.partition(":")[0] == kind)

    def obstacle(self, model: Subject) -> str | None:
        """Why this lens cannot look at this model; ``None`` if it can."""
        return model.lacks(self.reads)


def lens(
    *,
    reads: tuple[str, ...] = (),
    cost: Cost = "cheap",
    scope: Scope = "model",
    keep: bool = True,
    name: str | None = None,
) -> Callable[[Callable[..., dict[str, Labelled]]], Lens]:
    """Register a lens under the function's name."""

    def register(function: Callable[..., dict[str, Labelled]]) -> Lens:
        for read in reads:
            if read.partition(":")[0] not in READS:
                raise UnknownName("thing a lens can read", read.partition(":")[0], READS)
        if not describe(function):
            raise UserError(
                f"The lens '{function.__name__}' has no docstring; say which question it answers."
            )
        entry = Lens(name or function.__name__, function, reads, cost, scope, keep)
        return lenses.add(entry.name, entry)

    return register
